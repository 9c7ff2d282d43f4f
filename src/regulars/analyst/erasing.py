"""What the child does for an erasure beside the lake: rows that mention the person, the log, pages of files."""

import contextlib
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from typing import Any, cast

import msgspec

from regulars.adapters import wiping
from regulars.adapters.finding import WHOLE, Finder, Share, stretch
from regulars.adapters.log.appending import replace_bodies
from regulars.analyst import search
from regulars.analyst.work import Workbench
from regulars.collect.blanking import blanked, readable
from regulars.collect.body import plain
from regulars.core import log as kinds
from regulars.core import state as tables
from regulars.core.decision import DecisionRecord
from regulars.core.erasure import Stretch
from regulars.core.errors import Rejected
from regulars.core.event import Event
from regulars.core.identifier import format_key
from regulars.core.log import Record
from regulars.core.record import HOT, Hot, part_id, profile_name, profile_number, unpack_profiles
from regulars.core.state import Row, Table
from regulars.core.traces import patterns, phone_patterns, texts
from regulars.flow.generation import A, B, Tables
from regulars.flow.timing import Times

_DECISION = msgspec.msgpack.Decoder(DecisionRecord)
_HOT = msgspec.msgpack.Decoder(Hot)
_ROWS = 5_000  # read at a time
_NUMBERS = 1 << 59  # that a profile may have
_RECORDS, _BYTES = 500, 8_000_000


class Person(msgspec.Struct, frozen=True):
    """Who is erased: keys that are the person's alone, and stretches of shared devices."""

    keys: list[str]
    shared: dict[str, list[Stretch]]
    offset: int  # of the command: what came later is of somebody who came back

    def owns(self, event: Event) -> bool:
        """Whether the event was the person's."""
        if event.subject in self.keys:
            return True
        return any(one.holds(event.time, event.offset) for one in self.shared.get(event.subject, ()))


# Rows of the state --------------------------------------------------------------------------------------------------


def mentions(work: Workbench, *, person: dict[str, Any]) -> list[tuple[str, list[Any]]]:
    """Rows of the state that mention the person, as (table, key): for the writer to delete."""
    who = msgspec.convert(person, Person)
    spelled, phones = texts(who.keys), phone_patterns(who.keys)
    numbers = {profile_number(key) for key in who.keys}
    found: list[tuple[str, list[Any]]] = []
    redirects = [row for row in _all(work, tables.REDIRECT) if row[1] in numbers or row[0] in numbers]
    found += [(tables.REDIRECT.name, [row[0]]) for row in redirects]
    numbers |= {cast(int, row[0]) for row in redirects}
    names = {profile_name(number) for number in numbers} | set(who.keys)
    found += [(tables.ACCESS.name, [r[0]]) for r in _all(work, tables.ACCESS) if r[4] in names and _old(r, who)]

    def spells(*cells: Any) -> bool:
        whole = b"\n".join(_bytes(cell) for cell in cells).lower()
        return any(text in whole for text in spelled) or any(phone.search(whole) for phone in phones)

    for row in _all(work, tables.FAILED):
        if _old(row, who) and spells(row[4], row[9], _unpacked(_bytes(row[10])), _bytes(row[13])):
            found.append((tables.FAILED.name, [row[0], row[1]]))
    for row in _all(work, tables.ANSWER):
        if _old(row, who) and (spells(row[2]) or any(name.encode() in _bytes(row[2]) for name in names)):
            found.append((tables.ANSWER.name, [row[0]]))
    found += [(tables.REBUILD.name, [number]) for number in numbers]
    for generation in (A, B):
        found += _record_rows(work, generation, numbers - _came_back(work, who.keys))
    for row in _all(work, tables.CHANGED):
        if not set(unpack_profiles(_bytes(row[2]))).isdisjoint(numbers) and _old(row, who):
            found.append((tables.CHANGED.name, [row[0], row[1]]))
    return found


def naming(work: Workbench, *, keys: list[str], share: Share = WHOLE) -> list[int]:
    """Numbers of other profiles whose facts name the person: of all, or of this one of so many shares of them.

    What the state's write-ahead log holds is looked at only once it is in the file (`empty_log`).
    """
    finder = Finder(texts(keys))
    share = (share[0], share[1])
    first, last = stretch(_NUMBERS, share)
    path = work.data / "state.db"
    # Most profiles name nobody: instead of reading them all, the file is searched as it lies, for pages whose rows may.
    suspects = sorted(wiping.rows_on(path, wiping.pages_with(path, texts(keys), share)))
    found: set[int] = set()
    with contextlib.closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
        long = f"id >= {part_id(first, 0)} AND id <= {part_id(last - 1, 15)} AND length(data) > ?"
        for name in (tables.PART.name, tables.PART_B.name):
            asked = [(f"id IN ({', '.join(map(str, some))})", ()) for some in _pieces(suspects)]
            for condition, bound in [*asked, (long, (wiping.longest_row(connection, numbered=True),))]:
                rows = connection.execute(f"SELECT id, data FROM {name} WHERE {condition}", bound)  # noqa: S608 - numbers
                found |= {row[0] >> 4 for row in rows if any(True for _ in finder.find(row[1]))}
    return sorted(found - {profile_number(key) for key in keys})


def _pieces(numbers: Sequence[int]) -> Iterator[Sequence[int]]:
    return (numbers[at : at + 500] for at in range(0, len(numbers), 500))


def _came_back(work: Workbench, keys: Sequence[str]) -> set[int]:
    """Profiles that began anew under a number of before."""
    rows = work.state.many(tables.IDENTIFIER, list(keys))
    return {cast(int, row[1]) for row in rows.values()}


def _old(row: Row, who: Person) -> bool:
    return cast(int, row[0]) <= who.offset


def _record_rows(work: Workbench, generation: Tables, numbers: set[int]) -> Iterator[tuple[str, list[Any]]]:
    """What a generation of records holds of the profiles."""
    ids = [part_id(number, part) for number in numbers for part in range(16)]
    stored = work.state.parts(ids, generation.part)
    for one, data in stored.items():
        yield generation.part.name, [one]
        if one & 15 == HOT:
            hot = _HOT.decode(data)
            yield from ((generation.membership.name, [segment, one >> 4]) for segment in hot.segments)
            if hot.due:
                yield generation.due.name, [hot.due, one >> 4]


def _all(work: Workbench, table: Table) -> Iterator[Row]:
    """Every row of a table whose key begins with a number, a chunk at a time."""
    first, start = table.names()[0], -(1 << 62)
    while rows := work.state.select(table, at_least={first: start}, order=(first,), limit=_ROWS):
        last = cast(int, rows[-1][0])
        if len(rows) == _ROWS:  # the last number may go on in the next chunk
            rows = [row for row in rows if row[0] != last] or work.state.select(table, {first: last})
            last = cast(int, rows[-1][0])
        yield from rows
        start = last + 1


def _bytes(cell: Any) -> bytes:
    return cell if isinstance(cell, bytes) else str(cell or "").encode()


def _unpacked(body: bytes) -> bytes:
    """A body as it is searched: not packed, without escapes of JSON."""
    try:
        body = plain(body)
        return msgspec.json.encode(msgspec.json.decode(body)) if b"\\" in body else body
    except (Rejected, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return body


# The log ------------------------------------------------------------------------------------------------------------


def blank_log(work: Workbench, *, person: dict[str, Any]) -> dict[str, int]:
    """Rewrite the bodies of the log that hold the person's events or name the person; events and records changed."""
    who = msgspec.convert(person, Person)
    bodies: dict[int, bytes] = {}
    counts = {"log_events": 0, "log_records": 0}
    blank = _Blanker(work, who)
    after, head = 0, work.log.head()
    while after < head and (records := work.log.read(after, records=_RECORDS, size=_BYTES)):
        for record in records:
            changed = blank(record)
            if changed is not None:
                bodies[record.offset], events = changed
                counts["log_events"] += events
                counts["log_records"] += 1
        after = records[-1].offset
        if len(bodies) > _RECORDS:
            replace_bodies(work.data / "log", bodies)
            bodies.clear()
    replace_bodies(work.data / "log", bodies)
    return counts


class _Blanker:
    """Says what a record becomes: (new body, events that went), or None when it stays."""

    def __init__(self, work: Workbench, who: Person) -> None:
        self._who = who
        self._decode: Callable[[Record], Sequence[Any]] = work.decoder.decode
        self._state = work.state
        self._texts = texts(who.keys)
        self._devices = [key.partition(":")[2].casefold().encode() for key in who.shared]
        self._phones = phone_patterns(who.keys)
        self._values = [key.partition(":")[2] for key in who.keys]
        self._short = [key for key in who.keys if key.casefold().encode() in self._texts]
        self._names = {profile_name(profile_number(key)).encode() for key in who.keys}
        self._keys = {key.encode() for key in who.keys}

    def __call__(self, record: Record) -> tuple[bytes, int] | None:
        if record.kind == kinds.DECISION:
            return self._decision(record)
        if record.offset > self._who.offset or not record.body:
            return None
        if record.kind == kinds.EVENTS:
            return self._events(record)
        if record.kind in (kinds.COMMAND, kinds.ACCESS):
            return self._said(record)
        return None

    def _events(self, record: Record) -> tuple[bytes, int] | None:
        body = _unpacked(readable(record.body, record.route)).lower()
        if not self._may_concern(body):
            return None
        times = Times(self._state, [record.offset] if self._who.shared else [])  # whose a device was, depends on time
        events = [times.of(event) for event in self._decode(record) if isinstance(event, Event)]
        gone = {event.index for event in events if self._who.owns(event)}
        named = any(not set(event.claims + event.identifiers).isdisjoint(self._who.keys) for event in events)
        named = named or any(text in body for text in self._texts) or any(p.search(body) for p in self._phones)
        if not gone and not named:
            return None
        return blanked(record.body, record.route, gone, self._values), len(gone)

    def _may_concern(self, body: bytes) -> bool:
        if any(text in body for text in (*self._texts, *self._devices)) or any(p.search(body) for p in self._phones):
            return True
        # Short values as JSON writes them, whether as text or as a number.
        return any(value in body for key in self._short for value in _written(key))

    def _said(self, record: Record) -> tuple[bytes, int] | None:
        body = record.body.lower()
        plain_ = record.body
        told = any(text in body for text in self._texts) or any(p.search(body) for p in self._phones)
        told = told or any(name in plain_ for name in (*self._names, *self._keys)) or self._names_short(record)
        if not told:
            return None
        said = msgspec.json.decode(record.body, type=dict[str, Any])
        if record.kind == kinds.ACCESS:
            return msgspec.json.encode({**said, "subject": ""}), 0
        return msgspec.json.encode({**said, "args": {}}), 0

    def _names_short(self, record: Record) -> bool:
        """Whether a command names a short identifier in a spelling of its own."""
        if record.kind != kinds.COMMAND or not self._short:
            return False
        args = msgspec.json.decode(record.body, type=dict[str, Any]).get("args") or {}
        named = (str(value).partition(":") for value in args.values() if isinstance(value, str))
        return any(colon and format_key(kind, value) in self._who.keys for kind, colon, value in named)

    def _decision(self, record: Record) -> tuple[bytes, int] | None:
        found = _DECISION.decode(record.body)
        if found.anchor not in self._who.keys or found.offset >= self._who.offset:
            return None
        empty = msgspec.structs.replace(
            found, profile=0, anchor="", seed=0, hot=b"", riding=[], chosen=[], candidates=[], gates=b"", rows=[]
        )
        return msgspec.msgpack.encode(empty), 1


def _written(key: str) -> tuple[bytes, ...]:
    value = key.partition(":")[2].casefold().encode()
    return (b'"' + value + b'"', b":" + value, b": " + value) if value.isdigit() else (b'"' + value + b'"',)


# Files --------------------------------------------------------------------------------------------------------------


def empty_log(work: Workbench) -> None:
    """Move what the state's write-ahead log holds into the file, for `pages` to look at."""
    wiping.empty_log(work.data / "state.db")


def pages(work: Workbench, *, keys: list[str], share: Share = WHOLE) -> list[int]:
    """The pages of the state, as it lies, that hold a form of the keys: of this one of so many shares of it."""
    return wiping.pages_with(work.data / "state.db", patterns(keys), (share[0], share[1]))


def wipe(work: Workbench, *, keys: list[str], pages: list[int]) -> dict[str, int]:
    """Overwrite what deleted rows left in these pages, and empty the write-ahead log; how many pages, by file."""
    # All numbers of which the search would find the same bytes: a profile has sixteen.
    gone = [range(number >> 4 << 8, (number >> 4) + 1 << 8) for number in map(profile_number, keys)]
    return {"state.db": wiping.wipe_gaps(work.data / "state.db", pages, gone)}


def prove(work: Workbench, *, keys: list[str]) -> dict[str, int]:
    """How much of what is planted the search finds, by store. Not while `check` searches: it would find this, too."""
    return search.prove(keys, work.data)


def check(
    work: Workbench,
    *,
    keys: list[str],
    files: search.Groups | None = None,
    pages: list[int] | None = None,
    share: Share = WHOLE,
) -> list[tuple[str, str]]:
    """Search the data folder, of the lake only row groups of `files`: the places that are left, with their stores.

    `pages`: of the state as it lies only these, since the others were looked at; `share`: this one of so many.
    """
    hits = search.search([work.data], keys, lake=files, pages=pages, share=(share[0], share[1]))
    return [(hit.store, f"{hit.file}: {hit.form} ({hit.place})") for hit in hits]
