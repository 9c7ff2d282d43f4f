"""The command of a confirmation link, as the updater carries it out."""

from typing import Any, cast

import msgspec
import pytest

from regulars.core.log import NewRecord
from regulars.core.state import ANSWER, CONFIRMED, CONSENT, LINK
from regulars.flow.trust_commands import RULE
from tests.property.test_flow import DAY
from tests.property.test_unlink import RECEIVED, command, told


def confirm(time: int = RECEIVED, **more: Any) -> NewRecord:
    args: dict[str, Any] = {
        "id": "one", "action": "confirm_identifier", "identifier": "email:x@example.org",
        "device": "anonymous_id:c1", "expires": RECEIVED + DAY,
    }  # fmt: skip
    return command("confirm", time, **{**args, **more})


def refusals(*records: NewRecord) -> list[str]:
    rows = told([*records]).select(ANSWER)
    return [msgspec.json.decode(cast(bytes, row[2]))["field"] for row in rows if not row[1]]


def test_a_confirmed_browser_is_a_link_with_its_own_rule() -> None:
    rows = told([confirm()]).select(LINK)
    assert [(row[0], row[1], row[4]) for row in rows] == [("email:x@example.org", "anonymous_id:c1", RULE)]


def test_the_same_link_counts_once() -> None:
    assert refusals(confirm(), confirm()) == ["id"]
    assert refusals(confirm(), confirm(id="two")) == []


def test_used_links_are_forgotten_once_they_have_expired_and_refused_all_the_same() -> None:
    later = RECEIVED + 2 * DAY
    records = [confirm(), confirm(later, id="two", expires=later + DAY)]
    assert [row[0] for row in told(records).select(CONFIRMED)] == ["two"]
    assert refusals(*records, confirm(later)) == ["expires"]


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"id": ""}, "id"),
        ({"expires": "never"}, "id"),
        ({"action": "erase"}, "action"),
        ({"identifier": "anonymous_id:c2"}, "device"),
        ({"device": "user_id:ben"}, "device"),
        ({"device": ""}, "identifier"),
        ({"action": "consent", "purposes": []}, "purposes"),
        ({"action": "consent", "purposes": ["contract"]}, "purposes"),
    ],
)
def test_what_no_page_would_ask_is_refused_whole(wrong: dict[str, Any], field: str) -> None:
    record = confirm(**wrong)
    assert refusals(record) == [field]
    state = told([record])
    assert not state.select(LINK)
    assert not state.select(CONSENT)
    assert not state.select(CONFIRMED)
