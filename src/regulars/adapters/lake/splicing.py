"""A Parquet file with some of its row groups replaced; the others are copied as they lie there, without being decoded.

Pages say nothing of where they lie, so a row group may be moved: the footer alone has its places. The footer is
Thrift's compact protocol (parquet-format, `parquet.thrift`); of it the list of row groups is read and written anew.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

_MAGIC = b"PAR1"
_TRUE, _FALSE, _BYTE, _I16, _I32, _I64, _DOUBLE, _BINARY, _LIST, _SET, _STRUCT = 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12
_FIXED = {_TRUE: 1, _FALSE: 1, _BYTE: 1, _DOUBLE: 8}  # bytes of an element
_MANY = 15  # a list of so many has its length in bytes of its own
# Fields of FileMetaData, RowGroup, ColumnChunk and ColumnMetaData.
_NUM_ROWS, _ROW_GROUPS = 3, 4
_COLUMNS, _GROUP_ROWS, _GROUP_OFFSET, _ORDINAL = 1, 3, 5, 7
_CHUNK_OFFSET, _META = 2, 3
_COMPRESSED, _DATA_PAGE, _DICTIONARY_PAGE = 7, 9, 11
#: Places of indexes and filters of pages, which the lake does not write.
_CHUNK_INDEXES, _META_PLACES = (1, 4, 6), (10, 14)

#: A struct: by the number of the field its type and value. A list: the type of its elements, and they.
Struct = dict[int, tuple[int, Any]]


class NotSpliceable(ValueError):
    """The file has something that would have to be moved, too."""


class Pieces(NamedTuple):
    """A file taken apart."""

    data: bytes
    footer: Struct

    @property
    def groups(self) -> list[Struct]:
        """The row groups."""
        found: list[Struct] = self.footer[_ROW_GROUPS][1][1]
        return found


def taken_apart(data: bytes) -> Pieces:
    """The row groups of a file.

    Raises NotSpliceable for what is no Parquet file with a plain footer.
    """
    if len(data) < 12 or data[-4:] != _MAGIC:
        raise NotSpliceable("no Parquet file with a plain footer")
    end = len(data) - 8
    footer, _ = _struct(data, end - int.from_bytes(data[end : end + 4], "little"))
    return Pieces(data, footer)


def spliced(old: Pieces, replaced: Mapping[int, Pieces | None], noted: bytes) -> bytes:
    """The file with row groups replaced by the only one of another file, or left out; `noted` stands before the footer.

    Both files must be of the same schema.
    """
    out = [_MAGIC]
    at = len(_MAGIC)
    groups: list[Struct] = []
    for number in range(len(old.groups)):
        source = replaced.get(number, old)
        if source is None:
            continue
        group = source.groups[number if source is old else 0]
        start, size = _place(group)
        out.append(source.data[start : start + size])
        groups.append(_moved(group, at - start, len(groups)))
        at += size
    rows = sum(group[_GROUP_ROWS][1] for group in groups)
    footer = {**old.footer, _NUM_ROWS: (_I64, rows), _ROW_GROUPS: (_LIST, (_STRUCT, groups))}
    written = bytearray()
    _write_struct(written, footer)
    return b"".join([*out, noted, written, len(written).to_bytes(4, "little"), _MAGIC])


def _place(group: Struct) -> tuple[int, int]:
    """Where the pages of a row group begin, and how many bytes they are; they lie one after the other."""
    places = sorted(_chunk_place(chunk) for chunk in group[_COLUMNS][1][1])
    at = places[0][0]
    for start, size in places:
        if start != at:
            raise NotSpliceable("the columns of a row group do not lie side by side")
        at += size
    return places[0][0], at - places[0][0]


def _chunk_place(chunk: Struct) -> tuple[int, int]:
    meta: Struct = chunk[_META][1]
    if any(one in chunk for one in _CHUNK_INDEXES) or any(one in meta for one in _META_PLACES):
        raise NotSpliceable("indexes of pages lie elsewhere in the file")
    start = meta[_DATA_PAGE][1]
    if _DICTIONARY_PAGE in meta:
        start = min(start, meta[_DICTIONARY_PAGE][1])
    return start, meta[_COMPRESSED][1]


def _moved(group: Struct, by: int, number: int) -> Struct:
    """A row group that lies elsewhere, as the so many'th."""
    chunks = []
    for chunk in group[_COLUMNS][1][1]:
        meta = _shifted(chunk[_META][1], (_DATA_PAGE, _DICTIONARY_PAGE), by)
        chunks.append({**_shifted(chunk, (_CHUNK_OFFSET,), by), _META: (_STRUCT, meta)})
    moved = _shifted(group, (_GROUP_OFFSET,), by)
    moved[_COLUMNS] = (_LIST, (_STRUCT, chunks))
    if _ORDINAL in moved:
        moved[_ORDINAL] = (_I16, number)
    return moved


def _shifted(found: Struct, fields: tuple[int, ...], by: int) -> Struct:
    """A struct whose places are moved; 0 is no place."""
    moved = dict(found)
    for field in fields:
        if field in moved and moved[field][1]:
            kind, value = moved[field]
            moved[field] = (kind, value + by)
    return moved


# Thrift's compact protocol ------------------------------------------------------------------------------------------


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = data[at]
    at += 1
    if value < 0x80:
        return value, at
    value &= 0x7F
    shift = 7
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def _struct(data: bytes, at: int) -> tuple[Struct, int]:
    found: Struct = {}
    field = 0
    while head := data[at]:
        at += 1
        kind, delta = head & 15, head >> 4
        if delta:
            field += delta
        else:
            number, at = _varint(data, at)
            field = (number >> 1) ^ -(number & 1)
        if kind <= _FALSE:
            found[field] = (kind, kind == _TRUE)
        else:
            value, at = _value(data, at, kind)
            found[field] = (kind, value)
    return found, at + 1


def _value(data: bytes, at: int, kind: int) -> tuple[Any, int]:
    if kind in (_I16, _I32, _I64):
        number, at = _varint(data, at)
        return (number >> 1) ^ -(number & 1), at
    if kind == _BINARY:
        size, at = _varint(data, at)
        return data[at : at + size], at + size
    if kind == _STRUCT:
        return _struct(data, at)
    if kind in (_LIST, _SET):
        return _list(data, at)
    if kind not in _FIXED:
        raise NotSpliceable(f"the footer has a value of type {kind}")
    return data[at : at + _FIXED[kind]], at + _FIXED[kind]


def _list(data: bytes, at: int) -> tuple[tuple[int, list[Any]], int]:
    head = data[at]
    count, kind, at = head >> 4, head & 15, at + 1
    if count == _MANY:
        count, at = _varint(data, at)
    values = []
    for _ in range(count):
        value, at = _value(data, at, kind)
        values.append(value)
    return (kind, values), at


def _write_varint(out: bytearray, value: int) -> None:
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)


def _write_struct(out: bytearray, found: Struct) -> None:
    before = 0
    for field in sorted(found):
        kind, value = found[field]
        out.append((field - before) << 4 | kind if 0 < field - before <= _MANY else kind)
        if not 0 < field - before <= _MANY:
            _write_varint(out, field << 1)
        before = field
        if kind > _FALSE:
            _write_value(out, kind, value)
    out.append(0)


def _write_value(out: bytearray, kind: int, value: Any) -> None:
    if kind in (_I16, _I32, _I64):
        _write_varint(out, value << 1 if value >= 0 else (-value << 1) - 1)
    elif kind == _BINARY:
        _write_varint(out, len(value))
        out += value
    elif kind == _STRUCT:
        _write_struct(out, value)
    elif kind in (_LIST, _SET):
        inner, values = value
        out.append(min(len(values), _MANY) << 4 | inner)
        if len(values) >= _MANY:
            _write_varint(out, len(values))
        for one in values:
            _write_value(out, inner, one)
    else:
        out += value
