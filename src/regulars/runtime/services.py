"""What the HTTP surface and the console work with: definitions, log, state, analyst, clock and commands."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ParamSpec, Protocol, TypeVar

import msgspec

from regulars.collect.network import Networks
from regulars.core.definitions import Definitions
from regulars.core.errors import Unavailable
from regulars.core.event import Event
from regulars.core.lake import PastDecision
from regulars.core.log import COMMAND, Log, NewRecord, Record
from regulars.core.state import ANSWER, CLOCK, FOLDED, StateReader
from regulars.flow.generation import Serving
from regulars.runtime.folder import DataFolder
from regulars.runtime.rates import Crowds, Rates, Strangers
from regulars.runtime.settings import Settings

P = ParamSpec("P")
T = TypeVar("T")
#: How long the shop's clock is taken from memory; ms.
_CLOCK_AGE_MS = 100
#: How long a command may wait to be folded; seconds.
COMMAND_SECONDS = 30.0


class Intake(Protocol):
    """Durable appends from the event loop (`GroupCommit`)."""

    def append(self, record: NewRecord) -> "asyncio.Future[int]":
        """The record's offset, once it is durable. Raises Unavailable when too much is waiting."""
        ...

    def hand_in(self, record: NewRecord, told: Callable[[int | Exception], None]) -> None:
        """Append without a future: `told` gets offset or failure, on the event loop. Raises as `append` does."""
        ...

    def append_many(self, records: Sequence[NewRecord], *, patient: bool = False) -> "asyncio.Future[int]":
        """The last offset, once all are durable; `patient` ones may wait a few milliseconds for others."""
        ...

    def backlog(self) -> tuple[int, int]:
        """Records and bytes that wait."""
        ...

    async def close(self) -> None:
        """Take no more, write what waits."""
        ...


class Analyst(Protocol):
    """The child process for analysis (`regulars.analyst.client.AnalystClient`); its questions block.

    From the event loop: `await analyst.later(analyst.history, subjects)`.
    """

    def history(self, subjects: Sequence[str]) -> list[Event]:
        """Every sealed event of these subjects, in (time, message id) order."""
        ...

    def timeline(self, subjects: Sequence[str], *, limit: int = 50, before: int | None = None) -> list[Event]:
        """The newest sealed events of these subjects, newest first."""
        ...

    def decisions(self, subjects: Sequence[str], *, limit: int = 50, before: int | None = None) -> list[PastDecision]:
        """The newest sealed decisions about these anchors, newest first."""
        ...

    def count(self, conditions: Sequence[str], *, as_of: int) -> list[int]:
        """Profiles that fulfil each condition (SQL over the profile table), as of a shop-local day."""
        ...

    def overlap(self, segments: Sequence[str]) -> dict[tuple[str, str], int]:
        """Profiles that are in both segments, by pair."""
        ...

    def sample(self, condition: str, *, as_of: int, limit: int = 20) -> list[int]:
        """Numbers of a few profiles that fulfil a condition."""
        ...

    def query(self, name: str, arguments: Mapping[str, Any] | None = None, *, seconds: float = 60.0) -> list[Any]:
        """Rows of a named query over the lake."""
        ...

    def run(self, entry: str, arguments: Mapping[str, Any], result: type[T], *, seconds: float = 3600.0) -> T:
        """Run `entry` ("module:function") in the child with the arguments."""
        ...

    def apart(self) -> "Analyst":
        """Another child, for long work that the questions to this one must not wait for."""
        ...

    def redefine(self, definitions: Definitions) -> None:
        """Use other definitions from the next question on."""
        ...

    async def later(self, question: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """A question of this client without blocking the event loop."""
        ...

    def close(self) -> None:
        """End the child process if it runs."""
        ...


class Answer(msgspec.Struct, frozen=True):
    """What became of a command: `body` is its result, or a problem with field, expected and got."""

    offset: int
    ok: bool
    body: Any


class Services:
    """One per gateway process."""

    def __init__(
        self,
        *,
        settings: Settings,
        folder: DataFolder,
        definitions: Definitions,
        log: Log,
        intake: Intake,
        state: StateReader,
        analyst: Analyst | None = None,
    ) -> None:
        self.settings = settings
        self.folder = folder
        self.definitions = definitions
        self.log = log
        self.intake = intake
        self.state = state
        self.analyst = analyst
        self.rates = Rates(definitions.sources)
        self.strangers = Strangers()
        self.crowds = Crowds(definitions.network.requests_per_minute)
        self.networks = Networks(definitions.network.data_centres)
        #: Which generation of records serves, and the definitions it was built with: refresh it before reading.
        self.serving = Serving(state, definitions)
        self._follows_records = definitions.shop.clock == "records"
        self._clock = 0
        self._clock_read = 0
        self.closing: list[Callable[[], None]] = []  # what else ends with these services

    def clock(self) -> int:
        """The shop's clock, UTC ms: the wall's, or the largest tick where time comes with the records."""
        now = time.time_ns() // 1_000_000
        if not self._follows_records:
            return now
        if not self._clock or now - self._clock_read > _CLOCK_AGE_MS:  # the first tick counts at once
            ticked = self.state.meta(CLOCK)
            self._clock = ticked if isinstance(ticked, int) else 0
            self._clock_read = now
        return self._clock or now

    async def append(self, record: NewRecord) -> int:
        """The offset of the record, once it is durable."""
        return await self.intake.append(record)

    async def command(self, name: str, args: Mapping[str, Any], by: str) -> Answer:
        """Append a command and wait for what folding made of it."""
        body = msgspec.json.encode({"name": name, "args": args, "by": by})
        offset = await self.intake.append(NewRecord(COMMAND, by, name, self.clock(), body))
        return await self.answer(offset)

    async def answer(self, offset: int, *, seconds: float = COMMAND_SECONDS) -> Answer:
        """The answer to the command at `offset`, once it is folded."""
        await self.folded(offset, seconds=seconds)
        row = self.state.get(ANSWER, offset)
        if row is None:
            return Answer(offset, ok=True, body=None)
        _, ok, body = row
        return Answer(offset, ok=bool(ok), body=msgspec.json.decode(body) if isinstance(body, bytes) and body else None)

    async def folded(self, offset: int, *, seconds: float = COMMAND_SECONDS) -> None:
        """Wait until the record at `offset` is folded."""
        deadline = time.monotonic() + seconds
        pause = 0.001
        while self.folded_offset() < offset:
            if time.monotonic() > deadline:
                raise Unavailable(
                    f"record {offset} is stored, and not folded after {seconds:.0f} s; the updater is behind or down. "
                    "See /ready; it will be folded once the updater runs"
                )
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, 0.02)

    def folded_offset(self) -> int:
        """The last folded record."""
        folded = self.state.meta(FOLDED)
        return folded if isinstance(folded, int) else 0

    def oldest_unfolded(self) -> Record | None:
        """The first record that waits to be folded."""
        waiting = self.log.read(self.folded_offset(), records=1)
        return waiting[0] if waiting else None

    def close(self) -> None:
        """Release files and end the child process for analysis; the intake is closed before."""
        for close in self.closing:
            close()
        if self.analyst is not None:
            self.analyst.close()
        self.state.close()
        self.log.close()
