"""What declares itself a machine, and what behaves like one."""

from collections.abc import Sequence

import pytest
from crawleruseragents import CRAWLER_USER_AGENTS_DATA
from hypothesis import given
from hypothesis import strategies as st

from regulars.collect import pace as paces
from regulars.collect.machines import declared, kind_of_agent, said_of
from regulars.core.event import Event
from regulars.core.machine import Pace

START = 19_700 * paces.DAY_MS
NOON = START + 12 * 3_600_000
PEOPLE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1",  # noqa: E501
    "Mozilla/5.0 (Linux; Android 13; CUBOT X18) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 Mobile",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:143.0) Gecko/20100101 Firefox/143.0",
    "okhttp/4.12.0", "Dalvik/2.1.0 (Linux; U; Android 13; SM-G991B)", "MyShop/3.1 CFNetwork/1490 Darwin/23.0", "",
)  # fmt: skip


def looked(time: int, product: object = "p1", name: str = "Product Viewed") -> Event:
    """A look of one device."""
    device = "anonymous_id:c1"
    return Event(f"m{time}", "web", name, time, time, device, (device,), (), {"product_id": product}, {}, {})


def day_of(events: Sequence[Event], *, hand: bool | None = None) -> Pace:
    """What a device did."""
    pace = Pace(0)
    for event in events:
        paces.note(pace, event, hand=hand)
    return pace


@pytest.mark.parametrize("agent", PEOPLE)
def test_browsers_and_apps_of_people_declare_nothing(agent: str) -> None:
    assert kind_of_agent(agent) == ""


def test_every_listed_name_is_known_but_those_of_libraries_that_apps_are_made_with() -> None:
    unknown = [name for one in CRAWLER_USER_AGENTS_DATA for name in one["instances"] if not kind_of_agent(name)]
    assert {name.split("/")[0] for name in unknown} == {"okhttp", "axios"}


def test_a_name_that_nobody_listed_is_told_by_its_word() -> None:
    assert kind_of_agent("NewThing-Scraper/0.1") == "other"


def test_a_servers_own_library_says_nothing_of_its_customers() -> None:
    assert declared("python-requests/2.32", server=True) == []
    assert declared("Mozilla/5.0 (compatible; Googlebot/2.1)", server=True) == ["agent:search-engine"]


def test_a_hand_speaks_for_a_human_and_a_declaration_against_it() -> None:
    assert said_of(PEOPLE[0]) is None
    assert said_of(PEOPLE[0], hand=True) == {"verdict": "human", "why": ["hand"]}
    assert said_of(PEOPLE[0], hand=True, webdriver=True) == {"verdict": "machine", "why": ["webdriver"]}


def test_one_sign_alone_is_not_enough() -> None:
    steady = [looked(NOON + at * 10_000) for at in range(120)]
    assert paces.signs(day_of(steady)) == ["steady"]
    assert paces.judge(day_of(steady)) == []
    assert paces.judge(day_of(steady, hand=False)) == ["steady", "hands_off"]
    assert paces.judge(day_of(steady, hand=True)) == []


def test_forty_tabs_at_once_and_then_reading_is_not_fast() -> None:
    rounds = [looked(NOON + burst * 600_000 + at * 700) for burst in range(8) for at in range(40)]
    assert "fast" not in paces.signs(day_of(rounds))
    assert "fast" in paces.signs(day_of([looked(NOON + at * 1_000) for at in range(700)]))


def test_a_watcher_of_prices_is_steady_and_tireless() -> None:
    begin = NOON - 12 * 3_600_000
    assert paces.judge(day_of([looked(begin + at * 600_000) for at in range(140)])) == ["steady", "tireless"]


def test_a_crawl_of_the_range_covers_it() -> None:
    assert "covering" in paces.signs(day_of([looked(NOON + at, f"p{at}") for at in range(1_000)]))
    assert "covering" not in paces.signs(day_of([looked(NOON + at, f"p{at}") for at in range(250)]))


def test_a_device_stays_a_machine_for_a_month() -> None:
    pace = Pace(100, found=100)
    assert [paces.stands(pace, day) for day in (99, 100, 129, 130)] == [False, True, True, False]


@st.composite
def days(draw: st.DrawFn) -> list[tuple[Event, bool | None]]:
    """Some events of a device, on a day and those around it."""
    names = st.sampled_from(["Product Viewed", "Page Viewed", "Product Added"])
    moments = st.integers(NOON - 2 * paces.DAY_MS, NOON + paces.DAY_MS) | st.integers(NOON, NOON + 5_400_000)
    one = st.builds(looked, moments, st.integers(0, 400), names)
    return draw(st.lists(st.tuples(one, st.sampled_from([None, True, False])), max_size=120))


@given(days(), st.randoms(use_true_random=False), st.integers(0, 120))
def test_neither_order_nor_batches_nor_merging_changes_what_is_known_of_a_day(
    sent: list[tuple[Event, bool | None]], chance: object, cut: int
) -> None:
    def noted(some: Sequence[tuple[Event, bool | None]]) -> Pace:
        pace = Pace(0)
        for event, hand in some:
            paces.note(pace, event, hand=hand, door=event.time % 4)
        return pace

    whole = noted(sent)
    shuffled = list(sent)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis' random
    assert noted(shuffled) == whole
    one, other = noted(shuffled[:cut]), noted(shuffled[cut:])
    assert paces.merge(one, other) == paces.merge(other, one) == whole


def told(steps: Sequence[tuple[int, str]], *, door: int, hand: bool | None = None) -> list[str]:
    """What is found of a device that looked at these products at these times."""
    pace = Pace(0)
    for time, product in steps:
        paces.note(pace, looked(START + time, product), hand=hand, door=door)
    return paces.judge(pace)


def test_a_sign_of_the_door_is_one_beside_what_people_do_not_do() -> None:
    watching = [(at * 60_000, "p1") for at in range(120)]
    assert told(watching, door=0) == []
    assert told(watching, door=1) == ["steady", "place"]
    assert told(watching, door=2) == ["steady", "head"]


def test_whoever_opens_many_tabs_behind_a_vpn_is_no_machine() -> None:
    tabs = [(at * 300, f"p{at}") for at in range(140)]
    assert told(tabs, door=1) == []
    assert told([(at * 60_000, f"p{at % 7}") for at in range(49)], door=3) == []  # and few looks say nothing


def test_where_the_sdk_tells_that_no_hand_was_at_work_a_data_centre_is_enough() -> None:
    looks = [(at * at * 900, f"p{at % 9}") for at in range(60)]
    assert told(looks, door=1, hand=False) == ["hands_off", "place"]
    assert told(looks, door=0, hand=False) == []
    assert told(looks, door=1, hand=True) == []
