"""From features of candidates to one order: regression trees by LightGBM (the extra `[ml]`), or a linear score.

Trees are learned with LambdaMART (Burges, "From RankNet to LambdaRank to LambdaMART", 2010) and kept as plain arrays:
serving needs neither LightGBM nor a compiler. Without the extra, weights of a conditional logit are learned: the chance
of each candidate to be the one that came next.
"""

from collections.abc import Callable, Mapping
from functools import partial
from importlib.util import find_spec
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from regulars.recommend.interactions import Float32, Float64, Int32, Int64, Mask
from regulars.recommend.model import Column
from regulars.recommend.sessions.compiled import compiled


class Ranking(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of learning the order."""

    trees: int = 200
    leaves: int = 31
    depth: int = 7
    rate: float = 0.07
    least: int = 80  # candidates in a leaf
    threads: int = 1  # more threads than free cores make LightGBM many times slower
    use_trees: bool | None = None  # None: where LightGBM is installed
    ridge: float = 1.0  # of the linear score
    seed: int = 1


UInt32 = NDArray[np.uint32]


class Trees(NamedTuple):
    """Nodes of all trees one after the other; leaves point at themselves."""

    root: Int32  # by tree
    feature: Int32
    limit: Float64  # up to it goes left
    child: Int32  # two by node: left, right
    value: Float64  # of a leaf
    depth: Int32  # one number: steps until every path has ended


class Cuts(NamedTuple):
    """The same trees as the compiled way reads them: nodes in any order, leaves from left to right."""

    start: Int64  # by tree, its first node
    feature: Int32
    limit: Float32  # above it goes right
    stays: UInt32  # by node: the leaves that are left to who goes right, the first as the lowest bit
    value: Float64  # by tree and leaf


class Logit(NamedTuple):
    """A linear score of standardised features."""

    weight: Float64


Ranker = Trees | Logit
_MOST_LEAVES = 32
_EVERY_LEAF = (1 << _MOST_LEAVES) - 1


def learn(rows: Float32, wanted: Mask, sizes: Int64, how: Ranking = Ranking()) -> Ranker:
    """Learn from groups of candidates, one after the other, of which one each was wanted."""
    use_trees = find_spec("lightgbm") is not None if how.use_trees is None else how.use_trees
    return grow(rows, wanted.astype(np.int32), sizes, how) if use_trees else _logit(rows, wanted, sizes, how)


def rank(ranker: Ranker, rows: Float32) -> Float64:
    """A score for each candidate."""
    if isinstance(ranker, Logit):
        scores: Float64 = rows @ ranker.weight[:-1] + ranker.weight[-1]
        return scores
    node = np.repeat(ranker.root, len(rows))
    start = np.tile(np.arange(len(rows), dtype=np.int32) * rows.shape[1], len(ranker.root))
    every = rows.ravel()
    for _ in range(int(ranker.depth[0])):
        node = ranker.child[2 * node + (every[start + ranker.feature[node]] > ranker.limit[node])]
    # Tree after tree, as the compiled way adds them up.
    total = np.zeros(len(rows))
    for leaves in ranker.value[node].reshape(len(ranker.root), len(rows)):
        total += leaves
    return total


def fast_rank(ranker: Ranker) -> Callable[[Float32], Float64]:
    """`rank` for one ranker, compiled where the extra `[fast]` is installed."""
    fast = compiled("fast_trees")
    cuts = None if isinstance(ranker, Logit) or fast is None else cuts_of(ranker)
    if cuts is None or fast is None:
        return partial(rank, ranker)
    score: Callable[[Float32], Float64] = partial(fast.score, cuts._replace(value=fast.spread(cuts.value)))
    return score


def cuts_of(trees: Trees) -> Cuts | None:
    """The cuts of trees; None where one of them has more leaves than a number has bits."""
    start, value = [0], np.zeros((len(trees.root), _MOST_LEAVES))
    feature: list[int] = []
    limit: list[float] = []
    stays: list[int] = []
    child = trees.child.reshape(-1, 2).tolist()
    for tree, root in enumerate(trees.root.tolist()):
        leaves = 0
        # What lies left of a node is numbered when the walk comes back to it.
        waiting: list[tuple[int, int | None]] = [(root, None)]
        while waiting:
            node, before = waiting.pop()
            left, right = child[node]
            if left == node:
                if leaves == _MOST_LEAVES:
                    return None
                value[tree, leaves] = trees.value[node]
                leaves += 1
            elif before is None:
                waiting += [(right, None), (node, leaves), (left, None)]
            else:
                feature.append(int(trees.feature[node]))
                limit.append(float(trees.limit[node]))
                stays.append(_EVERY_LEAF & ~((1 << leaves) - (1 << before)))
        start.append(len(feature))
    return Cuts(
        np.asarray(start, np.int64),
        np.asarray(feature, np.int32),
        _below(np.asarray(limit)),
        np.asarray(stays, np.uint32),
        value,
    )


def _below(limit: Float64) -> Float32:
    """The next number of 32 bits that is not above: what is above the one of these is above the other."""
    with np.errstate(over="ignore"):
        found: Float32 = limit.astype(np.float32)
    return np.where(found > limit, np.nextafter(found, np.float32(-np.inf)), found)


def columns(ranker: Ranker) -> Mapping[str, Column]:
    """The arrays of a ranker."""
    return ranker._asdict()


def restore(found: Mapping[str, Column]) -> Ranker:
    """The ranker of these arrays."""
    kind = Logit if "weight" in found else Trees
    arrays: Any = [found[name] for name in kind._fields]
    return kind(*arrays)


def grow(
    rows: Float32,
    gains: Int32,
    sizes: Int64,
    how: Ranking = Ranking(),
    *,
    weight: Float64 | None = None,
    slot: Int32 | None = None,
    begin: Float64 | None = None,
) -> Trees:
    """Trees from groups of candidates with gains; `slot` is where each stood, of which the bias is learned apart.

    With `begin` they correct a score that is there already, and is to be added to theirs.

    Needs LightGBM, the extra `[ml]`.
    """
    import lightgbm

    settings = {
        "objective": "lambdarank",
        "lambdarank_truncation_level": 100,
        "learning_rate": how.rate,
        "num_leaves": how.leaves,
        "max_depth": how.depth,
        "min_data_in_leaf": how.least,
        "lambda_l2": 5.0,
        "feature_fraction": 0.7,
        "bagging_fraction": 0.7,
        "bagging_freq": 1,
        "max_bin": 127,
        "num_threads": how.threads,
        "seed": how.seed,
        "deterministic": True,
        "force_row_wise": True,
        "verbose": -1,
    }
    data = lightgbm.Dataset(
        rows, gains, group=sizes, weight=weight, position=slot, init_score=begin, free_raw_data=True
    )
    booster = lightgbm.train(settings, data, how.trees)
    return _flat([tree["tree_structure"] for tree in booster.dump_model()["tree_info"]])


def _flat(trees: list[dict[str, Any]]) -> Trees:
    """The trees as arrays."""
    feature: list[int] = []
    limit: list[float] = []
    child: list[int] = []
    value: list[float] = []

    def put(node: dict[str, Any], depth: int) -> tuple[int, int]:
        """Where the node stands, and how deep its paths go."""
        place = len(feature)
        is_leaf = "leaf_value" in node
        feature.append(0 if is_leaf else int(node["split_feature"]))
        limit.append(0.0 if is_leaf else float(node["threshold"]))
        value.append(float(node["leaf_value"]) if is_leaf else 0.0)
        child.extend((place, place))
        if is_leaf:
            return place, depth
        child[2 * place], one = put(node["left_child"], depth + 1)
        child[2 * place + 1], other = put(node["right_child"], depth + 1)
        return place, max(one, other)

    placed = [put(tree, 0) for tree in trees]
    return Trees(
        np.asarray([root for root, _ in placed], np.int32),
        np.asarray(feature, np.int32),
        np.asarray(limit),
        np.asarray(child, np.int32),
        np.asarray(value),
        np.asarray([max((depth for _, depth in placed), default=0)], np.int32),
    )


def _logit(rows: Float32, wanted: Mask, sizes: Int64, how: Ranking) -> Logit:
    """Conditional logit (McFadden, 1974) by Newton's method; what is the same for a whole group has no say."""
    mean, spread = rows.mean(axis=0, dtype=np.float64), rows.std(axis=0, dtype=np.float64)
    spread[spread < 1e-9] = 1
    table = (rows - mean) / spread
    starts = np.cumsum(sizes) - sizes
    weight = np.zeros(rows.shape[1])
    ridge = how.ridge * np.eye(rows.shape[1])
    for _ in range(20):
        score = table @ weight
        score -= np.repeat(np.maximum.reduceat(score, starts), sizes)
        chance = np.exp(score)
        chance /= np.repeat(np.add.reduceat(chance, starts), sizes)
        expected = np.add.reduceat(table * chance[:, None], starts)
        slope = (chance - wanted) @ table + how.ridge * weight
        bend = (table * chance[:, None]).T @ table - expected.T @ expected + ridge
        step = np.linalg.solve(bend, slope)
        weight -= step
        if float(np.abs(step).max()) < 1e-4:
            break
    slopes = weight / spread
    return Logit(np.append(slopes, -float(slopes @ mean)))
