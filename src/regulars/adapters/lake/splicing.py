"""A Parquet file with some of its row groups replaced; the others stay byte for byte where they are.

The rows that are left of a row group are fewer, so they are written into its place, and zeros fill the rest of it. What
needs more room goes behind the last row group. So of the footer (Thrift's compact protocol: parquet-format,
`parquet.thrift`) only the number of rows and the replaced row groups change; of all else just the places are looked up,
which takes a fraction of reading it all.
"""

from collections.abc import Iterator, Mapping
from typing import Any

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
_CHUNK_INDEXES, _META_PLACES = (4, 6), (10, 14)

#: What is looked up of a struct, by field: True is a number, a tuple a struct, a list a list of structs.
_Spec = Mapping[int, Any]
_CHUNK: _Spec = {
    _META: ({_COMPRESSED: True, _DATA_PAGE: True, _DICTIONARY_PAGE: True} | dict.fromkeys(_META_PLACES, True),),
    **dict.fromkeys((_CHUNK_OFFSET, *_CHUNK_INDEXES), True),
}
_GROUP: _Spec = {_COLUMNS: [_CHUNK], **dict.fromkeys((_GROUP_ROWS, _GROUP_OFFSET, _ORDINAL), True)}
_FOOTER: _Spec = {_NUM_ROWS: True, _ROW_GROUPS: [_GROUP]}
#: Where a value stands, from and to, and what it is: a number, a struct, or structs.
_Seen = tuple[int, int, Any]
#: More of a file than this share is not left empty.
_MOST_EMPTY = 0.5


class NotSpliceable(ValueError):
    """The file has something that would have to be moved, too, or would be left mostly empty."""


def spliced(data: bytes, replaced: Mapping[int, bytes | None], noted: bytes) -> bytes:
    """The file with row groups replaced by the only one of another file, or left out; `noted` stands before the footer.

    Both files must be of the same schema. Raises NotSpliceable for what is no Parquet file with a plain footer.
    """
    footer, begins, ends = _footer(data)
    groups: list[_Seen] = footer[_ROW_GROUPS][2]
    places = [_place(group) for _, _, group in groups]
    whole = bytearray(data[: max(end for _, end in places)])
    written: list[bytes] = []
    used = filled = len(_MAGIC)
    rows = 0
    for number, (start, end) in enumerate(places):
        at, until, group = start, end, groups[number]
        if number not in replaced:
            written.append(_moved(data, group, 0, len(written)))
        else:
            whole[start:end] = bytes(end - start)
            new = replaced[number]
            if new is None:
                continue
            ((group,), ((first, last),)) = _groups(new)
            at = start if last - first <= end - start else len(whole)
            until = at + last - first
            whole[at:until] = new[first:last]
            written.append(_moved(new, group, at - first, len(written)))
        rows += group[2][_GROUP_ROWS][2]
        used = max(used, until)
        filled += until - at
    del whole[used:]  # what is empty at the end
    if filled < used * _MOST_EMPTY:
        raise NotSpliceable("most of the file would be empty")
    count, listed = footer[_NUM_ROWS], footer[_ROW_GROUPS]
    told = [data[begins : count[0]], _number(rows), data[count[1] : listed[0]], _list_head(len(written))]
    new = b"".join([*told, *written, data[listed[1] : ends]])
    return b"".join([whole, noted, new, len(new).to_bytes(4, "little"), _MAGIC])


def _footer(data: bytes) -> tuple[dict[int, _Seen], int, int]:
    """What is looked up of the footer, and where it begins and ends."""
    if len(data) < 12 or data[-4:] != _MAGIC:
        raise NotSpliceable("no Parquet file with a plain footer")
    ends = len(data) - 8
    begins = ends - int.from_bytes(data[ends : ends + 4], "little")
    return _read(data, begins, _FOOTER)[0], begins, ends


def _groups(data: bytes) -> tuple[list[_Seen], list[tuple[int, int]]]:
    """The row groups of a file, and where their pages begin and end."""
    found: list[_Seen] = _footer(data)[0][_ROW_GROUPS][2]
    return found, [_place(group) for _, _, group in found]


def _place(group: Mapping[int, _Seen]) -> tuple[int, int]:
    """Where the pages of a row group begin and end; they lie one after the other."""
    places = sorted(_chunk_place(chunk) for _, _, chunk in group[_COLUMNS][2])
    at = places[0][0]
    for start, size in places:
        if start != at:
            raise NotSpliceable("the columns of a row group do not lie side by side")
        at += size
    return places[0][0], at


def _chunk_place(chunk: Mapping[int, _Seen]) -> tuple[int, int]:
    meta: Mapping[int, _Seen] = chunk[_META][2]
    if any(one in chunk for one in _CHUNK_INDEXES) or any(one in meta for one in _META_PLACES):
        raise NotSpliceable("indexes of pages lie elsewhere in the file")
    start: int = meta[_DATA_PAGE][2]
    if _DICTIONARY_PAGE in meta:
        start = min(start, meta[_DICTIONARY_PAGE][2])
    return start, meta[_COMPRESSED][2]


def _moved(data: bytes, seen: _Seen, by: int, number: int) -> bytes:
    """The bytes of a row group's struct, as the so many'th and of pages that lie elsewhere."""
    first, last, group = seen
    changes = [(start, end, place + by) for start, end, place in _places(group)] if by else []
    if _ORDINAL in group:
        changes.append((*group[_ORDINAL][:2], number))
    out, at = [], first
    for start, end, value in sorted(changes):
        out += [data[at:start], _number(value)]
        at = end
    return b"".join([*out, data[at:last]])


def _places(group: Mapping[int, _Seen]) -> Iterator[_Seen]:
    """The values that are places in the file; 0 is none."""
    chunks = [chunk for _, _, chunk in group[_COLUMNS][2]]
    of_pages = [(chunk[_META][2], field) for chunk in chunks for field in (_DATA_PAGE, _DICTIONARY_PAGE)]
    for struct, field in [(group, _GROUP_OFFSET), *((chunk, _CHUNK_OFFSET) for chunk in chunks), *of_pages]:
        if field in struct and struct[field][2]:
            yield struct[field]


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


def _read(data: bytes, at: int, spec: _Spec) -> tuple[dict[int, _Seen], int]:
    """What the spec names of the struct that begins at a place, and where the struct ends."""
    found: dict[int, _Seen] = {}
    field = 0
    while head := data[at]:
        at += 1
        kind = head & 15
        if head >> 4:
            field += head >> 4
        else:
            number, at = _varint(data, at)
            field = (number >> 1) ^ -(number & 1)
        wanted = spec.get(field)
        start = at
        if wanted is None:
            at = _skipped(data, at, kind) if kind > _FALSE else at
        elif isinstance(wanted, tuple) and kind == _STRUCT:
            value, at = _read(data, at, wanted[0])
            found[field] = (start, at, value)
        elif isinstance(wanted, list) and kind == _LIST:
            values, at = _structs(data, at, wanted[0])
            found[field] = (start, at, values)
        elif kind in (_I16, _I32, _I64):
            number, at = _varint(data, at)
            found[field] = (start, at, (number >> 1) ^ -(number & 1))
        else:
            raise NotSpliceable(f"field {field} of the footer has the type {kind}")
    return found, at + 1


def _structs(data: bytes, at: int, spec: _Spec) -> tuple[list[_Seen], int]:
    count, at = data[at] >> 4, at + 1
    if count == _MANY:
        count, at = _varint(data, at)
    values: list[_Seen] = []
    for _ in range(count):
        start = at
        value, at = _read(data, at, spec)
        values.append((start, at, value))
    return values, at


def _skipped(data: bytes, at: int, kind: int) -> int:
    """Where a value ends."""
    if kind in (_I16, _I32, _I64):
        while data[at] & 0x80:
            at += 1
        return at + 1
    if kind == _BINARY:
        size, at = _varint(data, at)
        return at + size
    if kind == _STRUCT:
        return _struct_skipped(data, at)
    if kind in (_LIST, _SET):
        head, at = data[at], at + 1
        count, inner = head >> 4, head & 15
        if count == _MANY:
            count, at = _varint(data, at)
        for _ in range(count):
            at = _skipped(data, at, inner)
        return at
    if kind not in _FIXED:
        raise NotSpliceable(f"the footer has a value of type {kind}")
    return at + _FIXED[kind]


def _struct_skipped(data: bytes, at: int) -> int:
    while head := data[at]:
        at += 1
        if head < _MANY + 1:  # a field whose number stands by itself
            _, at = _varint(data, at)
        inner = head & 15
        if inner in (_I64, _I32):  # most of what a footer holds is this or short texts: no call for each
            while data[at] & 0x80:
                at += 1
            at += 1
        elif inner == _BINARY and data[at] < 0x80:
            at += 1 + data[at]
        elif inner > _FALSE:
            at = _skipped(data, at, inner)
    return at + 1


def _number(value: int) -> bytes:
    """A number that is not negative, as footers have it."""
    return _varint_of(value << 1)


def _varint_of(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _list_head(count: int) -> bytes:
    """The head of a list of structs."""
    many = _varint_of(count) if count >= _MANY else b""
    return bytes([min(count, _MANY) << 4 | _STRUCT]) + many
