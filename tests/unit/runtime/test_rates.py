"""Buckets of tokens: nobody sends more than a burst and the rate, and what waits long enough is let through."""

from hypothesis import given
from hypothesis import strategies as st

from regulars.core.definitions import Source
from regulars.runtime.rates import BURST_SECONDS, Rates


@given(
    st.floats(0.5, 1000),
    st.lists(st.tuples(st.floats(0, 30), st.integers(1, 50)), min_size=1, max_size=40),
)
def test_no_stretch_of_time_lets_through_more_than_a_burst_and_the_rate(
    rate: float, sent: list[tuple[float, int]]
) -> None:
    now = 0.0
    rates = Rates([Source(id="web", kind="browser", rate=rate)], clock=lambda: now)
    admitted = 0
    for pause, events in sent:
        now += pause
        if rates.wait("web", events) == 0:
            admitted += events
    largest = max(events for _, events in sent)
    assert admitted <= rate * (BURST_SECONDS + now) + largest + 1e-6


@given(st.floats(0.5, 1000), st.integers(1, 500))
def test_who_waits_as_told_is_let_through(rate: float, events: int) -> None:
    now = 0.0
    rates = Rates([Source(id="web", kind="browser", rate=rate)], clock=lambda: now)
    for _ in range(5):
        wait = rates.wait("web", events)
        if wait:
            now += wait + 1e-6
            assert rates.wait("web", events) == 0


def test_one_source_takes_nothing_from_another() -> None:
    sources = [Source(id=name, kind="browser", rate=1) for name in ("web", "app")]
    rates = Rates(sources, clock=lambda: 0.0)
    assert rates.wait("web", 10) == 0
    assert rates.wait("web", 1) == 1
    assert rates.wait("app", 10) == 0
