"""What a change of the rules leaves as it was is named, and nothing else is."""

from typing import Any

import pytest
from msgspec.structs import replace

from regulars.core.identity_types import Identity
from regulars.profile.rule_changes import CODES, in_words, stays

USUAL = Identity()


def typed(kind: str, **of: Any) -> Identity:
    return replace(USUAL, types=tuple(replace(one, **of) if one.id == kind else one for one in USUAL.types))


@pytest.mark.parametrize(
    ("edited", "expected", "back"),
    [
        (USUAL, (), ()),
        (replace(USUAL, max_component=300), ("nobodies",), ()),
        (typed("email", limit=9), ("nobodies",), ()),
        (typed("email", limit=None), ("nobodies",), ()),
        (replace(USUAL, shared_devices=("anonymous_id:k",)), (), ("shared",)),
        (replace(USUAL, shared_sources=("kiosk",)), (), ("shared",)),
        (replace(USUAL, blocked=(*USUAL.blocked, "test")), ("blocked",), ("unblocked",)),
        (typed("loyalty_card", blocked=("2900*",)), ("blocked",), ("unblocked",)),
        (typed("email", priority=1), ("priorities",), ("priorities",)),
        (typed("anonymous_id", priority=999), (), ()),  # devices are never chosen between
        (typed("loyalty_card", normalise=("digits",)), (), ("spelling",)),
        (typed("loyalty_card", normalise=("lower",)), (), ("spelling",)),
        (typed("phone", normalise=("digits",)), ("spelling",), ("spelling",)),
        (typed("order_id", normalise=("upper",)), ("spelling",), ("spelling",)),  # orders are no persons
        (replace(USUAL, country="FR"), ("spelling",), ("spelling",)),
        (replace(USUAL, types=tuple(one for one in USUAL.types if one.id != "phone")), ("undeclared",), ()),
    ],
)
def test_each_change_names_what_it_leaves(edited: Identity, expected: tuple[str, ...], back: tuple[str, ...]) -> None:
    assert stays(USUAL, edited) == expected
    assert stays(edited, USUAL) == back


def test_what_stays_can_be_said_in_both_languages() -> None:
    for code in CODES:
        assert in_words(code, "de") != in_words(code, "en")
