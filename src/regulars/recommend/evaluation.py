"""How good recommenders are on baskets they have not seen: hit rate and precision at k, with intervals.

Everything is measured per household: the sampling unit of the bootstrap (Efron, 1979) is the household, and the
difference of two recommenders is resampled in pairs, on the same households.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

import msgspec
import numpy as np

from regulars.core.errors import Rejected
from regulars.recommend.interactions import Float64, Int32, Int64, Interactions
from regulars.recommend.model import Scored
from regulars.recommend.visit import Visit

#: Metrics of a row of k items against a basket: is one of them in it; the share of the k that is.
METRICS = ("hit_rate", "precision")


class Interval(msgspec.Struct, frozen=True):
    """A mean with its 95 % percentile interval."""

    mean: float
    low: float
    high: float


class Case(msgspec.Struct, frozen=True, eq=False):
    """One household's basket to be foretold: what was known before it, and what it held."""

    person: int
    visit: Visit
    bought: Int32  # distinct items


class Evaluation(msgspec.Struct, frozen=True, kw_only=True):
    """Figures of several recommenders on the same cases; keys of `figures` and `lead` are recommender, then metric."""

    k: int
    cases: int
    figures: dict[str, dict[str, Interval]]
    by_activity: dict[str, dict[str, dict[str, Interval]]]  # activity level first
    activity_cases: dict[str, int]
    lead: dict[str, dict[str, Interval]]  # of `leader` over each other recommender, paired
    leader: str


class Ranks(Protocol):
    """What is evaluated: anything that names its best items for a visit."""

    def best(self, visit: Visit, *, n: int) -> Scored:
        """At most `n` items, best first."""
        ...


class Asking(msgspec.Struct, frozen=True, kw_only=True):
    """How cases are made of the lines."""

    per_person: int = 1  # first baskets of each person
    at_cut: bool = False  # ask on the day of the cut, as a newsletter would, instead of on the basket's day
    in_hand: bool = False  # every second item lies in the basket already, the others are to be foretold
    history_lines: int = 1000  # of the past, as many as a profile keeps: the latest


def next_baskets(interactions: Interactions, *, since: int, asking: Asking = Asking()) -> Iterator[Case]:
    """The first baskets of every person on or after day `since`, with what the person bought on days before.

    Baskets are ordered by day, then by basket number; lines with no quantity (returns) do not count.
    """
    lines = interactions.where(interactions.quantity > 0)
    order = np.lexsort((lines.item, lines.basket, lines.day, lines.person))
    person, day, basket, item = (column[order] for column in (lines.person, lines.day, lines.basket, lines.item))
    begins = np.flatnonzero(np.concatenate((np.ones(min(1, len(person)), np.bool_), person[1:] != person[:-1])))
    for start, end in zip(begins.tolist(), np.append(begins[1:], len(person)).tolist(), strict=True):
        place = start + int(np.searchsorted(day[start:end], since))
        for _ in range(asking.per_person):
            if place >= end:
                break
            today = since if asking.at_cut else int(day[place])
            known = start + int(np.searchsorted(day[start:end], today))
            oldest = max(start, known - asking.history_lines)
            stop = place + int((basket[place:end] == basket[place]).sum())
            bought = np.unique(item[place:stop])
            hand, rest = (bought[::2], bought[1::2]) if asking.in_hand else (bought[:0], bought)
            if len(rest):
                visit = Visit.of(item[oldest:known], day[oldest:known], day=today, basket=hand)
                yield Case(int(person[start]), visit, rest)
            place = stop


def evaluate(
    recommenders: Mapping[str, Ranks],
    cases: Sequence[Case],
    *,
    leader: str,
    k: int = 10,
    draws: int = 2000,
    seed: int = 1,
) -> Evaluation:
    """Hit rate@k and precision@k of each recommender, overall and by activity, and the leader's paired lead."""
    if not cases:
        raise Rejected("no basket to evaluate on: no customer bought on or after the cut; choose an earlier cut")
    if leader not in recommenders:
        raise Rejected(f"leader {leader!r} is not among the recommenders {sorted(recommenders)}", field="leader")
    scores = {name: _measure(model, cases, k) for name, model in recommenders.items()}
    levels = activity_levels(np.asarray([len(case.visit.days) for case in cases]))
    return Evaluation(
        k=k,
        cases=len(cases),
        figures=_intervals(scores, draws, seed),
        by_activity={
            name: _intervals({key: value[chosen] for key, value in scores.items()}, draws, seed)
            for name, chosen in levels.items()
        },
        activity_cases={name: len(chosen) for name, chosen in levels.items()},
        lead=_intervals({key: scores[leader] - value for key, value in scores.items() if key != leader}, draws, seed),
        leader=leader,
    )


def activity_levels(purchase_days: Int64) -> dict[str, Int64]:
    """Cases by activity: no purchase before, then three groups of equal size by purchase days; empty ones left out."""
    known = purchase_days[purchase_days > 0]
    low, high = np.quantile(known, [1 / 3, 2 / 3]) if len(known) else (0.0, 0.0)
    groups = {
        "new": purchase_days == 0,
        f"low (up to {int(low)} days)": (purchase_days > 0) & (purchase_days <= low),
        f"medium (up to {int(high)} days)": (purchase_days > low) & (purchase_days <= high) & (purchase_days > 0),
        "high": (purchase_days > high) & (purchase_days > 0),
    }
    return {name: np.flatnonzero(chosen) for name, chosen in groups.items() if chosen.any()}


def _measure(model: Ranks, cases: Sequence[Case], k: int) -> Float64:
    """Hit and precision of each case, as two columns."""
    found = np.asarray([np.isin(model.best(case.visit, n=k).items, case.bought).sum() for case in cases], np.float64)
    return np.column_stack((found > 0, found / k))


def _intervals(scores: Mapping[str, Float64], draws: int, seed: int) -> dict[str, dict[str, Interval]]:
    """Mean and percentile interval of each column of each recommender, all from the same resamples."""
    names = list(scores)
    if not names:
        return {}
    table = np.concatenate([scores[name] for name in names], axis=1)
    weights = np.random.default_rng(seed).multinomial(len(table), np.full(len(table), 1 / len(table)), size=draws)
    means = table.mean(axis=0)
    low, high = np.quantile(weights.astype(np.float32) @ table.astype(np.float32) / len(table), [0.025, 0.975], axis=0)
    width = len(METRICS)
    return {
        name: {
            metric: Interval(*(round(float(column[place * width + at]), 5) for column in (means, low, high)))
            for at, metric in enumerate(METRICS)
        }
        for place, name in enumerate(names)
    }
