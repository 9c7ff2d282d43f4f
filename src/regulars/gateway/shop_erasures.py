"""Carries the erasures of whole shops through, command after command, and begins those that the settings let begin."""

import structlog

from regulars.core.state import REQUEST
from regulars.flow.request_commands import DAYS, OPEN
from regulars.flow.shop_erasure import ERASING, all_final, progress_of
from regulars.runtime import Services

#: Who closes a request at its day, and what it says then.
CLOCK, NOTE = "clock", 'webhook.shop_erasure = "due"'
_DAY_MS = 86_400_000
_LOG = structlog.get_logger("regulars.shop_erasures")


async def go_on(services: Services) -> None:
    """Begin what is due, and take every erasure under way as far as it goes now. Cheap while there is none."""
    await _begin_due(services)
    for row in services.state.select(REQUEST, {"status": ERASING}):
        await _carry_on(services, str(row[0]))


async def _begin_due(services: Services) -> None:
    automatic = {
        one.id for one in services.definitions.sources if one.webhook is not None and one.webhook.shop_erasure == "due"
    }
    before = services.clock() - DAYS * _DAY_MS
    for row in services.state.select(REQUEST, {"status": OPEN}, below={"time": before}) if automatic else ():
        if row[1] == "shop_erasure" and row[2] in automatic:
            args = {"id": row[0], "note": NOTE, "confirm": row[2], "erase": True}
            await services.command("close_request", args, CLOCK)


async def _carry_on(services: Services, name: str) -> None:
    while (found := progress_of(services.state, name)) is not None and found.phase != "done":
        if found.phase == "certify" and not all_final(services.state, found):
            return
        args = {"id": name, "phase": found.phase, "after": found.after}
        answer = await services.command("erase_shop", args, CLOCK)
        if not answer.ok:
            _LOG.warning("the erasure of a shop does not go on", request=name, answer=answer.body)
            return
    _LOG.info("the erasure of a shop is through", request=name)
