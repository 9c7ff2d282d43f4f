"""The page that traces one event."""

import re
from pathlib import Path

import pytest

from regulars.console.words import catalogue
from regulars.runtime import traces
from tests.unit.api.test_trace import agrees, viewed
from tests.unit.console.corner import Corner


def test_the_page_tells_steps_repeats_and_changes_and_notes_who_looked(tmp_path: Path) -> None:
    with Corner(tmp_path) as corner:
        corner.happened(agrees("ana", 5), viewed("m1", 20, userId="ana"))
        corner.happened(viewed("m1", 45, userId="ana"))
        page = corner.as_("ada").get("/console/trace?id=m1").text
        assert "Came again" in page
        assert "What it changed" in page
        assert "→" in page
        assert ("ada", "trace event", corner.profile("user_id:ana")) in corner.looks()


def test_an_unknown_id_is_told_and_shown_as_text(tmp_path: Path) -> None:
    with Corner(tmp_path) as corner:
        page = corner.as_("ada").get('/console/trace?id="><script>').text
        assert "No event with this message id" in page
        assert '"><script>' not in page


def test_who_may_not_see_raw_events_sees_no_trace(tmp_path: Path) -> None:
    with Corner(tmp_path) as corner:
        assert corner.as_("mia").get("/console/trace").status_code == 403


@pytest.mark.parametrize("language", ["de", "en"])
def test_the_page_has_a_word_for_every_step_status_and_reason_of_a_trace(language: str) -> None:
    source = Path(traces.__file__).read_text()
    steps = {name.replace(" ", "_") for name in re.findall(r'"step": "([a-z ]+)"', source)}
    assert {"stored", "mended", "judged", "came_again"} <= steps
    wanted = {f"trace.step.{name}" for name in steps} | {f"trace.why.{name}" for name in traces.WHY}
    assert wanted <= catalogue(language).keys()


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("robot", "A machine sent it"),
        ("unconsented", "No consent of this person allows"),
        ("typo", "It does not fit the tracking plan"),
        ("good", "Counted in the profile"),
    ],
)
def test_the_page_tells_why_nothing_happened(tmp_path: Path, message: str, said: str) -> None:
    robot = {"context": {"userAgent": "Googlebot/2.1 (+http://www.google.com/bot.html)"}}
    with Corner(tmp_path) as corner:
        corner.happened(agrees("ana", 5), viewed("good", 20, userId="ana"), viewed("unconsented", 21, userId="bo"))
        corner.happened(viewed("robot", 22, userId="ana") | robot)
        corner.happened(viewed("typo", 23, userId="ana") | {"event": "Product Veiwed"})
        assert said in corner.as_("ada").get(f"/console/trace?id={message}").text
