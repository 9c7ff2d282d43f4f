"""Arbitration: one of several offers, mostly the best, sometimes any, and exactly how likely each was.

Epsilon-greedy (Sutton, Barto, "Reinforcement Learning", section 2.2): with probability `exploration` each candidate is
drawn with the same chance, else the best is taken. So of n candidates the best is chosen with probability
1 - exploration + exploration / n, every other one with exploration / n.

Placements of one call are filled in the order of the call, and an offer that was chosen is no candidate any more. The
propensities of a placement are conditional on what was chosen before; the probability of the whole answer is their
product.
"""

from collections.abc import Sequence
from typing import NamedTuple


class Chosen(NamedTuple):
    """The chosen candidate, and the two probabilities from which every candidate's follows."""

    offer: int  # -1: there was no candidate
    best: int
    propensity: float  # of the chosen one
    explored: bool
    best_propensity: float
    other_propensity: float


NOBODY = Chosen(-1, -1, 0.0, explored=False, best_propensity=0.0, other_propensity=0.0)


def arbitrate(candidates: Sequence[int], best: int, *, exploration: float, draw: float) -> Chosen:
    """Choose among candidates, one of which is the best; `draw` is a number in [0, 1).

    >>> arbitrate([3, 7], 7, exploration=0.5, draw=0.5)
    Chosen(offer=7, best=7, propensity=0.75, explored=False, best_propensity=0.75, other_propensity=0.25)
    >>> arbitrate([3, 7], 7, exploration=0.5, draw=0.2).offer
    3
    """
    count = len(candidates)
    if not count:
        return NOBODY
    other = exploration / count
    first = 1.0 - exploration + other
    if draw >= exploration:
        return Chosen(best, best, first, False, first, other)
    # Below `exploration` the draw is uniform again, so one number is enough.
    offer = candidates[min(int(draw / exploration * count), count - 1)]
    return Chosen(offer, best, first if offer == best else other, True, first, other)


def propensities(candidates: Sequence[int], chosen: Chosen) -> list[tuple[int, float]]:
    """(candidate, probability of having been chosen); they sum to 1."""
    best, first, other = chosen.best, chosen.best_propensity, chosen.other_propensity
    return [(candidate, first if candidate == best else other) for candidate in candidates]
