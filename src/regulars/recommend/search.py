"""What a search found, in an order for one shopper: relevance first, what sells and what is liked within bounds.

An exact match stands before everything else. Of the rest an item passes another one only while its relevance is at
least a third of the other's: relevance is multiplied by at most 1 + `SELLS` for what sells best of the products found,
and by at most 1 + `LIKED` for what the shopper's models name first. The two weights were chosen on the demo's orders
of the four weeks before those that `benchmarks/search.py` measures.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from regulars.core.merchandising import SEARCH, Step

#: What matches exactly is a link of its own in the chain, before the rest of a search.
EXACT = "search.exact"
SELLS, LIKED = 0.5, 1.0
#: From this share of the strongest liking on, an item says why the shopper may like it; likewise of what sells.
TOLD_FROM, SELLS_FROM = 0.1, 0.5


class FoundItem(NamedTuple):
    """A product that the index found; scores compare items of one search only."""

    id: str
    score: float
    exact: bool = False


class Search(NamedTuple):
    """A search as rows are filled from it, best first. `partly`: no product has all words, these have some."""

    hits: Sequence[FoundItem]
    partly: bool = False
    most: int | None = None  # items that are asked for; None: as many as the placement has


class Match(NamedTuple):
    """A product found, by its place."""

    at: int
    relevance: float  # share of the best one's
    exact: bool = False
    sells: float = 0.0  # share of what sells best of the products found


def matches(search: Search, places: Sequence[int | None], sold: Mapping[int, float]) -> list[Match]:
    """The products found that have a place; `sold` is how often each is bought, in whatever unit."""
    best = max((hit.score for hit in search.hits), default=0.0) or 1.0
    most = max((sold.get(at, 0.0) for at in places if at is not None), default=0.0) or 1.0
    return [
        Match(at, hit.score / best, hit.exact, sold.get(at, 0.0) / most)
        for hit, at in zip(search.hits, places, strict=True)
        if at is not None
    ]


def reranked(found: Sequence[Match], liking: Mapping[int, float]) -> list[tuple[int, float]]:
    """(place, score) best first; `liking` is a share of the strongest, absent where the models say nothing.

    >>> reranked([Match(7, 1.0), Match(8, 0.9), Match(9, 0.2)], {8: 1.0, 9: 1.0})
    [(8, 1.8), (7, 1.0), (9, 0.4)]
    """
    scored = [
        (one.at, one.relevance * (1.0 + SELLS * one.sells**0.5) * (1.0 + LIKED * liking.get(one.at, 0.0)))
        for one in found
    ]
    return sorted(scored, key=lambda one: -one[1])  # stable: of equals the more relevant one stays first


def spelled_out(steps: Sequence[Step]) -> list[Step]:
    """The chain with what matches exactly before the rest of a search."""
    found: list[Step] = []
    for step in steps:
        if answers_search(step):
            found.append(Step(((EXACT, 1.0),)))
        found.append(step)
    return found


def answers_search(step: Step) -> bool:
    """Whether a link of a chain is the search."""
    return any(name == SEARCH for name, _ in step.models)
