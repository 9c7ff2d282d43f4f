"""What one process hands over to a second one while it folds large batches, and takes back."""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Protocol

import msgspec

from regulars.core import log as kinds
from regulars.core.event import Event
from regulars.core.log import Record
from regulars.core.state import TABLES, Changes, Key, StateReader, Table
from regulars.flow.engine import Engine
from regulars.flow.folding import Rules
from regulars.flow.reading import Decoded, Reader
from regulars.flow.shares import (
    Done,
    Entry,
    Read,
    Reading,
    Share,
    Terms,
    Whole,
    decoded,
    encode,
    fold_share,
)

#: A batch with fewer events is folded faster by one process.
WORTH_SHARING = 1_000
#: About so many events make a share; so many shares wait beside before the first is answered.
SHARE_EVENTS, SHARES_AHEAD = 300, 2
#: Records of events are read ahead in so many pieces of a batch, the last of them while a batch is committed.
PIECES, LAST_PIECES = 8, 2
_TABLES = {table.name: table for table in TABLES}
_done = msgspec.msgpack.Decoder(Done).decode
_reads = msgspec.msgpack.Decoder(list[Read]).decode


class Beside(Protocol):
    """Another process with a `shares.Sharer`. Whatever it does not answer is done here."""

    def define(self, engine: Engine) -> None:
        """Work by these definitions from now on; what is asked for is not answered any more."""
        ...

    def ready(self) -> bool:
        """Whether it can be asked now; where it is not running yet, it is started for the next time."""
        ...

    @property
    def life(self) -> int:
        """Another number after it failed: what was asked for before is not answered, and what it had read is lost."""
        ...

    def ask(self, number: int, body: bytes) -> bool:
        """Hand over what is to be done, under a number; False when it cannot take it."""
        ...

    def answer(self, *, wait: bool) -> tuple[int, bytes] | None:
        """An answer, in the order of asking; empty where it could not be given. None when there is none, or no more."""
        ...

    def forget(self) -> None:
        """Nobody wants the answers that are still due."""
        ...


class Sharing:
    """Hands over records to read and profiles to fold, by one version of the definitions."""

    def __init__(self, beside: Beside, rules: Rules, reader: Reader, state: StateReader) -> None:
        self._beside = beside
        self._rules = rules
        self._reader = reader
        self._state = state
        self._number = 0
        self._life = -1
        self._to_read: list[tuple[int, list[Record]]] = []  # since, records
        self._reading: dict[int, list[Record]] = {}  # what is read beside, by number
        self._folding: dict[int, int] = {}  # number -> place of a share in its batch
        self._unpacked_later: list[tuple[list[Record], bytes]] = []  # what was read, as it came
        self._read: dict[int, Decoded] = {}  # by offset, of the batch to come
        self._known: dict[int, Decoded] = {}  # by offset, what the other process has, too
        self._done: dict[int, Done] = {}  # by place
        self._here: list[int] = []  # places of shares that were not folded beside after all
        self._fresh: list[int] = []  # places of shares whose rows nobody has yet
        beside.define(rules.engine)

    def ready(self) -> bool:
        """Whether there is somebody to share with."""
        return self._beside.ready()

    # Reading ahead ----------------------------------------------------------------------------------------------

    def read_ahead(self, records: Sequence[Record], *, since: int) -> None:
        """Have records read that will be folded next; `since` is where the batch begins that is folded now."""
        wanted = [one for one in records if one.kind == kinds.EVENTS and not self.reads(one.offset)]
        size = max(1, -(-len(wanted) // PIECES))
        self._to_read = [(since, wanted[start : start + size]) for start in range(0, len(wanted), size)]
        self._have_read(leaving=LAST_PIECES)

    def read_rest(self) -> None:
        """Have the last of the records read, too."""
        self._have_read(leaving=0)

    def _have_read(self, *, leaving: int) -> None:
        """Ask for what is to be read, but for the last pieces."""
        while len(self._to_read) > leaving:
            since, some = self._to_read.pop(0)
            if self._ask(encode(Reading(since, some))):
                self._reading[self._number] = some

    def reads(self, offset: int) -> bool:
        """Whether the record was read, or is being read."""
        pieces = (*self._reading.values(), *(records for records, _ in self._unpacked_later))
        return offset in self._read or any(one[0].offset <= offset <= one[-1].offset for one in pieces)

    def gather(self, last: int) -> dict[int, Decoded]:
        """The records up to the offset `last` that were handed over; what is not yet is read here, from the end."""
        while (due := [n for n, records in self._reading.items() if records[0].offset <= last]) and self._lives():
            if self._take(wait=len(due) == 1) or not self._reading:
                continue
            for record in self._reading.pop(max(due)):
                self._read[record.offset] = self._reader.read(record)
        while self.unpack():
            pass
        found, self._read = self._read, {}
        return found

    def forget(self, before: int) -> None:
        """Nothing is asked any more of records before this offset: let go of their events."""
        self._known = {offset: found for offset, found in self._known.items() if offset >= before}

    def unpack(self) -> bool:
        """Take in what was read, one piece of a batch; False when there is none."""
        if not self._unpacked_later:
            return False
        records, body = self._unpacked_later.pop()
        for record, read in zip(records, _reads(body), strict=True):
            self._read[record.offset] = self._known[record.offset] = decoded(read)
        return True

    # Folding ----------------------------------------------------------------------------------------------------

    def fold(self, profiles: Mapping[int, Whole], terms: Terms) -> Iterator[Changes]:
        """The rows of every profile of a batch, some at a time, as they come; `done` is whole after the last."""
        shares = list(_shares(profiles))
        left = deque(range(len(shares)))
        for held in (self._done, self._here, self._fresh):
            held.clear()
        try:
            while len(self._done) < len(shares):
                while left and len(self._folding) < SHARES_AHEAD and self._hand_over(shares[left[0]], terms):
                    self._folding[self._number] = left.popleft()
                if not left:
                    self.read_rest()
                if not self._take(wait=not left and not self._here) and (self._here or left):
                    at = self._here.pop() if self._here else left.pop()  # from the other end
                    self._done[at] = fold_share(shares[at], terms, self._rules, self._state)
                    self._fresh.append(at)
                while self._fresh:
                    yield changes_of(self._done[self._fresh.pop()])
        finally:
            if self._folding:
                self._beside.forget()
                self._lives()

    @property
    def done(self) -> list[Done]:
        """What became of the shares, in their order: the same whoever folded them."""
        return [self._done[at] for at in sorted(self._done)]

    def _hand_over(self, share: Mapping[int, Whole], terms: Terms) -> bool:
        try:
            body = encode(Share(terms, [Entry.of(number, whole, self._has) for number, whole in share.items()]))
        except (OverflowError, TypeError, ValueError):  # a number that this format does not hold
            return False
        return self._ask(body)

    def _has(self, event: Event) -> bool:
        """Whether the other process has the event as it is: nothing was added to it since it was read."""
        held = self._known.get(event.offset)
        return held is not None and event.index < len(held.results) and held.results[event.index] is event

    # Asking -----------------------------------------------------------------------------------------------------

    def _ask(self, body: bytes) -> bool:
        self._number += 1
        return self._beside.ask(self._number, body)

    def _take(self, *, wait: bool) -> bool:
        """Take an answer, if there is one."""
        if not self._lives():
            return False
        answer = self._beside.answer(wait=wait and bool(self._folding or self._reading))
        if not self._lives() or answer is None:
            return False
        number, body = answer
        if number in self._folding:
            at = self._folding.pop(number)
            if body:
                self._done[at] = _done(body)
                self._fresh.append(at)
            else:
                self._here.append(at)
        elif number in self._reading:
            records = self._reading.pop(number)
            if body:
                self._unpacked_later.append((records, body))
        return True

    def _lives(self) -> bool:
        """Whether it is the process that was asked; if not, nothing of it is waited for."""
        if self._life == self._beside.life:
            return True
        self._life = self._beside.life
        self._here += self._folding.values()
        self._reading.clear()
        self._folding.clear()
        self._known.clear()
        return False


def _shares(profiles: Mapping[int, Whole]) -> Iterator[dict[int, Whole]]:
    """The profiles by number, so that neighbours are written together; about as many events in each share."""
    numbers = iter(sorted(profiles))
    events = sum(len(one.events) for one in profiles.values())
    size = max(1, len(profiles) * SHARE_EVENTS // max(events, 1))
    while some := list(islice(numbers, size)):
        yield {number: profiles[number] for number in some}


def changes_of(done: Done) -> Changes:
    """The rows of a share that was folded, to be committed; counters are the batch's (`Done.adds`)."""
    changes = Changes()
    for name, rows in done.puts.items():
        table = _TABLES[name]
        changes.puts[name] = {_key(table, row): row for row in rows}
    for name, keys in done.deletes.items():
        changes.deletes[name] = {tuple(key) if isinstance(key, list) else key for key in keys}
    return changes


def _key(table: Table, row: tuple[Any, ...]) -> Key:
    return row[0] if table.key == 1 else row[: table.key]
