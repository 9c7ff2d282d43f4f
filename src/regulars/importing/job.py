"""An import: rows of a file become calls, calls become bodies, bodies go to a sink; where it stopped, it goes on."""

import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

import msgspec

from regulars.collect.files.format import entry_of
from regulars.collect.files.kind import About, BadRow, Call, FileKind
from regulars.core.definitions import Definitions
from regulars.importing.files import BrokenRow, Row, read
from regulars.importing.journal import Given, Journal
from regulars.importing.kinds import kind_of
from regulars.importing.products import Seen, checked
from regulars.importing.sinks import Sink

#: Events and bytes of one body; the server takes 4 MB.
BODY_EVENTS, BODY_BYTES = 1_000, 3_000_000
#: A row that is larger than an event may be is told and not kept.
ROW_BYTES = 200_000
#: Bad rows that are kept to be shown.
SHOWN = 1_000


class Imported(msgspec.Struct):
    """What became of a file."""

    rows: int = 0
    calls: int = 0
    skipped: int = 0  # acknowledged by an earlier run of the same import
    bad: int = 0
    kept: int = 0  # of the bad ones wait as failed events
    mistakes: list[str] = []  # "file:line: field: expected …, got …", the first ones
    seen: Seen | None = None  # what a full file of products names

    def note(self, mistake: str) -> None:
        """One more bad row."""
        self.bad += 1
        if len(self.mistakes) < SHOWN:
            self.mistakes.append(mistake)


#: Told how much of the file is read so far (bytes; rows of Parquet), and what became of it.
Told = Callable[[int, Imported], None]


def run_import(
    given: Given,
    definitions: Definitions,
    sink: Sink,
    *,
    journal: Journal | None = None,
    told: Told = lambda _done, _result: None,
    into: Imported | None = None,
) -> Imported:
    """Send everything in the file that can be read; the rest is told row by row and harms nothing.

    `into` is where the result is counted, for whoever may stop it.
    """
    kind = kind_of(given.kind)
    about = about_of(definitions, given)
    if kind.check is not None:
        kind.check(about)
    result = Imported() if into is None else into
    rows = _readable(read(given, lambda done: told(done, result)), given, result)
    sending = _Sending(kind, about, given, sink, journal, result, moves_clock=definitions.shop.clock == "records")
    for one in kind.calls(rows, about):
        sending.take(one)
    sending.flush()
    return result


def retire(result: Imported, sink: Sink, *, force: bool) -> int:
    """Take out what a full file of products leaves out; how many products these are."""
    if result.seen is None:
        return 0
    rows, count = result.seen.gone(sink.items())
    rows = checked(rows, count, result.seen, force=force)
    for begin in range(0, len(rows), BODY_EVENTS):
        sink.products(rows[begin : begin + BODY_EVENTS])
    return sum(row.get("active") is False for row in rows)


def about_of(definitions: Definitions, given: Given) -> About:
    """What the kind of a file has to know of the shop and of what the caller says."""
    shop = definitions.shop
    now = time.time_ns() // 1_000_000
    return About(
        shop.currency, shop.time_zone, now, tuple(definitions.identity.person),
        tuple(purpose.id for purpose in definitions.purposes), given.mapping, given.options,
    )  # fmt: skip


def _readable(rows: Iterator[Row], given: Given, result: Imported) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for row in rows:
        result.rows += 1
        if isinstance(row, BrokenRow):
            result.note(f"{given.name}:{row.line}: expected {row.expected}, got {row.got}")
            if result.seen is not None:
                result.seen.unknown += 1
        else:
            yield row


class _Sending:
    """What waits to be sent: calls, and bad rows to be kept. Both go together, and only then is it noted."""

    def __init__(
        self, kind: FileKind, about: About, given: Given, sink: Sink, journal: Journal | None, result: Imported, *,
        moves_clock: bool,
    ) -> None:  # fmt: skip
        self._kind, self._about, self._given = kind, about, given
        self._sink, self._journal, self._result = sink, journal, result
        self._moves_clock = moves_clock and kind.into == "events"
        self._done = journal.done() if journal is not None else 0
        self._taken = 0
        self._newest = 0
        self._calls: list[Any] = []
        self._bad: list[bytes] = []
        self._size = 0

    def take(self, one: Call | BadRow) -> None:
        """One more; what an earlier run sent is passed over."""
        if self._result.seen is not None:
            self._result.seen.note(one)
        if isinstance(one, BadRow):
            self._result.note(f"{self._given.name}:{one.line}: {one.field}: expected {one.expected}, got {one.got}")
            if not one.kept:
                return
        if self._taken < self._done:
            self._taken += 1
            if isinstance(one, Call):
                self._result.skipped += 1
            return
        encoded = self._encoded(one)
        if len(self._calls) + len(self._bad) >= BODY_EVENTS or self._size + len(encoded) > BODY_BYTES:
            self.flush()
        self._taken += 1
        self._size += len(encoded) + 1
        if isinstance(one, BadRow):
            if len(encoded) <= ROW_BYTES:
                self._bad.append(encoded)
            return
        if self._moves_clock:
            self._newest = max(self._newest, _instant(one.payload.get("timestamp")))
        self._calls.append(encoded if self._kind.into == "events" else one.payload)

    def flush(self) -> None:
        """Send what waits."""
        if self._calls:
            if self._moves_clock and self._newest:
                self._sink.clock(self._newest)
            if self._kind.into == "events":
                self._sink.events(b'{"batch":[' + b",".join(self._calls) + b"]}")
            else:
                (self._sink.stock if self._kind.into == "stock" else self._sink.products)(self._calls)
        if self._bad:
            self._sink.rows(b'{"rows":[' + b",".join(self._bad) + b"]}")
        self._result.calls += len(self._calls)
        self._result.kept += len(self._bad)
        self._calls, self._bad, self._size = [], [], 0
        if self._journal is not None and self._taken > self._done:
            self._journal.note(self._taken)

    def _encoded(self, one: Call | BadRow) -> bytes:
        if isinstance(one, BadRow):
            return entry_of(one, self._kind, self._about, self._given.path.name if not self._given.origin else "")
        return msgspec.json.encode(one.payload)


def _instant(stated: object) -> int:
    """UTC milliseconds of a call's timestamp; 0 when it has none."""
    if isinstance(stated, str):
        try:
            return round(datetime.fromisoformat(stated).timestamp() * 1000)
        except ValueError:
            return 0
    return int(stated) if isinstance(stated, int) else 0
