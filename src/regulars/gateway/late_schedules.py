"""Has records built anew once a schedule that came after the calls and orders is complete, where traits look at it."""

import asyncio

import structlog

from regulars.flow.progress import progress_of
from regulars.flow.shop_facts import LATE_DAYS, newest_late, reads_on_air
from regulars.runtime import Services

#: Nothing more came of the schedule for so long; it comes in many entries.
QUIET_MS = 15 * 60_000
#: Between two back-fills for that reason: each reads everybody's history.
BETWEEN_MS = 6 * 3_600_000
CLOCK = "clock"
_DAY_MS = 86_400_000
_LOG = structlog.get_logger("regulars.late_schedules")


async def take_in(services: Services, *, now: int | None = None) -> None:
    """Begin a back-fill if one is due by the shop's clock (ms). Cheap where no trait looks at what was on air."""
    if not reads_on_air(services.serving.definitions):
        return
    now, progress = now or services.clock(), progress_of(services.state)
    if progress.building or now - progress.began < BETWEEN_MS:
        return
    newest = await asyncio.to_thread(newest_late, services.state, since=now - LATE_DAYS * _DAY_MS)
    if newest is not None and now - newest >= QUIET_MS:
        answer = await services.command("replay", {"again": True}, CLOCK)
        _LOG.info("records are built anew, for a schedule came late", ok=answer.ok)
