"""Recorded rows filled again by other rules: from the pool of each, without the customer's history.

What was available, on the page already or not wanted is as recorded. What rules look at of the customer is the hot
record of then; of products it is what the catalogue says now.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np

from regulars.core.decision import RowRecord
from regulars.core.definitions import Definitions, Placement
from regulars.core.lake import RowDecision
from regulars.core.merchandising import Rule
from regulars.core.record import Hot
from regulars.decide.decide import Facts, row_of
from regulars.decide.reach import Tally
from regulars.decide.table import OfferTable, configuration_of
from regulars.flow.engine import Engine
from regulars.flow.merchandise import Compilation, weighted, worth_of
from regulars.flow.pools import HIDDEN, Named, unpack_pool
from regulars.recommend.arrange import Candidate, Link, Wanted, arrange
from regulars.recommend.goods import Goods
from regulars.recommend.interactions import Float64
from regulars.recommend.rules import Judge, Person, RulesHere, SharedMasks, rules_here
from regulars.recommend.training import TrainedSet

_decode_hot = msgspec.msgpack.Decoder(Hot).decode


class Replayed(NamedTuple):
    """A row by some rules: items, and how many slots nobody can tell because the pool ends."""

    items: list[str]
    unfilled: int


class RowReplay:
    """Fills recorded rows by the rules of `definitions`, which may be others than those of then."""

    def __init__(self, definitions: Definitions, trained: TrainedSet, goods: Goods) -> None:
        """`goods` hold the cells that these definitions' rules read."""
        self._engine = Engine(definitions)
        self._table = OfferTable(definitions, self._engine.offers, self._engine.rows, self._engine.calendar)
        self._placements = {one.id: one for one in definitions.placements}
        self.compiled = Compilation(definitions, self._engine.rows)
        self._goods = goods
        self._masks = SharedMasks(goods, self.compiled.tested, self.compiled.rows.first)
        self._here: dict[tuple[str, int], RulesHere] = {}
        self._worth: dict[str, Float64 | None] = {
            "margin": worth_of(trained, goods, session=False),
            "session_margin": worth_of(trained, goods, session=True),
        }

    def fits(self, decision: RowDecision) -> bool:
        """Whether the hot record of the decision has the traits that the rules read."""
        return _decode_hot(decision.hot).version == self._engine.fold.version

    def row(self, decision: RowDecision, row: RowRecord, recorded: Mapping[int, str]) -> Replayed | None:
        """The row by these rules; None where its placement is gone. `recorded`: rule of then by its place -> id.

        What a rule of then took out stays out where the rule is among these.
        """
        name, _, _, _, shown = decision.chosen[row.place]
        place = self._placements.get(name)
        if place is None or not place.recommend:
            return None
        ours = {rule.rule.id for rule in self.compiled.rules}
        pool = [
            one
            for one in unpack_pool(row.pool)
            if one.out != HIDDEN and not (one.rule is not None and recorded.get(one.rule, "") in ours)
        ]
        judge = self._judge(decision, row, place, pool)
        links = _links(pool, shown, row, self._goods)
        worth = self._worth.get(place.objective)
        wanted = Wanted(place.items, frozenset(), None, None if worth is None else weighted(worth, place.margin_weight))
        placed = arrange(links, judge, wanted).placed
        return Replayed([self._goods.ids[one.at] for one in placed], max(len(shown) - len(placed), 0))

    def _judge(self, decision: RowDecision, row: RowRecord, place: Placement, pool: Sequence[Named]) -> Judge:
        hot = _decode_hot(decision.hot)
        facts = Facts(hot, decision.time, Tally([], (), now=decision.time))
        person = Person(
            row_of(self._table, facts, place.id, place.channel),
            hot.facts,
            row.store or None,
            {one.at: one.bought for one in pool if one.bought is not None},
            {one.at: one.returned for one in pool if one.returned is not None},
            [("", one.at, one.shown) for one in pool if one.shown is not None],
        )
        day = self._engine.calendar.day(decision.time)
        key = (place.id, day)
        if key not in self._here:
            today = np.datetime64(day, "D").astype(object)
            own = self.compiled.filters.get(place.id)
            self._here[key] = rules_here(self.compiled.rules, own, place, today)
        return Judge(self._here[key], self._goods, self._masks, person)


def recorded_rules(definitions: Definitions, decision: RowDecision) -> dict[int, str]:
    """The ids of the rules of a decision by their places; empty where the configuration was another one."""
    if decision.configuration != configuration_of(definitions):
        return {}
    return {at: rule.id for at, rule in enumerate(definitions.rules)}


def untold(rule: Rule) -> str:
    """Why a record cannot tell what a rule would have done that was not there; empty where it can."""
    if rule.kind == "no_repeat" and rule.seen_on:
        return "seen_on"
    if rule.kind in ("no_repeat", "cool_down", "no_returned") and rule.alike != "item":
        return "per"
    return ""


def _links(pool: Sequence[Named], shown: Sequence[str], row: RowRecord, goods: Goods) -> list[Link]:
    by_link: dict[int, list[Candidate]] = {}
    for one in pool:
        by_link.setdefault(one.link, []).append(Candidate(one.at, one.score, one.model))
    named = {one.at for one in pool}
    if not row.propensities:  # else what is not in the pool was drawn
        beyond = [at for item in shown if (at := goods.place(item)) is not None and at not in named]
        found = [
            Candidate(at, -float(slot), 0) for slot, at in enumerate(beyond) if not _was_pinned(row, shown, at, goods)
        ]
        if found:
            by_link[max(by_link, default=0) + 1] = found
    return [Link(str(number), _given(by_link[number])) for number in sorted(by_link)]


def _was_pinned(row: RowRecord, shown: Sequence[str], at: int, goods: Goods) -> bool:
    slot = shown.index(goods.ids[at])
    return slot < len(row.moved) and bool(row.moved[slot])


def _given(found: list[Candidate]) -> Any:
    return lambda: found
