"""What the appending process does beside serving: time as records, and forgetting what the log no longer needs."""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

import structlog

from regulars.core.errors import Unavailable
from regulars.core.log import TICK, NewRecord
from regulars.core.state import SEALED
from regulars.flow.generation import LOOK_SECONDS
from regulars.gateway import late_schedules, shop_erasures
from regulars.runtime import Services, Settings

P = ParamSpec("P")
T = TypeVar("T")
_LOG = structlog.get_logger("regulars.upkeep")
_TRIM_SECONDS = 60.0
_ERASE_SECONDS = 2.0
_SCHEDULE_SECONDS = 60.0
_HOUR_MS = 3_600_000


class Upkeep:
    """Background tasks of the gateway."""

    def __init__(self, services: Services, settings: Settings) -> None:
        self._services = services
        self._settings = settings
        self._tasks: list[asyncio.Task[None]] = []
        # One thread, not any of a pool: what each thread allocates while it trims stays with its part of the heap, so
        # that memory would grow once for each.
        self._beside = ThreadPoolExecutor(max_workers=1, thread_name_prefix="upkeep")
        self._analysed = services.definitions
        # In a shop whose clock follows its records, receipt times say nothing about the age of a record: what the head
        # was at a wall time does.
        self._heads: deque[tuple[float, int]] = deque()

    def start(self) -> None:
        """Begin; call it on the running loop."""
        if self._services.definitions.shop.clock == "wall":
            self._tasks.append(asyncio.create_task(self._every(self._settings.tick_seconds, self._tick)))
        self._tasks.append(asyncio.create_task(self._every(_TRIM_SECONDS, self._trim)))
        self._tasks.append(asyncio.create_task(self._every(LOOK_SECONDS, self._follow)))
        erasing = partial(shop_erasures.go_on, self._services)
        self._tasks.append(asyncio.create_task(self._every(_ERASE_SECONDS, erasing)))
        noting = partial(late_schedules.take_in, self._services)
        self._tasks.append(asyncio.create_task(self._every(_SCHEDULE_SECONDS, noting)))

    async def stop(self) -> None:
        """End the tasks."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.to_thread(self._beside.shutdown)

    async def _every(self, seconds: float, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await work()
            except Unavailable as error:
                _LOG.warning("upkeep failed and is tried again", error=str(error))
            await asyncio.sleep(seconds)

    async def _tick(self) -> None:
        now = time.time_ns() // 1_000_000
        await self._services.append(NewRecord(TICK, "clock", "", now, b""))

    async def _follow(self) -> None:
        """Let the analysis use the definitions that the serving records were built with."""
        serving, analyst = self._services.serving, self._services.analyst
        serving.refresh()
        if analyst is not None and serving.definitions is not self._analysed:
            self._analysed = serving.definitions
            await self._apart(analyst.redefine, serving.definitions)

    async def _trim(self) -> None:
        """Forget records that are folded, sealed and older than the log's horizon."""
        services = self._services
        sealed = services.state.meta(SEALED)
        done = min(services.folded_offset(), sealed if isinstance(sealed, int) else 0)
        self._heads.append((time.time(), services.log.head()))
        old = await self._apart(self._older_than_horizon)
        before = min(done, old) + 1
        if before > services.log.first():
            gone = await self._apart(services.log.trim, before)
            if gone:
                _LOG.info("forgot records of the log", records=gone, before=before)

    async def _apart(self, work: Callable[P, T], *args: P.args, **more: P.kwargs) -> T:
        """In the thread of upkeep."""
        return await asyncio.get_running_loop().run_in_executor(self._beside, partial(work, *args, **more))

    def _older_than_horizon(self) -> int:
        """The last offset that is older than the log's horizon."""
        hours = self._settings.log_hours
        if self._services.definitions.shop.clock == "wall":
            return self._last_before(time.time_ns() // 1_000_000 - int(hours * _HOUR_MS))
        horizon, last = time.time() - hours * 3600, 0
        while self._heads and self._heads[0][0] <= horizon:
            last = self._heads.popleft()[1]
        return last

    def _last_before(self, instant: int) -> int:
        """By bisection: receipt times grow with the offset, up to the jitter of a group."""
        log = self._services.log
        low, high = log.first() - 1, log.head()
        while low < high:
            middle = (low + high + 1) // 2
            found = log.get([middle]).get(middle)
            if found is not None and found.time < instant:
                low = middle
            else:
                high = middle - 1
        return low
