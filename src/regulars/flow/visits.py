"""Running visits: what folding admits of them for models, and what one serving process knows of them.

The updater writes what was viewed, put into a basket and bought, a row a batch, in the transaction that folds it; who
serves reads the rows and holds them in memory: the running visit of whoever asks, and a delta for the session models.
"""

import threading
from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, cast

import msgspec
import numpy as np

from regulars.core.definitions import Definitions, Source
from regulars.core.event import Event
from regulars.core.machine import is_machine
from regulars.core.record import Hot, owner_key
from regulars.core.state import COUNTER, UNLEARNED, VISITED, Changes, StateReader, scan
from regulars.profile.consent import allows
from regulars.profile.listed_lines import is_line
from regulars.recommend.interactions import Catalogue, Int64
from regulars.recommend.sessions.data import Delta, Kind, Sessions
from regulars.recommend.sessions.walk import run_on

#: Learning from orders and visits needs this purpose where the shop has it: the contract covers the order alone.
PURPOSE = "personalisation"
#: A visit ends when nothing happened for so long.
GAP_MS = 30 * 60_000
#: Rows are kept for so long after what they tell of, and no more of them: the next training has read it in the lake.
KEEP_MS, MOST_ROWS = 48 * 3_600_000, 20_000
#: Events of one order that count, and events that a serving process holds for its delta.
_MOST_LINES, MOST_HELD = 100, 100_000
#: Running visits that are held, and events of each.
_MOST_VISITS, MOST_STEPS = 20_000, 20
_LONGEST_ID = 200
#: Rows that a decision reads by itself; more are left to the thread beside.
_FEW = 8
_KINDS = {"Product Viewed": Kind.VIEW, "Product Added": Kind.BASKET, "Order Completed": Kind.BUY}
#: Counter that grows when rows that were written before are others now.
REVISED = "visits_revised"

#: Owner, time in ms, kind, product.
Step = tuple[int, int, int, str]
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[Step]).decode


class Noting:
    """Says which events of a profile models may learn from; compiled once from the definitions."""

    def __init__(self, definitions: Definitions) -> None:
        self._needed = any(one.recommend for one in definitions.placements)
        self._asked = any(one.id == PURPOSE for one in definitions.purposes)
        self._without = frozenset(not_learned_from(definitions.sources))

    def steps(self, hot: Hot, events: Iterable[Event], into: list[Step]) -> None:
        """Add what the events of one profile tell. They were admitted, and judged as machines' or people's."""
        for event in events if self._needed else ():
            if kind_of(event) is None or event.source in self._without or is_machine(event):
                continue
            if self._asked:
                if not allows(hot.consent, PURPOSE, event.time):
                    continue
            elif hot.restricted:
                continue
            into += steps_of(event)


def kind_of(event: Event) -> Kind | None:
    """What it tells of a visit; None: nothing. One line of an order is bought as the lines of a whole one are."""
    if event.name == "Order Updated" and is_line(event.properties):
        return Kind.BUY
    return _KINDS.get(event.name)


def steps_of(event: Event) -> list[Step]:
    """The products of an event in the order in which it names them."""
    kind = kind_of(event)
    if kind is None:
        return []
    owner = owner_key(event.subject)
    lines: Any = event.properties.get("products") if kind is Kind.BUY else [event.properties]
    found = []
    for line in lines[:_MOST_LINES] if isinstance(lines, list) else ():
        product = _product(line)
        if product:
            found.append((owner, event.time, int(kind), product))
    return found


def _product(line: object) -> str:
    if isinstance(line, Mapping):
        for name in ("product_id", "sku", "id"):
            said = line.get(name)
            if isinstance(said, str | int) and not isinstance(said, bool) and said != "":
                text = str(said)
                return text if len(text) <= _LONGEST_ID else ""
    return ""


def not_learned_from(sources: Iterable[Source]) -> list[str]:
    """Sources whose events may not be used to recommend, or only those that say so themselves."""
    return [
        one.id
        for one in sources
        if one.partner
        or one.own_purpose
        or one.consent == "required"
        or (one.purposes is not None and PURPOSE not in one.purposes)
    ]


# What the updater writes --------------------------------------------------------------------------------------------


def write(steps: list[Step], changes: Changes, *, offset: int) -> None:
    """The steps of a batch as one row. What an event says of another day is no part of a running visit."""
    if steps:
        changes.put(VISITED, (offset, max(time for _, time, _, _ in steps), _encode(steps)))


def forget_old(state: StateReader, changes: Changes, *, clock: int, most: int) -> None:
    """Rows that are kept long enough, or are too many."""
    old = state.select(VISITED, below={"time": clock - KEEP_MS}, order=("offset",), limit=most)
    count = state.count(VISITED)[None] - len(old)
    if count > MOST_ROWS:
        old += state.select(VISITED, order=("offset",), limit=min(count - MOST_ROWS, most))
    for row in old:
        changes.delete(VISITED, cast(int, row[0]))


def unlearn(state: StateReader, changes: Changes, subjects: Collection[str], *, offset: int) -> None:
    """Take out of the rows what these subjects did, and have the models pass over what they learned from them.

    The marks are hashes of the subjects. They go once no model holds anything of them.
    """
    owners = {owner_key(one) for one in subjects}
    if not owners:
        return
    spelled = [owner.to_bytes(8, "big") for owner in owners]
    for row in scan(state, VISITED, {}, by="offset"):
        data = cast(bytes, row[2])
        if any(one in data for one in spelled):
            left = [step for step in _decode(data) if step[0] not in owners]
            if left:
                changes.put(VISITED, (row[0], row[1], _encode(left)))
            else:
                changes.delete(VISITED, cast(int, row[0]))
    for owner in owners:
        changes.put(UNLEARNED, (owner, offset))
    changes.add(REVISED, 0, "", 1)


def unlearned(state: StateReader, owners: Iterable[tuple[int, int]]) -> Changes:
    """No model holds these owners any more: their marks go, unless there are newer ones."""
    changes = Changes()
    for owner, offset in owners:
        row = state.get(UNLEARNED, owner)
        if row is not None and row[1] == offset:
            changes.delete(UNLEARNED, owner)
    changes.add(REVISED, 0, "", 1)
    return changes


# What a serving process knows ---------------------------------------------------------------------------------------


class Visits:
    """The rows in memory. `follow` is cheap and may be called by whoever decides; `delta` is for a thread beside."""

    def __init__(self, state: StateReader) -> None:
        self._state = state
        self._lock = threading.Lock()
        # Flat, and rows as they are stored: thousands of small objects a second would be searched for cycles.
        self._running: dict[int, tuple[Any, ...]] = {}  # time, product, time, product and so on
        self._rows: deque[_Row] = deque()
        self._held = 0
        self._offset = -1
        self._revised: object = None
        self._forgotten: frozenset[int] = frozenset()
        self._version = 0
        self._joined = _Joined()

    def follow(self, *, few: bool = False) -> None:
        """Read what was folded since. With `few` only a little, and nothing while another thread reads."""
        if not self._lock.acquire(blocking=not few):
            return
        try:
            if not few:
                self._follow_revisions()
            while True:
                rows = self._state.select(
                    VISITED, at_least={"offset": self._offset + 1}, order=("offset",), limit=_FEW if few else 200
                )
                for row in rows:
                    self._take(cast(int, row[0]), cast(bytes, row[2]))
                if few or len(rows) < 200:
                    return
        finally:
            self._lock.release()

    def of(self, subjects: Iterable[str], now: int) -> list[str]:
        """The products of the running visit of whoever has these subjects, the oldest first."""
        return self.both(subjects, now)[0]

    def both(self, subjects: Iterable[str], now: int) -> tuple[list[str], list[str]]:
        """The running visit of whoever has these subjects, and what is held of visits before it; the oldest first."""
        found: list[tuple[int, str]] = []
        for subject in subjects:
            steps = self._running.get(owner_key(subject), ())
            found += zip(steps[::2], steps[1::2], strict=True)
        if not found:
            return [], []
        found.sort(key=lambda one: one[0])
        latest = now
        begin = len(found)
        while begin and latest - found[begin - 1][0] <= GAP_MS:
            begin -= 1
            latest = found[begin][0]
        products = [product for _, product in found]
        return products[max(begin, len(found) - MOST_STEPS) :], products[:begin]

    def delta(self, catalogue: Catalogue, until: int, known: int) -> tuple[int, Delta] | None:
        """What changed for models that were learned up to log offset `until`; None where that is version `known`."""
        with self._lock:
            if self._version == known:
                return None
            version, rows, forgotten = self._version, list(self._rows), self._forgotten
        rows = [row for row in rows if row.offset > until]
        return version, Delta(added=_visits(self._joined.of(rows, catalogue)), forgotten=forgotten)

    def _follow_revisions(self) -> None:
        row = self._state.get(COUNTER, (REVISED, 0, ""))
        revised = None if row is None else row[3]
        if self._offset >= 0 and revised == self._revised:
            return
        # Rows that were read are others now: begin anew. The marks are read after the counter: as new or newer.
        self._revised = revised
        self._forgotten = frozenset(cast(int, row[0]) for row in self._state.select(UNLEARNED))
        self._running, self._rows, self._held, self._offset = {}, deque(), 0, 0
        self._version += 1

    def _take(self, offset: int, data: bytes) -> None:
        steps = _decode(data)
        self._offset = offset
        self._version += 1
        self._rows.append(_Row(offset, data, len(steps)))
        self._held += len(steps)
        while self._held > MOST_HELD and len(self._rows) > 1:
            self._held -= self._rows.popleft().steps
        running = self._running
        for owner, time, _, product in steps:
            visit = running.pop(owner, ())
            # Replaced, never changed in place: another thread may be reading.
            running[owner] = (*visit[2 - 2 * MOST_STEPS :], time, product)
        while len(running) > _MOST_VISITS:
            del running[next(iter(running))]


class _Row(NamedTuple):
    """A row as it is stored."""

    offset: int
    data: bytes
    steps: int  # how many it holds


class Columns(NamedTuple):
    """Steps side by side, of products that a catalogue has; `item` is the place there."""

    owner: Int64
    time: Int64  # ms
    kind: Int64
    item: Int64


_NO_COLUMNS = Columns(*np.empty((4, 0), np.int64))


class _Joined:
    """The columns of rows, one after the other.

    Each row is read once: all of them anew each second would keep decisions waiting.
    """

    def __init__(self) -> None:
        self._catalogue: Catalogue | None = None
        self._rows: list[tuple[bytes, int]] = []  # with how many of its steps are known
        self._columns = _NO_COLUMNS

    def of(self, rows: Sequence[_Row], catalogue: Catalogue) -> Columns:
        """The columns of these rows: those of before less some of the first, and more."""
        known = self._rows if self._catalogue is catalogue else []
        first = next((at for at, (data, _) in enumerate(known) if rows and data is rows[0].data), len(known))
        kept = known[first:]
        if len(kept) > len(rows) or any(one[0] is not row.data for one, row in zip(kept, rows, strict=False)):
            kept = []
        found = [columns_of(_decode(row.data), catalogue) for row in rows[len(kept) :]]
        gone = len(self._columns.owner) - sum(count for _, count in kept)
        parts = (Columns(*(column[gone:] for column in self._columns)), *found)
        self._columns = Columns(*map(np.concatenate, zip(*parts, strict=True)))
        more = [(row.data, len(one.owner)) for row, one in zip(rows[len(kept) :], found, strict=True)]
        self._catalogue, self._rows = catalogue, [*kept, *more]
        return self._columns


def columns_of(steps: Sequence[Step], catalogue: Catalogue) -> Columns:
    """The steps as columns, those of unknown products left out."""
    find = catalogue.position.get
    known = [(owner, time, kind, at) for owner, time, kind, product in steps if (at := find(product)) is not None]
    return Columns(*np.asarray(known, np.int64).reshape(-1, 4).T)


def visits_of(steps: Sequence[Step], catalogue: Catalogue) -> Sessions:
    """The steps as visits of products that the catalogue has; a visit to a single product says nothing to models."""
    return _visits(columns_of(steps, catalogue))


def _visits(columns: Columns) -> Sessions:
    if not len(columns.owner):
        return Delta().added
    order = np.lexsort((columns.time, columns.owner))
    owner, time = columns.owner[order], columns.time[order]
    begins = np.ones(len(owner), np.bool_)
    begins[1:] = (owner[1:] != owner[:-1]) | (time[1:] - time[:-1] > GAP_MS)
    begin = np.flatnonzero(begins)
    length = np.diff(begin, append=len(owner))
    begin, length = begin[length > 1], length[length > 1]
    end = time[begin + length - 1]
    by_end = np.argsort(end, kind="stable")
    begin, length = begin[by_end], length[by_end]
    start: Int64 = np.zeros(len(begin) + 1, np.int64)
    np.cumsum(length, out=start[1:])
    events = order[run_on(begin, length)]
    return Sessions(
        start=start,
        item=columns.item[events].astype(np.int32),
        end=end[by_end],
        kind=columns.kind[events].astype(np.uint8),
        owner=owner[begin],
    )
