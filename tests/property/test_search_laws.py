"""Laws of a search that is put in order for one customer: nothing is lost, and relevance is bent within its bounds."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from regulars.core.merchandising import steps_of
from regulars.recommend.search import (
    EXACT,
    LIKED,
    SELLS,
    FoundItem,
    Match,
    Search,
    matches,
    reranked,
    spelled_out,
)

shares = st.floats(0, 1, allow_subnormal=False)
found = st.lists(
    st.builds(Match, at=st.integers(0, 500), relevance=st.floats(0.001, 1), exact=st.booleans(), sells=shares),
    unique_by=lambda one: one.at,
    max_size=40,
).map(lambda all_of_them: sorted(all_of_them, key=lambda one: -one.relevance))
likings = st.dictionaries(st.integers(0, 500), shares, max_size=40)


@given(found=found, liking=likings)
def test_every_product_found_stays_and_none_comes_in(found: list[Match], liking: dict[int, float]) -> None:
    assert sorted(at for at, _ in reranked(found, liking)) == sorted(one.at for one in found)


@given(found=found, liking=likings)
def test_a_product_passes_another_only_within_the_bounds(found: list[Match], liking: dict[int, float]) -> None:
    relevance = {one.at: one.relevance for one in found}
    order = [at for at, _ in reranked(found, liking)]
    bound = (1 + SELLS) * (1 + LIKED)
    for before, after in itertools.pairwise(order):
        assert relevance[before] * bound >= relevance[after] * (1 - 1e-9)


@given(found=found)
def test_of_whom_and_of_what_nothing_is_known_leaves_the_order_of_relevance(found: list[Match]) -> None:
    plain = [one._replace(sells=0.0) for one in found]
    assert [at for at, _ in reranked(plain, {})] == [one.at for one in plain]


@given(found=found, liking=likings, more=st.floats(0, 1))
def test_who_is_liked_more_never_falls(found: list[Match], liking: dict[int, float], more: float) -> None:
    for one in found[:5]:
        lower = {**liking, one.at: min(liking.get(one.at, 0.0), more)}
        higher = {**liking, one.at: max(liking.get(one.at, 0.0), more)}
        places = [[at for at, _ in reranked(found, each)].index(one.at) for each in (lower, higher)]
        assert places[1] <= places[0]


@given(st.lists(st.builds(FoundItem, id=st.text(max_size=3), score=st.floats(0, 1e6)), max_size=20), st.data())
def test_relevance_and_what_sells_are_shares_of_the_best(hits: list[FoundItem], data: st.DataObject) -> None:
    places = [data.draw(st.none() | st.just(number)) for number in range(len(hits))]
    sold = data.draw(st.dictionaries(st.integers(0, 20), st.floats(0, 1e6, allow_subnormal=False)))
    told = matches(Search(hits), places, sold)
    assert [one.at for one in told] == [at for at in places if at is not None]
    assert all(0 <= one.relevance <= 1 and 0 <= one.sells <= 1 for one in told)


def test_what_matches_exactly_is_a_link_before_the_rest() -> None:
    chain = spelled_out(steps_of(("search", "popular")))
    assert [step.models[0][0] for step in chain] == [EXACT, "search", "popular"]
