"""Every kind of file that can be imported: those of events, and those of the catalogue."""

from collections.abc import Collection, Mapping

from regulars.collect.files import KINDS as EVENT_KINDS
from regulars.collect.files.kind import FileKind
from regulars.core.errors import Rejected
from regulars.importing import products

KINDS: dict[str, FileKind] = {**EVENT_KINDS, **{kind.name: kind for kind in products.KINDS}}
#: Formats that are of one kind alone.
_BY_FORMAT = {name: kind.name for kind in KINDS.values() for name in kind.formats}


def kind_of(name: str) -> FileKind:
    """The kind of a name; raises Rejected."""
    found = KINDS.get(name)
    if found is None:
        raise Rejected(f"there is no import of {name!r}", field="--kind", expected=", ".join(KINDS), got=name)
    return found


def recognised(columns: Collection[str], mapping: Mapping[str, str], file_format: str, name: str) -> FileKind:
    """The kind that a file is of by its columns; raises Rejected where that is not sure."""
    if file_format in _BY_FORMAT:
        return KINDS[_BY_FORMAT[file_format]]
    likeness = [(kind.likeness(columns, mapping), kind) for kind in KINDS.values() if not kind.formats]
    best = max(alike for alike, _ in likeness)
    found = [kind for alike, kind in likeness if alike == best and best]
    if len(found) == 1:
        return found[0]
    raise Rejected(
        f"the columns of {name} do not say what a row is; say it with --kind",
        field="--kind",
        expected=", ".join(kind.name for kind in found) or ", ".join(KINDS),
        got=", ".join(list(columns)[:20]) or "no columns",
    )
