"""What happened to one person: events and decisions, those still in the log before the sealed ones, page by page."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from typing import Any, cast

from regulars.core.errors import Unavailable
from regulars.core.event import Event
from regulars.core.identifier import is_device, is_person
from regulars.core.identity_types import Identity
from regulars.core.lake import PastDecision
from regulars.core.log import DECISION
from regulars.core.state import IDENTIFIER, LINK, MANIFEST, SEALED, StateReader
from regulars.decide.records import unpack
from regulars.flow.shop_facts import restamped
from regulars.profile.assignment import IdRow, holders_of, profile_of
from regulars.runtime.customers import Customers
from regulars.runtime.services import Services

#: Events and decisions that are in memory at a time.
PAGE = 2_000


class PastOf:
    """Reads it; raises Unavailable where the lake cannot be read."""

    def __init__(self, services: Services, customers: Customers) -> None:
        self._services = services
        self._customers = customers

    async def events(self, number: int, subjects: list[str], rows: Mapping[str, IdRow]) -> AsyncIterator[list[Event]]:
        """Those still in the log, then the sealed ones, newest first; each once."""
        told: set[tuple[str, str]] = set()
        async for events in paged(_pieces(self._customers.unsealed(subjects))):
            mine = [one for one in events if profile_of(one.subject, one.time, rows) == number]
            told.update((one.source, one.message_id) for one in mine)
            yield list(restamped(self._services.state, mine))
        analyst = self._services.analyst
        if not self._services.state.select(MANIFEST, {"kind": "event"}, limit=1):
            return
        if analyst is None:
            raise Unavailable("sealed events cannot be read in this process")
        before, limit = None, PAGE
        page: list[Event] = []
        edge: set[tuple[str, str]] = set()  # of the last page, at its last instant: they come again
        while True:
            page = await analyst.later(analyst.timeline, subjects, limit=limit, before=before)
            fresh = [one for one in page if (one.source, one.message_id) not in edge]
            mine = [one for one in fresh if (one.source, one.message_id) not in told]
            own = [one for one in mine if profile_of(one.subject, one.time, rows) == number]
            yield list(restamped(self._services.state, own))
            if len(page) < limit:
                return
            last = page[-1].time
            edge = {(one.source, one.message_id) for one in page if one.time == last}
            limit = PAGE + len(edge)
            before = last + 1

    async def decisions(
        self, number: int, subjects: list[str], rows: Mapping[str, IdRow]
    ) -> AsyncIterator[list[PastDecision]]:
        """Those still in the log, then the sealed ones."""
        async for page in paged(self.waiting(set(subjects))):
            yield [one for one in page if profile_of(one.anchor, one.time, rows) == number]
        analyst = self._services.analyst
        if not self._services.state.select(MANIFEST, {"kind": "decision"}, limit=1):
            return
        if analyst is None:
            raise Unavailable("sealed decisions cannot be read in this process")
        before, limit = None, PAGE
        edge: set[str] = set()
        while True:
            page = await analyst.later(analyst.decisions, subjects, limit=limit, before=before)
            fresh = [one for one in page if one.id not in edge]
            yield [one for one in fresh if profile_of(one.anchor, one.time, rows) == number]
            if len(page) < limit:
                return
            last = page[-1].time
            edge = {one.id for one in page if one.time == last}
            limit = PAGE + len(edge)
            before = last + 1

    def waiting(self, anchors: set[str]) -> Iterator[list[PastDecision]]:
        """Decisions that are not sealed yet, as they stand in the log."""
        at = cast(int, self._services.state.meta(SEALED) or 0)
        while records := self._services.log.read(at, records=PAGE):
            at = records[-1].offset
            found = [unpack(record.body) for record in records if record.kind == DECISION]
            yield [
                PastDecision(one.id, one.time, one.anchor, one.configuration, one.chosen, one.gates)
                for one in found
                if one.anchor in anchors
            ]


def rows_of(state: StateReader, number: int, identity: Identity) -> tuple[list[str], dict[str, IdRow]]:
    """The person's identifiers with the devices held for a while; and the rows that tell what of them is whose."""
    rows = {str(row[0]): cast(IdRow, row) for row in state.select(IDENTIFIER, {"profile": number})}
    devices = {
        str(row[1])
        for key in rows
        if is_person(key, identity)
        for row in state.select(LINK, {"a": key})
        if is_device(str(row[1]), identity)
    }
    rows.update(cast(dict[str, IdRow], state.many(IDENTIFIER, devices - rows.keys())))
    subjects = sorted(rows)
    rows.update(cast(dict[str, IdRow], state.many(IDENTIFIER, set(holders_of(rows)) - rows.keys())))
    return subjects, rows


def _pieces(events: Iterable[Event]) -> Iterator[list[Event]]:
    piece: list[Event] = []
    for event in events:
        piece.append(event)
        if len(piece) == PAGE:
            yield piece
            piece = []
    yield piece


async def paged(pages: Iterator[list[Any]]) -> AsyncIterator[list[Any]]:
    """A blocking iterator, page by page beside the event loop."""
    while (page := await asyncio.to_thread(next, pages, None)) is not None:
        yield page
