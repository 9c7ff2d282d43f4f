"""Deciding in a gateway process: one flow for the API and the console, its catalogue and models kept fresh."""

import asyncio
import time
from weakref import WeakKeyDictionary

import structlog

from regulars.adapters.sqlite import read_ahead
from regulars.core.errors import RegularsError
from regulars.flow import generation
from regulars.flow.answers import Teller
from regulars.flow.models import Serving
from regulars.flow.on_decide import OnDecide, Outcome
from regulars.runtime.services import Services
from regulars.runtime.tracking import TrackingDesk

_LOG = structlog.get_logger("regulars.deciding")
#: How often models and catalogue are looked at; seconds.
REFRESH_SECONDS = 1.0


class Deciding:
    """The flow, its words, and the way of its records into the log; `flow` and `teller` are there after `ready`."""

    flow: OnDecide
    teller: Teller

    def __init__(self, services: Services) -> None:
        self._services = services
        self._patient = not services.settings.decide_waits  # the answer is given before its record is durable
        self.unrecorded = 0  # decisions whose record the disk refused after the answer was given
        self._opening: asyncio.Task[None] | None = None
        self._refreshing: asyncio.Task[None] | None = None
        self._ahead: asyncio.Task[bool] | None = None

    async def ready(self) -> None:
        """Wait until definitions are compiled and models and catalogue were looked at once; keeps looking from then on.

        What keeps definitions from being compiled is raised to everybody who waits; the next call tries again.
        """
        opening = self._opening
        if opening is None or (opening.done() and (opening.cancelled() or opening.exception() is not None)):
            opening = self._opening = asyncio.create_task(self._open())
        await asyncio.shield(opening)
        if self._refreshing is None or self._refreshing.done():
            self._refreshing = asyncio.create_task(self._refresh())

    def append(self, outcome: Outcome) -> "asyncio.Future[int]":
        """Put the records of a decision on their way; raises Unavailable at once when the log takes no more."""
        # The answer is not held until its record is on the disk: dozens of them would be searched for cycles each time.
        decision, reservation = outcome.id, outcome.reservation
        try:
            future = self._services.intake.append_many(outcome.records, patient=self._patient)
        except RegularsError:
            if reservation is not None:
                self.flow.reservations.withdraw(reservation)
            raise

        def stored(done: "asyncio.Future[int]") -> None:
            error = None if done.cancelled() else done.exception()
            if error is not None:
                self.unrecorded += 1
                _LOG.warning("a decision was answered and not recorded", decision=decision, error=str(error))
            elif reservation is not None and not done.cancelled():
                reservation.offset = done.result()

        future.add_done_callback(stored)
        return future

    async def _open(self) -> None:
        """In a thread: some tenths of a second for hundreds of offers and a catalogue, while others are answered."""
        services = self._services

        def build() -> OnDecide:
            return OnDecide(
                generation.Serving(services.state, services.definitions),
                services.state,
                Serving(services.folder.models),
                monotonic=lambda: time.monotonic_ns() // 1_000_000,
                sound=TrackingDesk(services).sound,
            )

        # The first customers are not to wait for the disk, page by page.
        self._ahead = asyncio.create_task(asyncio.to_thread(read_ahead, services.folder.state))
        self.flow = await asyncio.to_thread(build)
        self.teller = Teller(self.flow)
        await self._look()

    async def _refresh(self) -> None:
        while True:
            await asyncio.sleep(REFRESH_SECONDS)
            await self._look()

    async def _look(self) -> None:
        try:
            await asyncio.to_thread(self.flow.refresh)
        except RegularsError as error:
            _LOG.warning("models or catalogue could not be read; the old ones serve", error=str(error))


_DECIDING: "WeakKeyDictionary[Services, Deciding]" = WeakKeyDictionary()


def deciding(services: Services) -> Deciding:
    """The one of these services, made when it is first asked for."""
    found = _DECIDING.get(services)
    if found is None:
        found = _DECIDING[services] = Deciding(services)
    return found
