"""The page that traces one event."""

from pathlib import Path

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
