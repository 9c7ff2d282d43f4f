"""Rows out of the lake: which parts hold them, and those parts written again without them.

The words of a part (`words`) tell which of its row groups may hold or name somebody; the others are copied as they are.
Of a part without them, statistics tell where a subject can be, and its texts are searched.
"""

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from regulars.adapters.finding import Finder
from regulars.adapters.lake import tables, words
from regulars.adapters.lake.files import Encoding, Folder, MissingPart
from regulars.adapters.lake.splicing import NotSpliceable
from regulars.core.lake import ALL_BUCKETS, EVENT_PART, PROFILE_PART, Drop, Dropped, PartFile, bucket_of
from regulars.core.traces import MASK, spelled_in_text, texts, values

#: Parts that are looked at and written side by side: while one waits for the disk, another computes. More would only
#: wait for the interpreter's lock.
THREADS = 2
#: Columns in which the events of others may name somebody; short and dictionary-encoded.
_NAMING = ("identifiers", "claims")
#: JSON columns in which they may: facts may be the identifier whatever its length, the others spell it in a text.
_JSON_FACTS, _JSON_TEXTS = "traits", ("properties", "context")
#: The Kelvin sign and the long s, which are k and s when capitals do not matter.
_ALSO_ASCII = ("\u212a".encode(), "\u017f".encode())
_dictionaries = [*(f"{name}.list.element" for name in _NAMING), _JSON_FACTS, "context"]


class _Looked(NamedTuple):
    """What became of a part: whether rows of it were read, and what was written."""

    part: PartFile
    read: bool
    removed: int = 0
    changed: int = 0
    replaced: bool = False
    new: PartFile | None = None
    groups: list[int] | None = None  # of the new part that are not copies; None: all


def dropped(folder: Folder, listed: Sequence[PartFile], drops: Sequence[Drop], rows_per_group: int) -> Dropped:
    """Write the parts that hold a dropped row, or an erased identifier, again without it; nothing is listed yet."""
    wanted = [part for part in listed if part.kind != PROFILE_PART]
    erased = _Erased(drops)
    question = words.Question([one for drop in drops for one in drop.subjects], erased.names)
    with ThreadPoolExecutor(THREADS) as threads:
        done = list(threads.map(lambda part: _rewrite(folder, part, drops, erased, question, rows_per_group), wanted))
    found = [one for one in done if one.replaced]
    new = [one.new for one in found if one.new is not None]
    folder.settle(new)
    return Dropped(
        parts=new,
        replaced=[one.part.file for one in found],
        removed=sum(one.removed for one in found),
        changed=sum(one.changed for one in found),
        written={one.new.file: one.groups for one in found if one.new is not None},
        searched=sum(one.read for one in done),
        passed=sum(not one.read for one in done),
    )


class _Erased:
    """The identifiers that may stay nowhere, as keys and as the values that facts may spell."""

    def __init__(self, drops: Iterable[Drop]) -> None:
        keys = sorted({key for drop in drops if drop.erases for key in drop.subjects})
        self.names = keys
        self.keys = pa.array(keys, pa.string())
        self.values = sorted({key.partition(":")[2] for key in keys})
        self.spelled = spelled_in_text(keys)
        self._texts = [_quoted(value)[1:-1] for value in values(f":{one}" for one in self.values)]
        self._facts = [*map(_quoted, self.values), *self._texts]
        #: Whether a part is worth decoding: every form in which columns may hold the person.
        self.finder = Finder([*texts(keys), *(key.lower().encode() for key in keys), *map(_short, self.values)])
        bounds = [drop.offset for drop in drops if drop.erases]
        #: Later records are of somebody who came back.
        self.offset = None if not bounds or None in bounds else max(bound for bound in bounds if bound is not None)

    def __bool__(self) -> bool:
        return len(self.keys) > 0

    def told_by(self, name: str, column: Any) -> list[int]:
        """Rows of a JSON column that may spell one of the values."""
        small = _small_letters(column)
        found: Any = None
        for value in self._facts if name == _JSON_FACTS else self._texts:
            if small is not None and value.isascii() and value.lower().encode() not in small:
                continue  # to look row by row takes a hundred times as long
            rows = pc.match_substring(column, value, ignore_case=True)
            found = rows if found is None else pc.or_(found, rows)
        return [] if found is None else np.flatnonzero(found.to_numpy(zero_copy_only=False)).tolist()

    def taken_out(self, name: str, text: str) -> str:
        """A JSON text of a column without the values."""
        wanted = {value.casefold() for value in self.values} if name == _JSON_FACTS else set()

        def clean(found: Any) -> Any:
            if isinstance(found, str):
                if found.strip().casefold() in wanted:
                    return ""
                return found if self.spelled is None else self.spelled.sub(MASK, found)
            if isinstance(found, list):
                return [clean(one) for one in found]
            if isinstance(found, dict):
                return {key: clean(one) for key, one in found.items()}
            return found

        return msgspec.json.encode(clean(msgspec.json.decode(text))).decode()


def _rewrite(
    folder: Folder,
    part: PartFile,
    drops: Sequence[Drop],
    erased: _Erased,
    question: words.Question,
    rows_per_group: int,
) -> _Looked:
    relevant = [drop for drop in drops if _may_hold(part, drop)]
    named = bool(erased) and part.kind == EVENT_PART
    if not relevant and not named:
        return _Looked(part, read=False)
    try:
        known = words.read(folder.path(part))
        groups = _concerned(known, relevant, question)
        if groups == []:
            return _Looked(part, read=False)
        if groups is None and not _worth_reading(folder, part, relevant, erased):
            return _Looked(part, read=True)
        data = folder.path(part).read_bytes()
    except FileNotFoundError as error:
        raise MissingPart(folder.path(part)) from error
    with pq.ParquetFile(pa.BufferReader(data)) as file:
        looked = range(file.num_row_groups) if groups is None else groups
        read = {number: file.read_row_group(number, use_threads=False) for number in looked}
        others = [number for number in range(file.num_row_groups) if number not in read]
    kept: dict[int, pa.Table] = {}
    removed = changed = 0
    for number, table in read.items():
        told = known is None or groups is None or question.may_tell(known[number])
        left, lost, masked = _left(table, relevant, erased if named else None, told=told)
        if lost or masked:
            kept[number] = left
        removed, changed = removed + lost, changed + masked
    if not kept:
        return _Looked(part, read=True)
    encoding = Encoding(rows_per_group, tables.DICTIONARY[part.kind])
    if known and others:
        with contextlib.suppress(NotSpliceable):
            new = folder.replace_groups(part, data, known, kept, encoding)
            rest = [number for number in range(len(known)) if number not in kept or kept[number].num_rows]
            written = [at for at, number in enumerate(rest) if number in kept]
            return _Looked(part, True, removed, changed, True, new, written)
    whole = _whole(folder, part, data, read | kept, encoding)
    return _Looked(part, True, removed, changed, True, whole)


def _whole(
    folder: Folder, part: PartFile, data: bytes, kept: dict[int, pa.Table], encoding: Encoding
) -> PartFile | None:
    """The part written anew as a whole, with what is kept of row groups that were read; None when nothing is."""
    with pq.ParquetFile(pa.BufferReader(data)) as file:
        tables_ = [
            kept[number] if number in kept else file.read_row_group(number, use_threads=False)
            for number in range(file.num_row_groups)
        ]
    rest = pa.concat_tables(tables_)
    if not rest.num_rows:
        return None
    return folder.write(
        rest, kind=part.kind, day=part.day, until=part.until, bucket=part.bucket, encoding=encoding
    )  # fmt: skip


def _left(table: pa.Table, drops: Sequence[Drop], erased: _Erased | None, *, told: bool) -> tuple[pa.Table, int, int]:
    """The rows that stay, without names, if `told` also in texts; how many went, and how many were changed."""
    gone = _gone(table, drops)
    removed = int(pc.sum(gone).as_py() or 0)
    kept = table.filter(pc.invert(gone)) if removed else table
    kept, changed = (kept, 0) if erased is None else _without_names(kept, erased, told=told)
    return kept, removed, changed


def _concerned(
    known: Sequence[words.Filter] | None, drops: Sequence[Drop], question: words.Question
) -> list[int] | None:
    """The row groups that may hold, name or tell of the subjects, by the words of the part; None when it has none."""
    if known is None or not all(drop.subjects for drop in drops):
        return None  # of everybody: words do not tell
    return [number for number, one in enumerate(known) if question.may_concern(one)]


def _worth_reading(folder: Folder, part: PartFile, drops: Sequence[Drop], erased: _Erased) -> bool:
    """Whether a part without words holds a row that is dropped, or names somebody."""
    coded = _dictionaries if part.kind == EVENT_PART else []
    with pq.ParquetFile(folder.path(part), memory_map=True, read_dictionary=coded) as file:
        return _holds(file, part, drops) or (bool(erased) and part.kind == EVENT_PART and _names(file, erased))


def _may_hold(part: PartFile, drop: Drop) -> bool:
    """By what the manifest says of the part."""
    if part.kind != EVENT_PART and drop.tells_events:
        return False
    if (drop.offset is not None and part.first > drop.offset) or (drop.kind and part.kind != drop.kind):
        return False
    return not drop.subjects or part.bucket == ALL_BUCKETS or part.bucket in {bucket_of(s) for s in drop.subjects}


def _holds(file: pq.ParquetFile, part: PartFile, drops: Sequence[Drop]) -> bool:
    """Whether some row is dropped: the row groups that may hold one are read in the columns that tell."""
    if not drops:
        return False
    groups = [number for number in range(file.num_row_groups) if _group_may_hold(file.metadata, number, drops)]
    if not groups:
        return False
    columns = ["subject", "time", "offset", *(["name", "source"] if part.kind == EVENT_PART else [])]
    return bool(pc.any(_gone(file.read_row_groups(groups, columns=columns, use_threads=False), drops)).as_py())


def _group_may_hold(metadata: pq.FileMetaData, number: int, drops: Sequence[Drop]) -> bool:
    group = metadata.row_group(number)
    names = metadata.schema.names
    subject: Any = group.column(names.index("subject")).statistics
    time: Any = group.column(names.index("time")).statistics
    for drop in drops:
        if drop.before is not None and time is not None and time.has_min_max and time.min >= drop.before:
            continue
        if drop.subjects and subject is not None and subject.has_min_max:
            if any(subject.min <= one <= subject.max for one in drop.subjects):
                return True
            continue
        return True
    return False


def _names(file: pq.ParquetFile, erased: _Erased) -> bool:
    """Whether the events of a part name an erased identifier; its distinct texts are searched."""
    if not all(key.isascii() for key in erased.names):
        return True  # capitals of other letters are not known to the search
    # Group by group: nested columns with dictionaries cannot be read over several.
    columns = [*_NAMING, _JSON_FACTS, *_JSON_TEXTS]
    for number in range(file.num_row_groups):
        table = file.read_row_group(number, columns, use_threads=False)
        known = (_distinct(chunk) for column in table.columns for chunk in column.chunks)
        # With something between the columns, so that nothing is found across two of them.
        if any(True for _ in erased.finder.find(b"\0".join(part for some in known for part in some))):
            return True
    return False


def _distinct(chunk: Any) -> Iterator[bytes]:
    """The bytes of the different texts of a column."""
    if pa.types.is_list(chunk.type):
        chunk = pc.list_flatten(chunk)
    texts_ = chunk.dictionary if isinstance(chunk, pa.DictionaryArray) else chunk
    data = texts_.buffers()[-1]
    if data is not None:
        yield data.to_pybytes()


def _gone(table: pa.Table, drops: Sequence[Drop]) -> Any:
    """True for the rows that some drop removes."""
    gone = pa.array(np.zeros(table.num_rows, bool))
    for drop in drops:
        gone = pc.or_(gone, _mask(table, drop))
    return gone


def _mask(table: pa.Table, drop: Drop) -> Any:
    mask: Any = pa.array(np.ones(table.num_rows, bool))
    if drop.tells_events and "name" not in table.schema.names:
        return pa.array(np.zeros(table.num_rows, bool))
    if drop.sources:
        mask = pc.and_(mask, pc.is_in(table.column("source"), value_set=pa.array(drop.sources, pa.string())))
    if drop.except_sources:
        others = pc.is_in(table.column("source"), value_set=pa.array(drop.except_sources, pa.string()))
        mask = pc.and_(mask, pc.invert(others))
    if drop.names or drop.except_names:
        listed = pc.is_in(table.column("name"), value_set=pa.array([*(drop.names or drop.except_names)], pa.string()))
        mask = pc.and_(mask, listed if drop.names else pc.invert(listed))
    if drop.subjects:
        mask = pc.and_(mask, pc.is_in(table.column("subject"), value_set=pa.array(drop.subjects, pa.string())))
    if drop.before is not None:
        mask = pc.and_(mask, pc.less(table.column("time"), pa.scalar(drop.before, pa.int64())))
    if drop.since is not None:
        mask = pc.and_(mask, pc.greater_equal(table.column("time"), pa.scalar(drop.since, pa.int64())))
    if drop.offset is not None:
        mask = pc.and_(mask, pc.less_equal(table.column("offset"), pa.scalar(drop.offset, pa.int64())))
    return mask


def _without_names(table: pa.Table, erased: _Erased, *, told: bool) -> tuple[pa.Table, int]:
    """The table without erased identifiers in the rows of others; how many rows were changed."""
    old: Any = pa.array(np.ones(table.num_rows, bool))
    if erased.offset is not None:
        offsets: Any = table.column("offset").combine_chunks()
        old = pc.less_equal(offsets, pa.scalar(erased.offset, pa.int64()))
    changed = np.zeros(table.num_rows, bool)
    for name in _NAMING:
        at = table.schema.get_field_index(name)
        column, rows = _lists_without(table.column(name).combine_chunks(), erased.keys, old)
        if not rows.any():
            continue
        changed |= rows
        table = table.set_column(at, table.schema.field(at), column)
    for name in (_JSON_FACTS, *_JSON_TEXTS) if told else ():
        at = table.schema.get_field_index(name)
        column = table.column(at).combine_chunks()
        telling = [row for row in erased.told_by(name, column) if old[row].as_py()]
        if not telling:
            continue
        spelled: list[Any] = column.take(pa.array(telling, pa.int64())).to_pylist()
        clean = [erased.taken_out(name, text) for text in spelled]
        if clean == spelled:
            continue
        everything: list[Any] = column.to_pylist()
        for row, before, after in zip(telling, spelled, clean, strict=True):
            everything[row] = after
            changed[row] |= before != after
        table = table.set_column(at, table.schema.field(at), pa.array(everything, pa.string()))
    return table, int(changed.sum())


def _lists_without(lists: Any, values: Any, rows: Any) -> tuple[Any, Any]:
    """A list column without some of the strings in the rows marked, and which rows lost one."""
    flat = pc.list_flatten(lists)
    named = pc.is_in(flat, value_set=values)
    if not pc.any(named).as_py():
        return lists, np.zeros(len(lists), bool)
    parents = pc.list_parent_indices(lists)
    lost = pc.and_(named, rows.take(parents))
    keep = pc.invert(lost)
    counts = np.bincount(parents.filter(keep).to_numpy(zero_copy_only=False), minlength=len(lists))
    ends = np.concatenate(([0], np.cumsum(counts))).astype(np.int32)
    changed = np.zeros(len(lists), bool)
    changed[parents.filter(lost).to_numpy(zero_copy_only=False)] = True
    return pa.ListArray.from_arrays(pa.array(ends, pa.int32()), flat.filter(keep)), changed


def _small_letters(column: Any) -> bytes | None:
    """All texts of a column in small letters; None when letters beyond ASCII are in it that are such in capitals."""
    data = column.buffers()[-1]
    small = b"" if data is None else data.to_pybytes().lower()
    return None if any(sign in small for sign in _ALSO_ASCII) else small


def _quoted(value: str) -> str:
    """A value as JSON writes it."""
    return msgspec.json.encode(value).decode()


def _short(value: str) -> bytes:
    """A value that is a fact by itself, as JSON writes it."""
    return _quoted(value.lower()).encode()
