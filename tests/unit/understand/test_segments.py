"""Who is in a segment, who entered, who left."""

from collections.abc import Collection
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regulars.core.definitions import Definitions, Segment, Shop, Trait
from regulars.core.errors import Misconfigured
from regulars.core.schema import Rows, thresholds
from regulars.understand.segments import SegmentSet

TRAITS = (
    Trait(name="views", kind="count", events=("Product Viewed",)),
    Trait(name="orders", kind="count", events=("Order Completed",)),
    Trait(name="days_since_order", kind="days_since", events=("Order Completed",)),
    Trait(name="interest", kind="affinity", events=("Product Viewed",), of="category", interest=True),
    Trait(name="stage", kind="lifecycle", events=("Order Completed",)),
)
VIEWS, ORDERS, SINCE, INTEREST, STAGE = range(5)


def segment_set(*segments: Segment | str) -> SegmentSet:
    given_ = tuple(
        one if isinstance(one, Segment) else Segment(id=f"s{at}", when=one) for at, one in enumerate(segments)
    )
    definitions = Definitions(shop=Shop(name="Corner"), traits=TRAITS, segments=given_)
    return SegmentSet(definitions, Rows(definitions))


def values(
    views: int = 0, orders: int = 0, since: int | None = None, stage: str | None = None, **likes: float
) -> list[Any]:
    return [views, orders, since, likes, stage]


def moved(
    segments: SegmentSet, row: list[Any], current: Collection[str] = (), changed: set[int] | None = None,
    allowed: Collection[str] = (),
) -> tuple[list[str], list[str], list[str]] | None:  # fmt: skip
    found = segments.update(row, current, changed=changed, allowed=allowed, facts={})
    return None if found is None else (found.now, found.entered, found.left)


def test_a_customer_enters_and_leaves() -> None:
    segments = segment_set("views >= 10")
    assert moved(segments, values(views=10)) == (["s0"], ["s0"], [])
    assert moved(segments, values(views=10), ["s0"]) is None
    assert moved(segments, values(views=9), ["s0"]) == ([], [], ["s0"])


def test_only_segments_that_a_change_reaches_are_evaluated() -> None:
    segments = segment_set("views >= 1", "orders >= 1")
    both = values(views=1, orders=1)
    assert moved(segments, both, changed={VIEWS}) == (["s0"], ["s0"], [])
    assert moved(segments, both, changed={STAGE}) is None
    assert moved(segments, both, changed={STAGE, VIEWS, ORDERS}) == (["s0", "s1"], ["s0", "s1"], [])


def test_a_segment_may_ask_about_others_defined_later() -> None:
    segments = segment_set(
        Segment(id="best", when="in_segment('buyers') and in_segment('viewers')"),
        Segment(id="viewers", when="views >= 1"),
        Segment(id="buyers", when="orders >= 1 and not in_segment('lost')"),
        Segment(id="lost", when="stage = 'inactive'"),
    )
    row = values(views=1, orders=1, stage="active")
    assert moved(segments, row) == (["best", "viewers", "buyers"], ["best", "viewers", "buyers"], [])
    now_lost = values(views=1, orders=1, stage="inactive")
    assert moved(segments, now_lost, ["best", "viewers", "buyers"], {STAGE}) == (
        ["viewers", "lost"], ["lost"], ["best", "buyers"],
    )  # fmt: skip


def test_an_interest_is_read_from_the_affinity_that_answers_it() -> None:
    segments = segment_set("interest('Bikes') > 0.3")
    assert moved(segments, values(Bikes=0.31), changed={INTEREST}) == (["s0"], ["s0"], [])
    assert moved(segments, values(Shoes=0.9), ["s0"], {INTEREST}) == ([], [], ["s0"])


def test_without_consent_for_its_purpose_nobody_is_a_member() -> None:
    segments = segment_set(Segment(id="fans", when="views >= 1", purpose="analytics"))
    assert moved(segments, values(views=5)) is None
    assert moved(segments, values(views=5), allowed={"analytics"}) == (["fans"], ["fans"], [])
    assert moved(segments, values(views=5), ["fans"]) == ([], [], ["fans"])


def test_a_segment_that_no_longer_exists_is_left() -> None:
    assert moved(segment_set("views >= 1"), values(views=1), ["s0", "old"]) == (["s0"], [], ["old"])


def test_segments_in_a_circle_are_misconfigured() -> None:
    with pytest.raises(Misconfigured, match=r"circle: s0 -> s1 -> s2 -> s0"):
        segment_set("in_segment('s1')", "in_segment('s2')", "in_segment('s0') or views > 1", "views > 2")


def test_every_mistake_is_reported_at_once() -> None:
    with pytest.raises(Misconfigured) as mistake:
        segment_set("view > 1", "views > 1", "stage = 'inaktive'", "context.channel = 'web'")
    message = str(mistake.value)
    assert "segments.s0.when" in message
    assert "segments.s2.when" in message
    assert "context.channel exists only while deciding" in message


def test_the_constants_of_all_conditions_are_known() -> None:
    segments = segment_set("days_since_order between 20 and 60", "days_since_order > 90 or views > 3")
    assert thresholds(segments.conditions.values()) == {"days_since_order": (20.0, 60.0, 90.0), "views": (3.0,)}
    computed = segment_set("days_since_order > 5", "days_since_order * 2 > views")
    assert thresholds(computed.conditions.values())["days_since_order"] is None


clauses = st.sampled_from(
    ["views >= 2", "orders >= 1", "days_since_order < 5", "stage = 'active'", "interest('a') > 0.2", "views > orders"]
)
rows = st.builds(
    lambda views, orders, since, stage, share: values(views, orders, since, stage, a=share),
    st.integers(0, 3), st.integers(0, 2), st.sampled_from([None, 1, 9]), st.sampled_from([None, "active", "waning"]),
    st.sampled_from([0.1, 0.5]),
)  # fmt: skip


@st.composite
def segment_sets(draw: st.DrawFn) -> SegmentSet:
    """Segments over traits and over each other, without circles."""
    conditions: list[str] = []
    for at in range(draw(st.integers(1, 6))):
        text = draw(clauses)
        if at and draw(st.booleans()):
            joint, other = draw(st.sampled_from(["and", "or", "and not"])), draw(st.integers(0, at - 1))
            text = f"{text} {joint} in_segment('s{other}')"
        conditions.append(text)
    return segment_set(*conditions)


@settings(max_examples=40)
@given(segment_sets(), st.lists(rows, min_size=1, max_size=6))
def test_following_changes_gives_what_evaluating_everything_gives(
    segments: SegmentSet, history: list[list[Any]]
) -> None:
    before = values()
    first = moved(segments, before)
    members = first[0] if first else []
    for row in history:
        changed = {slot for slot in range(len(row)) if row[slot] != before[slot]}
        followed = moved(segments, row, members, changed)
        everything = moved(segments, row)
        now = everything[0] if everything else []
        assert (followed[0] if followed else members) == now
        if followed:
            assert set(members) | set(followed[1]) == set(now) | set(followed[2])
        members, before = now, row
