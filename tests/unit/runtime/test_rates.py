"""Buckets of tokens: nobody sends more than a burst and the rate, and what waits long enough is let through."""

import sys

from hypothesis import given
from hypothesis import strategies as st

from regulars.core.definitions import Source
from regulars.runtime.rates import BURST_SECONDS, STRANGER_BURST, STRANGER_RATE, Rates, Strangers, network


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


@given(
    st.lists(st.tuples(st.floats(0, 90), st.sampled_from(["192.0.2.1", "2001:db8::1", "2001:db8::2"])), max_size=300)
)
def test_a_stranger_is_refused_no_oftener_than_a_burst_and_the_rate(tries: list[tuple[float, str]]) -> None:
    now = 0.0
    strangers = Strangers(clock=lambda: now)
    heard: dict[str, int] = {}
    for pause, address in tries:
        now += pause
        wait = strangers.refused(address)
        heard[network(address)] = heard.get(network(address), 0) + (wait == 0)
        if wait:
            now += wait + 1e-6
            assert strangers.refused(address) == 0
            heard[network(address)] += 1
    # Each counts for its network; whoever shares a place of the table with another is heard less, never more.
    assert all(count <= STRANGER_BURST + now * STRANGER_RATE + 1 for count in heard.values())


def test_a_million_addresses_take_no_more_memory_than_one() -> None:
    strangers = Strangers(clock=lambda: 0.0)
    before = sys.getsizeof(strangers._paid)  # noqa: SLF001 - memory shows in no answer
    for number in range(50_000):
        strangers.refused(f"2001:db8:{number % 65_536:x}:{number // 65_536:x}::1")
    assert sys.getsizeof(strangers._paid) == before  # noqa: SLF001
    assert len(vars(strangers)) == 2
