"""Visits are a union: whatever the order, the batches, the repetitions and the merges, the same visits."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from regulars.collect.files.sightings import sighting, visits
from regulars.core.calendar import DAY_MS, Calendar
from regulars.core.definitions import Trait
from regulars.core.event import ZONE_ENTERED, ZONE_LEFT, Event
from regulars.profile.keeping import keeper
from regulars.profile.monoid import Monoid
from regulars.profile.traits import compile_trait
from tests.profiles import CALENDAR, FIRST_DAY, event

BOTH = (ZONE_ENTERED, ZONE_LEFT)
UTC = ZoneInfo("UTC")
MIDNIGHT = datetime(1970, 1, 2, tzinfo=UTC)
FAR = 1 << 40  # between times of stretches, of comings in and of goings out
NUMBER = Trait(name="visits", kind="visits", events=BOTH)
SECONDS = Trait(name="spent", kind="visits", events=BOTH, of="dwell_seconds")
KINDS = st.sampled_from([
    NUMBER, SECONDS,
    Trait(name="lately", kind="visits", events=BOTH, window_days=2),
    Trait(name="few", kind="visits", events=BOTH, cap=3),
    Trait(name="few_lately", kind="visits", events=BOTH, of="dwell_seconds", cap=2, window_days=3),
    Trait(name="shoes", kind="visits", events=BOTH, where={"zone": "shoes"}),
])  # fmt: skip


def stay(at_s: int, name: str, zone: str | None, long: Any) -> Event:
    """Somebody was there: `at_s` seconds after the first midnight."""
    word = "dwell_seconds" if name == ZONE_LEFT else "seen_seconds"
    return event(name, (at_s * 1000 + 1) / DAY_MS, {"zone": zone, "store_id": "bonn", word: long})


# Minutes, so that gaps of two minutes are frequent, around a midnight and an hour.
STAYS = st.lists(
    st.builds(
        stay,
        st.integers(0, 90).map(lambda minute: 84_600 + 60 * minute)
        | st.integers(0, 4).map(lambda day: 86_400 * day),
        st.sampled_from(BOTH),
        st.sampled_from(["shoes", "books"]),
        st.sampled_from([None, 0, 60, 240, 3600, "60", -1, 10**6, "long"]),
    ),
    max_size=12,
)  # fmt: skip


def compiled(trait: Trait) -> Monoid:
    return compile_trait(trait, currency="EUR", computed={})


def state_of(monoid: Monoid, events: list[Event]) -> Any:
    state = monoid.zero()
    for one in events:
        state = monoid.add(state, one, CALENDAR.day(one.time))
    return state


@given(KINDS, STAYS, st.integers(0, 12), st.integers(0, 12), st.randoms(use_true_random=False))
def test_visits_are_a_commutative_associative_idempotent_union(
    trait: Trait, stays: list[Event], one: int, two: int, shuffle: Any
) -> None:
    monoid = compiled(trait)
    whole = state_of(monoid, stays)
    first, last = sorted((one, two))
    a, b, c = (state_of(monoid, part) for part in (stays[:first], stays[first:last], stays[last:]))
    bytes_of_a = msgspec.msgpack.encode(a)
    assert monoid.merge(monoid.merge(a, b), c) == monoid.merge(c, monoid.merge(b, a)) == whole
    assert monoid.merge(whole, whole) == monoid.merge(whole, b) == monoid.merge(monoid.zero(), whole) == whole
    assert msgspec.msgpack.encode(a) == bytes_of_a
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(whole)) == whole
    again = [*stays, *stays[first:]]
    shuffle.shuffle(again)
    assert state_of(monoid, again) == whole


@given(KINDS, STAYS, st.integers(0, 8), st.integers(1, 8))
def test_no_value_changes_before_its_due_day(trait: Trait, stays: list[Event], now: int, later: int) -> None:
    monoid, today = compiled(trait), FIRST_DAY + now
    state = state_of(monoid, stays)
    value, due = monoid.now(state, today)
    assert due == 0 or due > today
    assert due == 0 or due <= today + later or monoid.value(state, today + later) == value
    assert due or monoid.value(state, today + later) == value


@given(STAYS)
def test_the_state_is_bounded_whatever_is_sent(stays: list[Event]) -> None:
    state = state_of(compiled(Trait(name="few", kind="visits", events=BOTH, cap=3)), stays)
    places = [held for cell in state[1::2] for held in cell.values()]
    assert len(places) <= 3
    for held in places:
        assert all(begin - end > 120 for end, begin in zip(held[1::2], held[2::2], strict=False))
        kinds = [[time % FAR for time in held[::2] if time // FAR == kind] for kind in range(3)]
        assert sum(map(len, kinds)) == len(held) // 2
        assert all(begins[-1] - begins[0] < 3600 for begins in kinds if begins)


def told(seconds: list[int]) -> list[Event]:
    """The events of one body of sightings."""
    return body([(at, "seen") for at in seconds])


def body(sightings: list[tuple[int, str]]) -> list[Event]:
    """The events of one body of rows (seconds after a midnight, what)."""
    times = [(MIDNIGHT + timedelta(seconds=at)).isoformat() for at, _ in sightings]
    rows: list[dict[str, Any]] = [
        {"beacon_device": "tag", "zone": "shoes", "timestamp": time, "what": what}
        for time, (_, what) in zip(times, sightings, strict=True)
    ]
    found = []
    for call in (sighting(row, UTC) for row in visits(rows, UTC)):
        at = round(datetime.fromisoformat(call["timestamp"]).timestamp())
        found.append(event(call["event"], (at * 1000 + 1) / DAY_MS, call["properties"]))
    return found


@given(st.lists(st.tuples(st.integers(0, 1800).map(lambda s: s // 10 * 10), st.integers(0, 3)), max_size=25))
def test_sightings_in_several_bodies_are_the_visits_of_one_body(seen: list[tuple[int, int]]) -> None:
    whole = told([at for at, _ in seen])
    pieces = [one for body in range(4) for one in told([at for at, of in seen if of == body])]
    for trait in (NUMBER, SECONDS):
        monoid = compiled(trait)
        values = [monoid.value(state_of(monoid, events), FIRST_DAY + 9) for events in (whole, pieces)]
        assert values[0] == values[1]


# Pauses around the gap within which times are one visit, and longer ones.
_PAUSES = st.sampled_from([10, 60, 119, 120, 121, 300, 1800, 4000])


@given(
    st.lists(st.tuples(_PAUSES, st.sampled_from(["entered", "left", "seen"]), st.booleans()), max_size=10),
    st.randoms(use_true_random=False),
)
def test_who_enters_in_one_body_and_leaves_in_another_was_there_as_long_as_in_one(
    steps: list[tuple[int, str, bool]], shuffle: Any
) -> None:
    at, rows = 0, []
    bodies: list[list[tuple[int, str]]] = [[]]
    for pause, what, cut in steps:
        at += pause
        rows.append((at, what))
        if cut:
            bodies.append([])
        bodies[-1].append((at, what))
    pieces = [one for rows_of_body in bodies for one in body(rows_of_body)]
    pieces += pieces[: len(pieces) // 2]  # some come again
    shuffle.shuffle(pieces)
    for trait in (NUMBER, SECONDS):
        monoid = compiled(trait)
        values = [monoid.value(state_of(monoid, events), FIRST_DAY + 9) for events in (body(rows), pieces)]
        assert values[0] == values[1]


def seconds_of(*events: Event) -> list[int]:
    """How many visits, and the seconds of all."""
    return [
        (monoid := compiled(trait)).value(state_of(monoid, list(events)), FIRST_DAY + 9) for trait in (NUMBER, SECONDS)
    ]


def test_a_bare_leaving_ends_what_a_bare_entry_began_whichever_comes_first() -> None:
    came, went = stay(90_000, ZONE_ENTERED, "shoes", None), stay(91_800, ZONE_LEFT, "shoes", None)
    assert seconds_of(came, went) == seconds_of(went, came) == [1, 1800]
    assert seconds_of(came) == [1, 0]
    assert seconds_of(went) == [0, 0], "nobody told since when"
    assert seconds_of(came, stay(91_800, ZONE_LEFT, "books", None)) == [1, 0], "another zone"
    again = stay(91_000, ZONE_ENTERED, "shoes", None)
    assert seconds_of(went, again, came) == [2, 800], "the newest entry before it"
    assert seconds_of(went, came, stay(93_000, ZONE_LEFT, "shoes", None)) == [1, 1800], "the first leaving after it"


def test_a_bare_leaving_more_than_a_day_later_ends_nothing() -> None:
    came = stay(90_000, ZONE_ENTERED, "shoes", None)
    assert seconds_of(came, stay(90_000 + 86_400, ZONE_LEFT, "shoes", None)) == [1, 86_400]
    assert seconds_of(came, stay(90_001 + 86_400, ZONE_LEFT, "shoes", None)) == [1, 0]


def test_what_was_told_with_its_end_is_over() -> None:
    came, told_whole = stay(90_000, ZONE_ENTERED, "shoes", None), stay(90_600, ZONE_LEFT, "shoes", 600)
    late = stay(91_800, ZONE_LEFT, "shoes", None)
    assert seconds_of(came, told_whole, late) == [1, 600]
    assert seconds_of(stay(90_000, ZONE_ENTERED, "shoes", 60), late) == [1, 60], "seen for a minute, no longer"


def test_a_visit_over_a_ten_minutes_mark_and_over_midnight_counts_once() -> None:
    monoid = compiled(NUMBER)
    assert monoid.value(state_of(monoid, told([540, 590]) + told([630])), FIRST_DAY + 1) == 1
    night = [stay(86_390, ZONE_ENTERED, "shoes", 5), stay(86_700, ZONE_LEFT, "shoes", 240)]
    assert monoid.value(state_of(monoid, night), FIRST_DAY + 1) == 1
    apart = [*night, stay(90_000, ZONE_ENTERED, "shoes", None), stay(86_400, ZONE_ENTERED, "books", 5)]
    assert monoid.value(state_of(monoid, apart), FIRST_DAY + 1) == 3
    spent = compiled(SECONDS)
    assert spent.value(state_of(spent, night), FIRST_DAY + 1) == 310
    nothing = [stay(9, ZONE_LEFT, None, 5), stay(9, ZONE_ENTERED, None, 60)]
    assert state_of(monoid, nothing) == []


def test_a_term_forgets_whole_days() -> None:
    kept = keeper(Trait(name="visits", kind="visits", events=BOTH, keep_days=3), Calendar("UTC"))
    assert kept is not None
    state = state_of(compiled(NUMBER), [stay(0, ZONE_ENTERED, "a", 5), stay(2 * 86_400, ZONE_ENTERED, "a", 5)])
    left, due = kept.keep(state, FIRST_DAY + 4)
    assert (len(left), left[0], due) == (2, FIRST_DAY + 2, FIRST_DAY + 5)


def test_a_zone_that_tells_of_something_sensitive_is_not_kept() -> None:
    monoid = compile_trait(NUMBER, currency="EUR", computed={}, unwanted=lambda text: text == "oncology")
    assert state_of(monoid, [stay(0, ZONE_ENTERED, "oncology", 5)]) == []
