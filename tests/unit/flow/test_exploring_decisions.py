"""Who is explored with, and who can choose what is drawn: nobody."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest

from regulars.decide.call import Call
from regulars.decide.identity import draw, seed_of
from tests.unit.flow.test_machines import CRAWLER
from tests.unit.flow.test_on_decide import NOW
from tests.unit.flow.test_rules_in_decisions import Corner


def explored(corner: Corner, tries: int, **said: Any) -> list[tuple[str, ...]]:
    """What was drawn in each of so many calls that say the same at the same instant."""
    found = []
    for _ in range(tries):
        outcome = corner.deciding.decide(
            Call(placements=["app"], user_id="ana", **said), corner.definitions.sources[0], now=NOW
        )
        found.append(tuple(one.item for one in outcome.answer.rows[0].items if one.model == "explore"))
    return found


def test_a_machine_is_not_explored_with_and_people_are(tmp_path: Path) -> None:
    corner = Corner(tmp_path)
    assert any(explored(corner, 30))
    assert not any(explored(corner, 60, context={"userAgent": CRAWLER}))


def test_the_same_call_at_the_same_instant_draws_anew(tmp_path: Path) -> None:
    corner = Corner(tmp_path)
    assert len(set(explored(corner, 30))) > 3, "nothing that a caller says or knows decides what is drawn"


@pytest.mark.parametrize("field", ["seed", "decision_id", "decisionId", "id", "propensity", "now"])
def test_a_call_has_no_word_for_the_seed(field: str) -> None:
    body = msgspec.json.encode({"placements": ["app"], "userId": "ana", field: 1})
    with pytest.raises(msgspec.ValidationError, match=field):
        msgspec.json.decode(body, type=Call)


def test_ids_that_differ_by_one_bit_draw_independently() -> None:
    draws = [draw(seed_of(f"d{number:027x}"), "home/0") for number in range(4_000)]
    assert abs(sum(draws) / len(draws) - 0.5) < 0.025
    following = sum((one < 0.3) == (other < 0.3) for one, other in pairwise(draws))
    assert abs(following / (len(draws) - 1) - (0.3**2 + 0.7**2)) < 0.04
