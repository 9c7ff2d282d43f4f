"""The ranker: trees over the candidates of all models. It serves only where it orders better than what was there.

The order that was best before is where it begins: trees correct the logarithm of an item's place in it.

Trees are learned by LightGBM (the extra `[ml]`) in the process that trains, and kept as arrays: serving needs neither
LightGBM nor a compiler. Whether they serve is decided on persons that nothing was learned from.
"""

from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from typing import Any, Literal, NamedTuple

import msgspec
import numpy as np

from regulars.recommend.interactions import Float32, Float64, Int32, Int64
from regulars.recommend.measuring import Interval, intervals
from regulars.recommend.model import Column
from regulars.recommend.ranked.examples import Example, Learned, first_order, weights
from regulars.recommend.ranked.signals import EACH, PARTS, SIGNALS
from regulars.recommend.sessions import ranker as ranking
from regulars.recommend.sessions.ranker import Ranking, Trees, fast_rank

#: The name by which a placement asks for it.
RANKER = "ranker"
#: Few and shallow trees: 200 candidates are to be ordered in a fraction of a millisecond without a compiler, too.
TREES = Ranking(trees=40, leaves=8, depth=4, rate=0.1, least=30)
#: Rows with a click from which on an order is learned, and from which on those of real exposures are enough.
LEAST_ROWS, LEAST_EXPOSED = 200, 500
_HELD_OUT = 3  # one in so many persons is asked and not learned from
_KEPT = 10  # items of a row that count
ALL_PARTS = "all_parts"
#: The place of what an order does not name.
_LAST = 2.0 * EACH
Why = Literal["", "no_extra", "too_few", "no_better"]


class RankerTold(msgspec.Struct, frozen=True, kw_only=True):
    """How a ranker came about, as the manifest of a set keeps it."""

    serves: bool
    why: Why  # not
    learned_from: Learned
    rows: int  # with a click
    clicks: int
    exposed_rows: int  # real ones that there were
    seed: int = 1  # of the simulation
    base: str = ALL_PARTS  # the order that the trees correct: that of a part, or of all together
    figures: dict[str, Interval] = {}  # NDCG@10 on persons held out: of the ranker, and of what it has to beat
    lead: dict[str, Interval] = {}  # of the ranker over each of these, in pairs


class Ranked(NamedTuple):
    """A ranker, or why there is none."""

    told: RankerTold
    trees: Trees | None

    def columns(self) -> Mapping[str, Column]:
        """The arrays."""
        return {} if self.trees is None else ranking.columns(self.trees)


class Order:
    """A ranker that serves."""

    def __init__(self, ranked: Ranked) -> None:
        if ranked.trees is None:
            raise ValueError("a ranker without trees orders nothing")
        self.told = ranked.told
        self._rank = fast_rank(ranked.trees)
        self._base = ranked.told.base

    def scores(self, rows: Float32) -> Float64:
        """By candidate; those of one shopper compare with each other."""
        return _begin(rows, self._base) + self._rank(rows)


def restore(columns: Mapping[str, Column], told: RankerTold) -> Ranked:
    """The ranker of these arrays; one that was learned from other signals than this version has rests."""
    found = ranking.restore(columns) if columns else None
    if not isinstance(found, Trees) or (len(found.feature) and int(found.feature.max()) >= len(SIGNALS)):
        return Ranked(told, None)
    return Ranked(told, found)


def learn(
    examples: Sequence[Example],
    *,
    learned_from: Learned,
    exposed_rows: int = 0,
    how: Ranking = TREES,
    installed: bool | None = None,
    seed: int = 1,
) -> Ranked:
    """Learn from the rows of two in three persons, and ask those of the others. `installed`: whether LightGBM is."""

    def told(why: Why, **more: Any) -> RankerTold:
        clicks = sum(int((one.gain > 0).sum()) for one in examples)
        return RankerTold(
            serves=not why, why=why, learned_from=learned_from, rows=len(examples), clicks=clicks,
            exposed_rows=exposed_rows, seed=seed, **more,
        )  # fmt: skip

    if not (find_spec("lightgbm") is not None if installed is None else installed):
        return Ranked(told("no_extra"), None)
    held = np.asarray([_held_out(one.owner) for one in examples], np.bool_)
    asked = [one for one, out in zip(examples, held.tolist(), strict=True) if out]
    if len(examples) < LEAST_ROWS or not asked or held.all():
        return Ranked(told("too_few"), None)
    taught = [one for one, out in zip(examples, held.tolist(), strict=True) if not out]
    base = _best_order(taught)
    figures, lead = compare(_grown(taught, how, base), asked, base)
    better = all(one.low > 0 for one in lead.values())
    grown = _grown(examples, how, base)
    return Ranked(told("" if better else "no_better", figures=figures, lead=lead, base=base), grown)


def compare(trees: Trees, asked: Sequence[Example], base: str) -> tuple[dict[str, Interval], dict[str, Interval]]:
    """NDCG in the order of the ranker, and in the orders that were there before: of each part, of all.

    Simulated rows are not asked, but what their shoppers did: over all candidates. Of rows that were shown in earnest,
    an item weighs by the inverse probability of being shown where it stood, clipped: what was seldom drawn speaks for
    all that were not.
    """
    rank = fast_rank(trees)
    found, owners = _orders(asked, lambda rows: _begin(rows, base) + rank(rows))
    beaten = {name: found[RANKER] - column for name, column in found.items() if name != RANKER}
    return intervals(found, owners), intervals(beaten, owners)


def _best_order(taught: Sequence[Example]) -> str:
    found, _ = _orders(taught, None)
    return max(found, key=lambda name: (float(found[name].mean()), name))


def _orders(asked: Sequence[Example], rank: Callable[[Float32], Float64] | None) -> tuple[dict[str, Float64], Int64]:
    """NDCG of each question in each order, and whose the questions are."""
    simulated = any(one.facts is not None for one in asked)
    columns: dict[str, list[float]] = {ALL_PARTS: [], **{part: [] for part in PARTS}}
    if rank is not None:
        columns[RANKER] = []
    owner: list[int] = []
    chance = np.random.default_rng(1)
    for one in asked:
        if simulated and one.facts is None:
            continue
        rows, gain = one.signals.rows, one.gain * weights(one.propensity)
        if one.facts is not None:
            rows, gain = one.facts.rows, one.facts.gain.astype(np.float64)
        owner.append(one.owner)
        ties = chance.random(len(rows))
        if rank is not None:
            columns[RANKER].append(_ndcg(gain, rank(rows), ties))
        columns[ALL_PARTS].append(_ndcg(gain, first_order(rows), ties))
        for number, part in enumerate(PARTS):
            columns[part].append(_ndcg(gain, rows[:, 2 * number + 1], ties))
    return {name: np.asarray(column) for name, column in columns.items()}, np.asarray(owner, np.int64)


def _begin(rows: Float32, base: str) -> Float64:
    """The score that trees correct: minus the logarithm of the place."""
    inverse = first_order(rows) if base == ALL_PARTS else rows[:, 2 * PARTS.index(base) + 1].astype(np.float64)
    return np.log(np.maximum(inverse, 1 / _LAST))


def _held_out(owner: int) -> bool:
    # Mixed, so that owners numbered in a row do not fall into groups of three (Knuth's multiplicative hash).
    return (owner * 2_654_435_761 & 0xFFFFFFFF) >> 16 & 0xFFFF < 0x10000 // _HELD_OUT


def _ndcg(gain: Float64, score: Float64 | Float32, ties: Float64) -> float:
    """Of one row; what an order holds equal comes as `ties` draw it."""
    order = np.lexsort((ties, -score))[:_KEPT]
    discount = 1 / np.log2(np.arange(_KEPT) + 2)
    best = np.sort(gain)[::-1][:_KEPT]
    ideal = float(best @ discount[: len(best)])
    return float(gain[order] @ discount[: len(order)]) / ideal if ideal else 0.0


def _grown(examples: Sequence[Example], how: Ranking, base: str) -> Trees:
    rows: Float32 = np.concatenate([one.signals.rows for one in examples])
    gain: Int32 = np.concatenate([one.gain for one in examples])
    sizes = np.asarray([len(one.gain) for one in examples], np.int64)
    weight = weights(np.concatenate([one.propensity for one in examples]))
    slot: Int32 = np.concatenate([one.slot for one in examples])
    return ranking.grow(rows, gain, sizes, how, weight=weight, slot=slot, begin=_begin(rows, base))
