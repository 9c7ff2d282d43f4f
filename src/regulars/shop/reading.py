"""Turn one TOML file into structs, collecting every mistake instead of stopping at the first."""

import re
import tomllib
from collections.abc import Callable, Iterator
from datetime import date, time
from functools import cache
from types import UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

import msgspec
from msgspec.structs import FieldInfo

from regulars.shop.lines import line_of
from regulars.shop.mistake import Mistake, listed, nearest

S = TypeVar("S", bound=msgspec.Struct)

_WORDS = {
    "`int`": "a whole number",
    "`float`": "a number",
    "`str`": "text in quotes",
    "`bool`": "true or false",
    "`array`": "a list [...]",
    "`object`": "a table {...}",
    "`null`": "nothing",
}


class TomlFile:
    """One file of the folder: its tables, and the mistakes found in it."""

    def __init__(self, name: str, content: bytes) -> None:
        self.name = name
        self.text = ""
        self.data: dict[str, Any] = {}
        self.mistakes: list[Mistake] = []
        try:
            self.text = content.decode()
            self.data = _plain(tomllib.loads(self.text))
        except UnicodeDecodeError as error:
            line = content[: error.start].count(b"\n") + 1
            self.mistakes.append(Mistake(name, line, "", "not UTF-8 text; save the file as UTF-8"))
        except tomllib.TOMLDecodeError as error:
            at = re.search(r"at line (\d+)", str(error))
            line = int(at[1]) if at else self.text.count("\n") + 1
            self.mistakes.append(Mistake(name, line, "", f"not valid TOML: {str(error).partition(' (at ')[0]}"))

    def report(self, path: tuple[str, ...], message: str, suggestion: str = "") -> None:
        """Note a mistake at a key."""
        line = line_of(self.text, path)
        self.mistakes.append(Mistake(self.name, line, dotted(path), message, suggestion))

    def only(self, *keys: str) -> None:
        """Report top-level keys other than these."""
        for key in self.data:
            if key not in keys:
                self.report((key,), f"unknown table; this file holds {listed(keys)}", nearest(key, keys))

    def entries(self, table: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """The named entries [table.name] of the file."""
        entries = self.data.get(table, {})
        if not isinstance(entries, dict):
            self.report((table,), f"expected tables [{table}.name], got {shown(entries)}")
            return
        for name, raw in entries.items():
            if isinstance(raw, dict):
                yield name, raw
            else:
                self.report((table, name), f"expected a table [{table}.name], got {shown(raw)}")

    def struct(self, kind: type[S], path: tuple[str, ...], raw: dict[str, Any], **given: Any) -> S | None:
        """`raw` as a struct whose remaining fields are `given`; None when something is wrong (reported)."""
        fields = {f.encode_name: f for f in msgspec.structs.fields(kind) if f.name not in given}
        values: dict[str, Any] = dict(given)
        before = len(self.mistakes)
        for key, value in raw.items():
            field = fields.get(key)
            if field is None:
                self.report((*path, key), f"unknown key; known are {listed(fields)}", nearest(key, fields))
                continue
            inner = _struct_in(field.type)
            if inner is not None and isinstance(value, dict):
                values[field.name] = self.struct(inner, (*path, key), value)
                continue
            try:
                values[field.name] = msgspec.convert(value, field.type)
            except msgspec.ValidationError as error:
                self.report((*path, key), *_explained(field, value, str(error)))
        for key, field in fields.items():
            if field.required and key not in raw:
                self.report((*path, key), "missing; this key is required")
        if len(self.mistakes) > before:
            return None
        try:
            return kind(**values)
        except ValueError as error:
            self.report(path, str(error))
            return None


def dotted(path: tuple[str, ...]) -> str:
    """A key as TOML writes it.

    >>> dotted(("events", "Product Viewed", "purpose"))
    'events."Product Viewed".purpose'
    """
    return ".".join(p if re.fullmatch(r"[A-Za-z0-9_-]+", p) else f'"{p}"' for p in path)


def shown(value: Any) -> str:
    """A value for a message, cut when it is long."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


@cache
def entry_type(kind: type[msgspec.Struct], *given: str) -> type[msgspec.Struct]:
    """The struct as it is written in a file: without the fields that the table's name gives."""
    fields = [
        (f.name, f.type) if f.required else (f.name, f.type, _default(f))
        for f in msgspec.structs.fields(kind)
        if f.name not in given
    ]
    return msgspec.defstruct(kind.__name__ + "Entry", fields, kw_only=True, forbid_unknown_fields=True)


def _default(field: FieldInfo) -> Any:
    if field.default is not msgspec.NODEFAULT:
        return field.default
    factory: Callable[[], Any] = field.default_factory
    return msgspec.field(default_factory=factory)


def _struct_in(annotation: Any) -> type[msgspec.Struct] | None:
    options = get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)
    for option in options:
        if isinstance(option, type) and issubclass(option, msgspec.Struct):
            return option
    return None


def _explained(field: FieldInfo, value: Any, error: str) -> tuple[str, str]:
    """The converter's message in words of the folder, and a suggestion."""
    options = get_args(field.type) if get_origin(field.type) in (Union, UnionType) else (field.type,)
    choices = [c for option in options if get_origin(option) is Literal for c in get_args(option) if isinstance(c, str)]
    if choices:
        return f"expected one of {listed(choices)}, got {shown(value)}", nearest(str(value), choices)
    wanted = error.partition(", got")[0].partition(" - at")[0].removeprefix("Expected ")
    for name, words in _WORDS.items():
        wanted = wanted.replace(name, words)
    return f"expected {wanted.replace(' | ', ' or ')}, got {shown(value)}", ""


def _plain(value: Any) -> Any:
    """Dates of TOML as ISO text, everywhere."""
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_plain(v) for v in value]
    return value.isoformat() if isinstance(value, date | time) else value
