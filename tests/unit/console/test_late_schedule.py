"""A schedule that came after it was on air is told on the page of tracking health, until a replay takes it in."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from regulars.console.words import catalogue
from regulars.core.log import EVENTS, NewRecord
from regulars.core.state import SHOP_FACT
from regulars.flow.shop_facts import late_entries
from tests.unit.console.corner import NOW, Corner

HOUR = 3_600_000
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
    with Corner(tmp_path) as corner:
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


def test_only_what_was_told_lately_counts(tmp_path: Path) -> None:
    with Corner(tmp_path) as corner:
        aired(corner, "Pans", NOW - 480 * HOUR, told=NOW - 240 * HOUR)
        assert late_entries(corner.state, since=NOW - 168 * HOUR) == 0
        assert late_entries(corner.state, since=0) == 1
