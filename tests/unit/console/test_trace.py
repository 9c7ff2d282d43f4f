"""The page that traces one event."""

import re
from pathlib import Path

import pytest

import regulars.collect
from regulars.collect.machines import HAND, NO_HAND, SIGNED_IN, WEBDRIVER
from regulars.collect.pace import HEAD, PLACE, SIGNS
from regulars.collect.tracking_words import REASONS
from regulars.console.words import catalogue
from regulars.core.machine import KNOWN, LATER, OF_HEAD, OF_PLACE
from regulars.runtime import traces
from tests.unit.api.test_trace import agrees, viewed
from tests.unit.console.corner import Corner, send

FACT = re.compile(r'"([a-z_]+)": ')
#: Where rows are asked for, and what stands in a line of its own.
NOT_SHOWN = {"step", "kind", "first", "last", "key", "field", "expected", "got"}


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
    facts = set(FACT.findall(source[source.index("def _counted") :]))
    assert {"time", "why", "failed_for", "mends", "first_time"} <= facts
    wanted |= {f"trace.fact.{name}" for name in facts - NOT_SHOWN}
    signs = {WEBDRIVER, HAND, NO_HAND, SIGNED_IN, PLACE, HEAD, KNOWN, LATER, *OF_PLACE, *OF_HEAD, *SIGNS}
    wanted |= {f"trace.sign.{sign}" for sign in signs}
    assert wanted <= catalogue(language).keys()


@pytest.mark.parametrize("language", ["de", "en"])
def test_every_reason_for_which_an_event_fails_has_words_and_what_to_do(language: str) -> None:
    read = "".join(path.read_text() for path in Path(regulars.collect.__file__).parent.rglob("*.py"))
    reasons = set(re.findall(r'Failure\(\s*"([a-z_]+)"', read))
    assert {"missing_field", "unknown_field", "unknown_type", "wrong_type"} <= reasons
    wanted = {f"failed.{what}.{reason}" for reason in reasons for what in ("reason", "todo")}
    assert wanted <= catalogue(language).keys()
    assert reasons <= REASONS[language].keys()


def test_a_german_page_tells_verdict_and_signs_in_german(tmp_path: Path) -> None:
    with Corner(tmp_path) as corner:
        corner.happened(agrees("ana", 5), viewed("robot", 22, userId="ana") | {"context": {"webdriver": True}})
        visitor = corner.as_("ada")
        send(visitor, "/console", "/console/language", language="de", back="/console")
        page = visitor.get("/console/trace?id=robot").text
        assert "Maschine" in page
        assert "ferngesteuerter Browser" in page
        assert ">verdict<" not in page


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
