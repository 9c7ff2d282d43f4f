"""A mapping file: which column of a file is which field, written once and used each night.

kind = "customers"

[columns]
"Kd-Nr" = "record_id"
"VIP" = "trait:vip_level"
"Newsletter" = "consent:newsletter"
"Bemerkung" = ""                       # not used

[set]
consent_method = "paper form"
"""

import json
import tomllib
from collections.abc import Iterable
from pathlib import Path

import msgspec

from regulars.collect.files.columns import Columns
from regulars.collect.files.kind import FileKind
from regulars.core.errors import Rejected

#: What a column is mapped to that is not used.
NOT_USED = '""'


class Mapping(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a mapping file says."""

    kind: str = ""
    format: str = ""
    columns: dict[str, str] = {}
    set: dict[str, str] = {}


def read_mapping(path: Path) -> Mapping:
    """The mapping; raises Rejected with the place of what is wrong."""
    try:
        return msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), Mapping)
    except FileNotFoundError:
        raise Rejected(f"{path} does not exist", field="--mapping", expected="a TOML file", got=str(path)) from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise Rejected(f"{path} cannot be read: {error}", field="--mapping", expected="TOML", got=str(path)) from None
    except msgspec.ValidationError as error:
        expected = 'kind, format, [columns] "COLUMN" = "FIELD", [set] NAME = "VALUE"'
        raise Rejected(f"{path}: {error}", field="--mapping", expected=expected, got=str(error)) from None


def guessed(kind: FileKind, columns: Iterable[str], file: str) -> str:
    """A mapping file to begin with: what the names of the columns tell, and the others to be filled in.

    >>> from regulars.collect.files import KINDS
    >>> print(guessed(KINDS["events"], ["Ereignis", "Farbe"], "e.csv").partition("[columns]")[2])
    <BLANKLINE>
    "Ereignis" = "event"
    "Farbe" = "Farbe"
    <BLANKLINE>
    """
    known = Columns(kind.columns)
    fields = ", ".join(kind.columns)
    lines = [f'# How {file} is read: which column is which field. A column with "" is not used.', f"# Fields: {fields}"]
    lines += [f"# Others: {kind.others}"] if kind.others else []
    lines += ["", f'kind = "{kind.name}"', "", "[columns]"]
    taken: set[str] = set()
    for column in columns:
        field = known.field(column)
        name = json.dumps(column, ensure_ascii=False)
        if field is None or field in taken:
            lines.append(f"{name} = {name if kind.keeps_others else NOT_USED}")
        else:
            taken.add(field)
            lines.append(f'{name} = "{field}"')
    if kind.options:
        lines += ["", "[set]"]
        lines += [f'# {name} = "…"  # {meaning}' for name, meaning in kind.options.items()]
    return "\n".join(lines) + "\n"
