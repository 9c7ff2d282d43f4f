"""The ranker: trees over the candidates of all models. It serves only where it orders better than what was there.

The order that was best before is where it begins: trees correct the blend's log odds, or the logarithm of an item's
place in another order. A model that alone names next to nothing of what was wanted is not asked: that takes time.

Trees are learned by LightGBM (the extra `[ml]`) in the process that trains, and kept as arrays: serving needs neither
LightGBM nor a compiler. Whether they serve is decided on persons that nothing was learned from.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from importlib.util import find_spec
from typing import Any, Literal, NamedTuple

import msgspec
import numpy as np

from regulars.recommend.blend import Blend
from regulars.recommend.interactions import Float32, Float64, Int32, Int64, Mask
from regulars.recommend.measuring import Interval, Latency, intervals
from regulars.recommend.model import Column
from regulars.recommend.ranked.examples import Example, Learned, first_order, weights
from regulars.recommend.ranked.signals import (
    EACH,
    PARTS,
    SIGNALS,
    Asks,
    Background,
    ItemFacts,
    Signaller,
    Signals,
)
from regulars.recommend.sessions import ranker as ranking
from regulars.recommend.sessions.ranker import Ranking, Trees, fast_rank

#: The name by which a placement asks for it.
RANKER = "ranker"
#: Few and shallow trees: 200 candidates are to be ordered in a fraction of a millisecond without a compiler, too.
TREES = Ranking(trees=60, leaves=8, depth=4, rate=0.05, least=100)
#: What signals and orders mean; a ranker that learned from others rests until the next training.
FORM = 2
#: Parts leave as long as no more than this share of NDCG goes with them.
_MOST_LOST = 0.002
_SAMPLED = 500
#: Milliseconds of the processor that ordering may take at most for 99 in 100 shoppers; a whole decision has 5.
MOST_MS = 4.0
_TIMED = 200
#: Rows with a click from which on an order is learned, and from which on those of real exposures are enough.
LEAST_ROWS, LEAST_EXPOSED = 200, 500
_HELD_OUT = 3  # one in so many persons is asked and not learned from
_KEPT = 10  # items of a row that count
ALL_PARTS = "all_parts"
#: The place of what an order does not name.
_LAST = 2.0 * EACH
Why = Literal["", "no_extra", "too_few", "no_better", "slow"]


class RankerTold(msgspec.Struct, frozen=True, kw_only=True):
    """How a ranker came about, as the manifest of a set keeps it."""

    serves: bool
    why: Why  # not
    learned_from: Learned
    rows: int  # with a click
    clicks: int
    exposed_rows: int  # real ones that there were
    seed: int = 1  # of the draw of persons and visits, and of LightGBM
    base: str = ALL_PARTS  # the order that the trees correct: that of a part, or of all together
    figures: dict[str, Interval] = {}  # NDCG@10 on persons held out: of the ranker, and of what it has to beat
    lead: dict[str, Interval] = {}  # of the ranker over each of these, in pairs
    parts: tuple[str, ...] = PARTS  # that are asked
    cpu_ms: Latency | None = None  # of ordering the candidates of one shopper, these gathered included
    form: int = 1


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

    def rank(
        self, asks: Asks, background: Background, facts: ItemFacts, hidden: Collection[int], allowed: Mask | None
    ) -> tuple[Signals, Float64]:
        """The candidates of one shopper, and a score each; those of one shopper compare with each other."""
        found = Signaller(background, facts, self.told.parts).build(asks, hidden=hidden, allowed=allowed)
        return found, _begin(found.rows, self._base) + self._rank(found.rows)


def restore(columns: Mapping[str, Column], told: RankerTold) -> Ranked:
    """The ranker of these arrays; one that was learned from other signals than this version has rests."""
    found = ranking.restore(columns) if columns and told.form == FORM else None
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
            exposed_rows=exposed_rows, seed=seed, form=FORM, **more,
        )  # fmt: skip

    if not (can_learn() if installed is None else installed):
        return Ranked(told("no_extra"), None)
    held = np.asarray([_held_out(one.owner) for one in examples], np.bool_)
    if len(examples) < LEAST_ROWS or not held.any() or held.all():
        return Ranked(told("too_few"), None)
    asked = [one for one, out in zip(examples, held.tolist(), strict=True) if out]
    taught = [one for one, out in zip(examples, held.tolist(), strict=True) if not out]
    shown = learned_from == "exposures"
    base = _best_order(taught)
    parts = _needed(_grown(taught, how, base, shown=shown), taught, base, shown=shown)
    lesson = [_named_by(one, parts, shown=shown) for one in taught]
    figures, lead = compare(_scorer(_grown(lesson, how, base, shown=shown), base, parts, shown=shown), asked)
    better = all(one.low > 0 for one in lead.values())
    whole = [_named_by(one, parts, shown=shown) for one in examples]
    grown = _grown(whole, how, base, shown=shown)
    return Ranked(told("" if better else "no_better", figures=figures, lead=lead, base=base, parts=parts), grown)


def can_learn() -> bool:
    """Whether LightGBM is there, which only learning needs."""
    return find_spec("lightgbm") is not None


def timed(ranked: Ranked, shoppers: Sequence[Callable[[Order], object]], clock: Callable[[], float]) -> Ranked:
    """The ranker with what ordering takes, measured on these shoppers; one that takes too long rests.

    `clock` gives seconds of the processor: what else runs on the machine says nothing of the ranker.
    """
    if ranked.trees is None or not shoppers:
        return ranked
    order = Order(ranked)
    for one in shoppers[:10]:
        one(order)  # what is loaded or compiled once is no shopper's
    spent = np.empty(len(shoppers[:_TIMED]))
    for at, one in enumerate(shoppers[:_TIMED]):
        began = clock()
        one(order)
        spent[at] = 1000 * (clock() - began)
    p50, p99 = np.quantile(spent, [0.5, 0.99]).tolist()
    told = msgspec.structs.replace(ranked.told, cpu_ms=Latency(round(p50, 3), round(p99, 3)))
    if told.serves and p99 > MOST_MS:
        told = msgspec.structs.replace(told, serves=False, why="slow")
    return Ranked(told, ranked.trees)


Scorer = Callable[[Float32], Float64]


def _needed(trees: Trees, taught: Sequence[Example], base: str, *, shown: bool) -> tuple[str, ...]:
    """The parts without which the trees would order worse: the least needed leave, one after the other."""
    sample = taught[:_SAMPLED]
    rows: Float32 = np.concatenate([one.signals.rows for one in sample])
    gains = [one.gain * weights(one.propensity) for one in sample]
    ends = np.cumsum([len(gain) for gain in gains])[:-1]

    def ndcg(parts: Collection[str]) -> float:
        scores = np.split(_scorer(trees, base, parts, shown=shown)(rows), ends)
        return float(np.mean([_ndcg(gain, score) for gain, score in zip(gains, scores, strict=True)]))

    kept = [*PARTS]
    floor = (1 - _MOST_LOST) * ndcg(kept)
    while True:
        without = {part: ndcg([one for one in kept if one != part]) for part in kept if part not in (Blend.name, base)}
        least = max(without, key=lambda part: (without[part], PARTS.index(part)), default=None)
        if least is None or without[least] < floor:
            return tuple(kept)
        kept.remove(least)


def _scorer(trees: Trees, base: str, parts: Collection[str], *, shown: bool) -> Scorer:
    """Scores where these parts alone are asked: what they do not name comes last, if it was not shown all the same."""
    rank = fast_rank(trees)

    def score(rows: Float32) -> Float64:
        mine, named = _said_by(rows, parts)
        found = _begin(mine, base) + rank(mine)
        return found if shown else np.where(named, found, -np.inf)

    return score


def _said_by(rows: Float32, parts: Collection[str]) -> tuple[Float32, Mask]:
    """The rows without what other parts say, and which of them these parts name."""
    mine = rows.copy()
    for number, part in enumerate(PARTS):
        if part not in parts:
            mine[:, 2 * number : 2 * number + 2] = 0
    named: Mask = np.any(mine[:, 1 : 2 * len(PARTS) : 2] > 0, axis=1, keepdims=False)
    return mine, named


def _named_by(one: Example, parts: Collection[str], *, shown: bool) -> Example:
    """The example as it is where these parts alone are asked; of what was shown everything stays."""
    rows, named = _said_by(one.signals.rows, parts)
    kept = named | shown
    signals = Signals(one.signals.items[kept], rows[kept], one.signals.part[kept])
    return Example(one.owner, signals, one.slot[kept], one.gain[kept], one.propensity[kept])


def compare(score: Scorer, asked: Sequence[Example]) -> tuple[dict[str, Interval], dict[str, Interval]]:
    """NDCG in the order of the ranker, and in the orders that were there before: of each part, of all.

    Simulated rows hold all candidates. Of rows that were shown in earnest, an item weighs by the inverse probability of
    being shown where it stood, clipped: what was seldom drawn speaks for all that were not.
    """
    found, owners = _orders(asked, score)
    beaten = {name: found[RANKER] - column for name, column in found.items() if name != RANKER}
    return intervals(found, owners), intervals(beaten, owners)


def _best_order(taught: Sequence[Example]) -> str:
    found, _ = _orders(taught, None)
    return max(found, key=lambda name: (float(found[name].mean()), name))


def _orders(asked: Sequence[Example], rank: Scorer | None) -> tuple[dict[str, Float64], Int64]:
    """NDCG of each question in each order, and whose the questions are."""
    columns: dict[str, list[float]] = {ALL_PARTS: [], **{part: [] for part in PARTS}}
    if rank is not None:
        columns[RANKER] = []
    owner: list[int] = []
    chance = np.random.default_rng(1)
    for one in asked:
        rows, gain = one.signals.rows, one.gain * weights(one.propensity)
        owner.append(one.owner)
        ties = chance.random(len(rows))
        if rank is not None:
            columns[RANKER].append(_ndcg(gain, rank(rows), ties))
        columns[ALL_PARTS].append(_ndcg(gain, first_order(rows), ties))
        for number, part in enumerate(PARTS):
            columns[part].append(_ndcg(gain, rows[:, 2 * number + 1], ties))
    return {name: np.asarray(column) for name, column in columns.items()}, np.asarray(owner, np.int64)


def _begin(rows: Float32, base: str) -> Float64:
    """The score that trees correct: log odds, or minus the logarithm of the place."""
    if base == Blend.name:
        return rows[:, -1].astype(np.float64)
    inverse = first_order(rows) if base == ALL_PARTS else rows[:, 2 * PARTS.index(base) + 1].astype(np.float64)
    return np.log(np.maximum(inverse, 1 / _LAST))


def _held_out(owner: int) -> bool:
    # Mixed, so that owners numbered in a row do not fall into groups of three (Knuth's multiplicative hash).
    return (owner * 2_654_435_761 & 0xFFFFFFFF) >> 16 & 0xFFFF < 0x10000 // _HELD_OUT


def _ndcg(gain: Float64, score: Float64 | Float32, ties: Float64 | None = None) -> float:
    """Of one row; what an order holds equal comes as `ties` draw it."""
    order = np.lexsort((np.arange(len(score)) if ties is None else ties, -score))[:_KEPT]
    discount = 1 / np.log2(np.arange(_KEPT) + 2)
    best = np.sort(gain)[::-1][:_KEPT]
    ideal = float(best @ discount[: len(best)])
    return float(gain[order] @ discount[: len(order)]) / ideal if ideal else 0.0


def _grown(examples: Sequence[Example], how: Ranking, base: str, *, shown: bool) -> Trees:
    """`shown`: in slots, whose bias is learned apart."""
    rows: Float32 = np.concatenate([one.signals.rows for one in examples])
    gain: Int32 = np.concatenate([one.gain for one in examples])
    sizes = np.asarray([len(one.gain) for one in examples], np.int64)
    weight = weights(np.concatenate([one.propensity for one in examples]))
    slot: Int32 = np.concatenate([one.slot for one in examples])
    return ranking.grow(rows, gain, sizes, how, weight=weight, slot=slot if shown else None, begin=_begin(rows, base))
