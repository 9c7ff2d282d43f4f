"""How good recommenders are on what they have not seen: accuracy, coverage, novelty and latency at k, with intervals.

Everything is measured per person: the sampling unit of the bootstrap (Efron, 1979) is the person, and the difference of
two recommenders is resampled in pairs, on the same persons.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Literal, Protocol

import msgspec
import numpy as np

from regulars.core.errors import Rejected
from regulars.recommend.interactions import Float64, Int32, Int64, Interactions, distinct_pairs
from regulars.recommend.measuring import EMPTY, Interval, Latency, Question, coverage, intervals, per_question
from regulars.recommend.model import Scored, ScoringModel
from regulars.recommend.visit import Visit

#: Cases whose latency is measured.
_TIMED = 1000
#: Of a segment; fewer say nothing.
LEAST_CASES = 30
#: Figures by recommender, then metric.
Figures = dict[str, dict[str, Interval]]


class Case(msgspec.Struct, frozen=True, eq=False):
    """One household's basket to be foretold: what was known before it, and what it held."""

    person: int
    visit: Visit
    bought: Int32  # distinct items


class Evaluation(msgspec.Struct, frozen=True, kw_only=True):
    """Figures of several recommenders on the same cases; keys of `figures` and `lead` are recommender, then metric."""

    k: int
    cases: int
    figures: Figures
    by_activity: dict[str, Figures]  # activity level first
    activity_cases: dict[str, int]
    lead: Figures  # of `leader` over each other recommender, paired
    leader: str
    kind: Literal["baskets", "sessions"] = "baskets"
    by_segment: dict[str, Figures] = {}  # segment first
    segment_cases: dict[str, int] = {}
    coverage: dict[str, float] = {}  # by recommender: share of the products that it shows to anybody
    latency: dict[str, Latency] = {}  # by recommender: of one list, ms


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What `regulars evaluate` found."""

    title: str
    first_day: int | None  # of the days learned from, shop-local day numbers; None: the data has no days
    cut_day: int | None  # the first day that was asked about
    last_day: int | None
    products: int
    learned_from: dict[str, int]  # by kind: order lines, visits
    seconds: dict[str, float]  # by model: of fitting
    evaluations: dict[str, Evaluation]  # "baskets", "review", "discovery"
    skipped: dict[str, str] = {}  # what could not be measured, and why
    rests: dict[str, str] = {}  # by model: it was asked, or could not be, and would not serve; why
    segments: dict[str, dict[str, str]] = {}  # what the shop calls its segments: by id, then language


class Groups(msgspec.Struct, frozen=True, eq=False):
    """Cases by name of a group; a case may be in several or in none."""

    activity: Mapping[str, Int64] = {}
    segment: Mapping[str, Int64] = {}


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
    new_only: bool = False  # of the basket, what the person never bought before; what is owned is named to no avail
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
            if asking.new_only:
                bought = np.setdiff1d(bought, item[start:known])
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
    seen: Interactions | None = None,
    items: int = 0,
    segments: Mapping[str, Int64] | None = None,
    k: int = 10,
    clock: Callable[[], float] | None = None,
) -> Evaluation:
    """Each recommender on the same cases, overall, by activity and by segment, and the leader's paired lead.

    `seen` are the lines of training, which tell what is new to nobody (novelty), of a catalogue of `items` products;
    `segments` are places in `cases` by segment; `clock` gives seconds, and without it no latency is measured.
    """
    if not cases:
        raise Rejected("no basket to evaluate on: no customer bought on or after the cut; choose an earlier cut")
    if leader not in recommenders:
        raise Rejected(f"leader {leader!r} is not among the recommenders {sorted(recommenders)}", field="leader")
    asked = {name: ask(_answers(model, cases, k), len(cases), k=k, clock=clock) for name, model in recommenders.items()}
    levels = activity_levels(np.asarray([len(case.visit.days) for case in cases]))
    questions = [
        Question(case.person, case.bought, np.concatenate((case.visit.own, case.visit.basket, case.visit.viewed)))
        for case in cases
    ]
    share = owners_share(seen, items) if seen is not None else None
    return compare(asked, questions, leader=leader, share=share, groups=Groups(levels, segments or {}), draws=2000)


class Asked(msgspec.Struct, frozen=True, eq=False):
    """The lists of one recommender, a row of k each, and how long they took."""

    lists: Int32
    latency: Latency | None = None


def ask(answer: Callable[[int], Int32], cases: int, *, k: int, clock: Callable[[], float] | None = None) -> Asked:
    """The list of every case by its number. Latency is that of a second round over the first thousand, warm."""
    lists = np.full((cases, k), EMPTY, np.int32)
    for at in range(cases):
        row = answer(at)[:k]
        lists[at, : len(row)] = row
    if clock is None:
        return Asked(lists)
    spent = np.empty(min(cases, _TIMED))
    for at in range(len(spent)):
        began = clock()
        answer(at)
        spent[at] = 1000 * (clock() - began)
    p50, p99 = np.quantile(spent, [0.5, 0.99]).tolist()
    return Asked(lists, Latency(round(p50, 4), round(p99, 4)))


class NewOnly:
    """A recommender of products that the shopper never bought: its best without the own ones."""

    def __init__(self, model: ScoringModel) -> None:
        self._model = model

    def best(self, visit: Visit, *, n: int) -> Scored:
        """At most `n` items, best first."""
        return self._model.best(visit, n=n, excluded=visit.own)


def _answers(model: Ranks, cases: Sequence[Case], k: int) -> Callable[[int], Int32]:
    return lambda at: model.best(cases[at].visit, n=k).items


def compare(
    asked: Mapping[str, Asked],
    questions: Sequence[Question],
    *,
    leader: str,
    share: Float64 | None = None,
    groups: Groups = Groups(),
    kind: Literal["baskets", "sessions"] = "baskets",
    draws: int = 1000,
    seed: int = 1,
) -> Evaluation:
    """The figures of lists that several recommenders gave to the same questions."""
    if not questions:
        raise Rejected("there is no question to evaluate on; choose an earlier cut")
    owners = np.asarray([question.owner for question in questions], np.int64)
    found = {name: per_question(one.lists, questions, share) for name, one in asked.items()}
    best = found[leader]
    leads = {
        name: {metric: best[metric] - column for metric, column in columns.items() if metric != "novelty"}
        for name, columns in found.items()
        if name != leader
    }

    def over(columns: Mapping[str, Mapping[str, Float64]], chosen: Int64 | slice = slice(None)) -> Figures:
        return {
            name: intervals({metric: one[chosen] for metric, one in of.items()}, owners[chosen], draws=draws, seed=seed)
            for name, of in columns.items()
        }

    return Evaluation(
        kind=kind,
        k=next(iter(asked.values())).lists.shape[1],
        cases=len(questions),
        figures=over(found),
        by_activity={name: over(found, chosen) for name, chosen in groups.activity.items()},
        activity_cases={name: len(chosen) for name, chosen in groups.activity.items()},
        by_segment={name: over(found, chosen) for name, chosen in groups.segment.items()},
        segment_cases={name: len(chosen) for name, chosen in groups.segment.items()},
        lead=over(leads),
        leader=leader,
        coverage={}
        if share is None
        else {name: round(coverage(one.lists, len(share)), 5) for name, one in asked.items()},
        latency={name: one.latency for name, one in asked.items() if one.latency is not None},
    )


def owners_share(lines: Interactions, items: int) -> Float64:
    """By item, the share of persons who bought it."""
    _, item = distinct_pairs(lines.person, lines.item)
    persons = len(np.unique(lines.person))
    return np.bincount(item, minlength=items).astype(np.float64) / max(persons, 1)


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
