"""The record of processing from the configuration, and from what the lake of a data folder really holds."""

from typing import Any

from regulars.core.calendar import Calendar
from regulars.core.definitions import Definitions
from regulars.runtime.services import Analyst, Services
from regulars.shop.data_found import found_use
from regulars.shop.data_use import data_use

#: Whole days that are looked at, the last one included: enough for what comes seldom, bounded for a large lake.
DAYS = 90
SECONDS = 300.0


def recorded(
    services: Services, definitions: Definitions, analyst: Analyst | None, language: str, *, days: int = DAYS
) -> dict[str, Any]:
    """`data_use`, with what came of late under "found" where there is somebody to ask. It blocks for seconds."""
    record = data_use(definitions, language)
    if analyst is not None:
        today = Calendar(definitions.shop.time_zone).day(services.clock())
        rows = analyst.query("field_use", {"since": today - days + 1}, seconds=SECONDS)
        record["found"] = found_use(definitions, rows, days=days, language=language)
    return record
