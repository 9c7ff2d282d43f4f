"""A schedule that came after it was on air is told on the page of tracking health, until a replay takes it in."""

import asyncio
import json
import time
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from regulars.console.words import catalogue
from regulars.core.definitions import Trait
from regulars.core.log import EVENTS, TICK, NewRecord
from regulars.core.state import SHOP_FACT
from regulars.flow.generation import LOOK_SECONDS
from regulars.flow.progress import progress_of
from regulars.flow.shop_facts import late_entries
from regulars.gateway.late_schedules import take_in
from tests.unit.console.corner import DEFINITIONS, NOW, Corner, order

HOUR = 3_600_000
LOOKING = msgspec.structs.replace(
    DEFINITIONS,
    traits=(
        *DEFINITIONS.traits,
        Trait(name="aired", kind="distinct", events=("Order Completed",), of="context.on_air.title"),
    ),
)
HINT = 'id="late-schedule"'


def aired(corner: Corner, title: str, begins: int, told: int = NOW) -> None:
    """An entry of an hour, and when it was told."""
    starts, ends = (datetime.fromtimestamp(at / 1000, UTC).isoformat() for at in (begins, begins + HOUR))
    row = {"station": "Shop TV", "starts": starts, "ends": ends, "title": title}
    corner.log.append([NewRecord(EVENTS, "till", "touch:programme", told, json.dumps([row]).encode())])
    corner.updater.run()


@pytest.mark.parametrize(("language", "says"), [
    ("en", "2 entries of the schedule came after they had begun"),
    ("de", "2 Einträge des Sendeplans kamen, als sie schon begonnen hatten"),
])  # fmt: skip
def test_a_late_schedule_is_told_with_what_takes_it_in(tmp_path: Path, language: str, says: str) -> None:
    with Corner(tmp_path, definitions=LOOKING) as corner:
        corner.command("put_user", name="ada", role="admin", language=language)
        aired(corner, "Told ahead", NOW + HOUR)
        assert HINT not in corner.as_("ada").get("/console/tracking").text
        aired(corner, "Pans", NOW - 48 * HOUR)
        aired(corner, "Knives", NOW - 24 * HOUR)
        page = corner.as_("ada").get("/console/tracking").text
        assert HINT in page
        assert says in page
        assert catalogue(language)["tracking.late_schedule"] in page
        assert "<code>regulars replay --again</code>" in page
        corner.command("replay", again=True)
        assert HINT not in corner.as_("ada").get("/console/tracking").text
        assert len(corner.state.select(SHOP_FACT)) == 3


def test_nobody_is_told_where_no_trait_looks_at_it(tmp_path: Path) -> None:
    with Corner(tmp_path) as corner:
        aired(corner, "Pans", NOW - 48 * HOUR)
        assert HINT not in corner.as_("ada").get("/console/tracking").text


def test_once_the_schedule_is_complete_traits_take_it_in_by_themselves(tmp_path: Path) -> None:
    with Corner(tmp_path, definitions=LOOKING) as corner:
        corner.happened(order("ana", "o1", 5, days_ago=1))

        def looks(minutes: int) -> object:
            """Upkeep looks, so long after the schedule came."""
            now = NOW + minutes * 60_000
            corner.log.append([NewRecord(TICK, "clock", "", now, b"")])
            corner.updater.run()
            asyncio.run(take_in(corner.services, now=now))
            while corner.updater.replaying:
                corner.updater.step()
            time.sleep(LOOK_SECONDS)  # until the pages follow a switch
            return corner.customer("user_id:ana").traits["aired"]

        aired(corner, "Pans", NOW - 24 * HOUR)
        assert looks(10) == 0, "more may come"
        aired(corner, "Pots", NOW - 47 * HOUR, told=NOW + 10 * 60_000)
        assert looks(20) == 0, "more came"
        assert looks(26) == 1
        began = progress_of(corner.state).began
        assert looks(50) == 1
        assert progress_of(corner.state).began == began, "once"
        aired(corner, "Knives", NOW - 24 * HOUR, told=NOW + 60 * 60_000)
        looks(180)
        assert progress_of(corner.state).began == began, "each reads everybody's history"
        looks(7 * 60)
        assert progress_of(corner.state).began > began


def test_only_what_was_told_lately_counts(tmp_path: Path) -> None:
    with Corner(tmp_path) as corner:
        aired(corner, "Pans", NOW - 480 * HOUR, told=NOW - 240 * HOUR)
        assert late_entries(corner.state, since=NOW - 168 * HOUR) == 0
        assert late_entries(corner.state, since=0) == 1
