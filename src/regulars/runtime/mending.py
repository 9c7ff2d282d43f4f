"""Failed events by cause: what would mend them, what a mend would do, and carrying it out, each event once."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, cast

import msgspec

from regulars.collect.mended import Entry, encoded
from regulars.collect.segment import Decoder
from regulars.collect.suggesting import Suggestion, entry_of, suggest, tried
from regulars.collect.wire import decoded
from regulars.core.errors import Rejected
from regulars.core.event import Event, FailedEvent
from regulars.core.log import EVENTS, NewRecord
from regulars.core.mend import MENDED, Mend
from regulars.core.state import FAILED, Row
from regulars.core.verdict import ADMITTED
from regulars.flow.consents import UNREADABLE
from regulars.runtime.customers import Customers
from regulars.runtime.services import Services

#: Events of a cause that a preview looks at, and that a suggestion is tried on; the newest.
PREVIEWED, SAMPLED = 5_000, 200
EXAMPLES = 20
_RECORD_EVENTS, _RECORD_BYTES = 500, 1_000_000
_CHUNK = 500


class Group(msgspec.Struct, frozen=True):
    """Failed events of one cause. Times are receipts, UTC ms."""

    cause: str
    source: str
    name: str
    field: str
    reason: str
    expected: str
    count: int
    first: int
    last: int


class StillFailing(msgspec.Struct, frozen=True):
    """Why events would fail with the mend, too."""

    reason: str
    field: str
    expected: str
    got: str
    count: int


class Example(msgspec.Struct, frozen=True):
    """A failed event, and what a mend makes of it."""

    message_id: str
    received_at: int
    offset: int
    index: int
    result: str  # "admitted", "already_counted", "refused" or "still_failing"
    before: Any
    after: Any
    why: str = ""
    failure: StillFailing | None = None  # the same in parts, where it still fails


class Preview(msgspec.Struct, frozen=True):
    """What a mend would do. `looked_at` of `total` events were tried, the newest."""

    cause: str
    mend: Mend
    total: int
    looked_at: int
    admitted: int
    already_counted: int
    refused: int
    still_failing: list[StillFailing]
    examples: list[Example]


class Outcome(msgspec.Struct):
    """What became of the events of a cause. `remaining` are failed events of it that are left."""

    admitted: int = 0
    already_counted: int = 0
    refused: int = 0
    still_failing: int = 0
    remaining: int = 0
    records: int = 0


class Mending:
    """One shop's failed events."""

    def __init__(self, services: Services, customers: Customers) -> None:
        self._services = services
        self._customers = customers

    @property
    def decoder(self) -> Decoder:
        """Reads events by the tracking plan of now: that of the updater after its last restart or replay."""
        return self._customers.engine.decoder

    def groups(self, *, most: int = 100) -> list[Group]:
        """The causes with most events first."""
        state = self._services.state
        counts = state.count(FAILED, by="cause")
        found = []
        for cause, count in sorted(counts.items(), key=lambda item: -item[1])[:most]:
            group = self._group(str(cause), count)
            if group is not None:
                found.append(group)
        return found

    def causes(self) -> int:
        """How many causes there are."""
        return len(self._services.state.count(FAILED, by="cause"))

    def group(self, cause: str) -> Group:
        """One cause; raises Rejected where no event is left of it."""
        count = self._services.state.count(FAILED, {"cause": cause}).get(None, 0)
        found = self._group(cause, count) if count else None
        if found is None:
            raise Rejected(
                f"no failed event has the cause {cause!r}; `regulars failed list` shows those that there are",
                field="cause",
                expected="the cause of failed events",
                got=cause,
            )
        return found

    def _group(self, cause: str, count: int) -> Group | None:
        state = self._services.state
        first = state.select(FAILED, {"cause": cause}, order=("offset",), limit=1)
        last = state.select(FAILED, {"cause": cause}, order=("-offset",), limit=1)
        if not first or not last:
            return None
        one = failed_of(last[0])
        received = cast(int, first[0][3])
        return Group(cause, one.source, one.name, one.field, one.reason, one.expected, count, received, one.received_at)

    def newest(self, cause: str, most: int) -> list[FailedEvent]:
        """The newest failed events of a cause."""
        rows = self._services.state.select(FAILED, {"cause": cause}, order=("-offset",), limit=most)
        return [failed_of(row) for row in rows]

    def suggestions(self, cause: str, *, sample: int = SAMPLED) -> list[Suggestion]:
        """What would mend the newest events of a cause, the best first."""
        failed = self.newest(cause, sample)
        if not failed or failed[0].reason == UNREADABLE:
            return []
        return suggest(failed, self._services.definitions, self.decoder)

    def preview(self, cause: str, mend: Mend) -> Preview:
        """What the mend would do, without doing it."""
        total = self.group(cause).count
        mend = self._checked(cause, mend)
        failed = self.newest(cause, PREVIEWED)
        counts: Counter[str] = Counter()
        still: Counter[tuple[str, str, str, str]] = Counter()
        examples: list[Example] = []
        for one, result in zip(failed, tried(failed, mend, self.decoder), strict=True):
            told, why = self._told(result)
            counts[told] += 1
            failure = None
            if isinstance(result, FailedEvent):
                failure = StillFailing(result.reason, result.field, result.expected, result.got, 1)
                still[result.reason, result.field, result.expected, result.got] += 1
            if len(examples) < EXAMPLES:
                entry = entry_of(one, mend)
                after = entry.call if entry is not None else None
                where = (one.message_id, one.received_at, one.offset, one.index)
                examples.append(Example(*where, told, before_of(one), after, why, failure))
        return Preview(
            cause, mend, total, len(failed), counts["admitted"], counts["already_counted"], counts["refused"],
            [StillFailing(*why, count) for why, count in still.most_common(20)], examples,
        )  # fmt: skip

    async def mend(self, cause: str, mend: Mend, by: str) -> Outcome:
        """Carry the mend out: every event that passes with it goes into the log once, under its own message id."""
        group = self.group(cause)
        mend = self._checked(cause, mend)
        outcome = Outcome()
        failure = {"reason": group.reason, "field": group.field, "expected": group.expected}
        chunks = self._passing(cause, mend, outcome)
        while (chunk := await asyncio.to_thread(next, chunks, None)) is not None:
            time = self._services.clock()
            body = encoded(chunk, mend, by, **failure)
            offset = await self._services.append(NewRecord(EVENTS, group.source, MENDED, time, body))
            told = (await self._services.answer(offset)).body or {}
            outcome.admitted += told.get("admitted", 0)
            outcome.already_counted += told.get("already_counted", 0)
            outcome.refused += told.get("refused", 0)
            outcome.still_failing += told.get("still_failing", 0)
            outcome.records += 1
        outcome.remaining = self._services.state.count(FAILED, {"cause": cause}).get(None, 0)
        return outcome

    def _passing(self, cause: str, mend: Mend, outcome: Outcome) -> Iterator[list[Entry]]:
        """Records' worth of mended events, the oldest failed event first."""
        waiting: list[Entry] = []
        size = 0
        for failed in self._oldest(cause):
            for one, result in zip(failed, tried(failed, mend, self.decoder), strict=True):
                entry = entry_of(one, mend) if isinstance(result, Event) else None
                if entry is None:
                    outcome.still_failing += 1
                    continue
                waiting.append(entry)
                size += len(one.body) + 200
                if len(waiting) >= _RECORD_EVENTS or size > _RECORD_BYTES:
                    yield waiting
                    waiting, size = [], 0
        if waiting:
            yield waiting

    def _oldest(self, cause: str) -> Iterator[list[FailedEvent]]:
        """A chunk of failed events at a time; a record's events are never parted."""
        start = 0
        while True:
            rows = self._services.state.select(
                FAILED, {"cause": cause}, at_least={"offset": start}, order=("offset", "idx"), limit=_CHUNK
            )
            full = len(rows) == _CHUNK
            last = cast(int, rows[-1][0]) if rows else 0
            if full and rows[0][0] != last:  # the last record may have more: it comes with the next chunk
                rows = [row for row in rows if row[0] != last]
                start = last
            elif full:  # one record with very many
                rows = self._services.state.select(FAILED, {"cause": cause, "offset": last}, order=("idx",))
                start = last + 1
            if rows:
                yield [failed_of(row) for row in rows]
            if not full:
                return

    def _told(self, result: Event | FailedEvent) -> tuple[str, str]:
        """What folding would say of a mended event, and why."""
        if isinstance(result, FailedEvent):
            field = f"{result.field}: " if result.field else ""
            return "still_failing", f"{field}expected {result.expected}, got {result.got} ({result.reason})"
        if self._customers.locate(result.source, result.message_id) is not None:
            return "already_counted", "the sender sent it again, and that copy was counted"
        try:
            allowed = self._customers.verdict(result) == ADMITTED
        except LookupError:
            engine = self._customers.engine
            allowed = engine.admits_event(result, {}) or engine.hear(result).statements != ()
        return ("admitted", "") if allowed else ("refused", "no consent allows its purpose at its time")

    def _checked(self, cause: str, mend: Mend) -> Mend:
        """The mend, of the source of its cause; raises Rejected where it cannot be carried out."""
        group = self.group(cause)
        if group.reason == UNREADABLE:
            raise Rejected(
                "these events were taken in, only what they say of consent cannot be read; mend the consent manager, "
                "or name its word under [signals] in consent.toml",
                field="cause",
            )
        mend = msgspec.structs.replace(mend, source=group.source, event=group.name)
        wrong = mend.mistake()
        if wrong is not None:
            raise Rejected(f"the mend cannot be carried out: {wrong[1]}", field=wrong[0], got=mend.told())
        return mend


def failed_of(row: Row) -> FailedEvent:
    """A failed event as it was stored."""
    offset, index, source, received, message_id, name, reason, field, expected, got, body, _, route, call, signs = row
    return FailedEvent(
        str(source), cast(int, received), cast(int, offset), cast(int, index), str(message_id), str(name), str(reason),
        str(field), str(expected), str(got), cast(bytes, body or b""), str(route or ""), cast(bytes, call or b""),
        str(signs or ""),
    )  # fmt: skip


def before_of(failed: FailedEvent) -> Any:
    """The event's bytes as one can read them."""
    try:
        return decoded(failed.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return failed.body.decode(errors="replace")


def parse(words: Sequence[str]) -> Mend:
    """A mend as the command line takes it; raises Rejected.

    >>> parse(["cast", "properties.total", "number"]).to
    'number'
    >>> parse(["default", "properties.currency", "EUR"]).value
    'EUR'
    """
    action, *rest = words or [""]
    given: dict[str, Any] = {"source": "?", "action": action}
    names = {"rename_event": ("to",), "drop": ("field",), "default": ("field", "value")}.get(action, ("field", "to"))
    if len(rest) != len(names):
        ways = (
            "cast FIELD TYPE, rename FIELD FIELD, move FIELD FIELD, default FIELD VALUE, drop FIELD, rename_event NAME"
        )
        raise Rejected(f"a mend is one of: {ways}", field="MEND", expected=ways, got=" ".join(words))
    given |= dict(zip(names, rest, strict=True))
    if "value" in given:
        with contextlib.suppress(msgspec.DecodeError):
            given["value"] = msgspec.json.decode(str(given["value"]).encode(), type=int | float | bool | str)
    try:
        return msgspec.convert(given, Mend)
    except msgspec.ValidationError as error:
        raise Rejected(f"{action!r} is no mend: {error}", field="MEND") from error
