"""What visits ask: after each of its products, which one comes next? And what a session model has to beat."""

from collections.abc import Callable, Collection, Mapping
from typing import Literal, Protocol

import msgspec
import numpy as np

from regulars.core.errors import Rejected
from regulars.recommend.evaluation import LEAST_CASES, Asked, Evaluation, Groups, ask, compare
from regulars.recommend.interactions import Float64, Int32, Int64, Mask
from regulars.recommend.measuring import Question
from regulars.recommend.model import NOTHING, Scored, top
from regulars.recommend.sessions.data import Sessions

#: How far a visit has got: events before the question.
LEVELS: Mapping[str, tuple[int, int]] = {"1": (1, 1), "2": (2, 2), "3-4": (3, 4), "5-9": (5, 9), "10+": (10, 1 << 31)}
#: With re-views the running visit may come again; the two kinds of placement are asked apart.
Mode = Literal["review", "discovery"]


class Next(msgspec.Struct, frozen=True, eq=False):
    """A running visit, and the product that came next."""

    owner: int  # number of the session
    prefix: Int32
    target: int


def next_items(sessions: Sessions, *, most: int = 0, seed: int = 1) -> list[Next]:
    """Every prefix of every session with the event that followed; with `most`, of a drawn share of the sessions.

    >>> [(one.prefix.tolist(), one.target) for one in next_items(Sessions.of_lists([[4, 7, 4]]))]
    [([4], 7), ([4, 7], 4)]
    """
    asked = np.maximum(sessions.lengths - 1, 0)
    order: Int64 = np.flatnonzero(asked > 0)
    if most and int(asked.sum()) > most:
        np.random.default_rng(seed).shuffle(order)
        order = np.sort(order[: max(1, int(np.searchsorted(np.cumsum(asked[order]), most)))])
    found = []
    for session in order.tolist():
        items = sessions.items_of(session)
        found += [Next(session, items[:at], int(items[at])) for at in range(1, len(items))]
    return found


class MostViewed:
    """The products of most sessions, for everyone alike."""

    name = "most_viewed"

    def __init__(self, share: Float64) -> None:
        order = np.argsort(-share, kind="stable")[:_KEPT].astype(np.int32)
        self._all = Scored(order, share[order])

    def recommend(
        self, prefix: Int32, n: int, *, exclude: Int32 = NOTHING, allowed: Mask | None = None, review: bool = True
    ) -> Scored:
        """At most `n` of them."""
        return top(self._all, n, exclude if review else np.concatenate((exclude, prefix)), allowed)


class SeenLast:
    """The products of the visit itself, the last one first, then what most viewed: what "recently viewed" shows."""

    name = "seen_last"

    def __init__(self, most_viewed: MostViewed) -> None:
        self._most_viewed = most_viewed

    def recommend(
        self, prefix: Int32, n: int, *, exclude: Int32 = NOTHING, allowed: Mask | None = None, review: bool = True
    ) -> Scored:
        """The visit's own where they may come again, filled up."""
        rest = self._most_viewed.recommend(prefix, n, exclude=exclude, allowed=allowed, review=False)
        if not review:
            return rest
        own = np.asarray(list(dict.fromkeys(prefix[::-1].tolist())), np.int32)
        mine = Scored(own, 1e6 - np.arange(len(own), dtype=np.float64))
        first = top(mine, n, exclude, allowed)
        return Scored(np.concatenate((first.items, rest.items))[:n], np.concatenate((first.scores, rest.scores))[:n])


_KEPT = 500


class Recommender(Protocol):
    """What is asked which product comes next."""

    def recommend(
        self, prefix: Int32, n: int, *, exclude: Int32 = NOTHING, allowed: Mask | None = None, review: bool = True
    ) -> Scored:
        """At most `n` products, best first."""
        ...


def share_of_sessions(sessions: Sessions, items: int) -> Float64:
    """By item, the share of sessions that hold it."""
    pairs = np.unique(sessions.of_event * items + sessions.item)
    return np.bincount(pairs % items, minlength=items).astype(np.float64) / max(len(sessions), 1)


def baselines(share: Float64) -> dict[str, Recommender]:
    """What every session model has to beat, of the sessions of training."""
    most_viewed = MostViewed(share)
    return {SeenLast.name: SeenLast(most_viewed), MostViewed.name: most_viewed}


def evaluate_next(
    models: Mapping[str, Recommender],
    questions: list[Next],
    *,
    share: Float64,
    leader: str,
    mode: Mode = "review",
    k: int = 20,
    members: Mapping[str, Collection[int]] | None = None,
    clock: Callable[[], float] | None = None,
) -> Evaluation:
    """The models on the same visits. For discovery, only visits that went on to something new are asked.

    `members`: numbers of the sessions of each segment; of segments with too few questions nothing is said.
    """
    if mode == "discovery":
        questions = [one for one in questions if one.target not in one.prefix]
    if not questions:
        raise Rejected("no visit to evaluate on: none went on after its first product; choose an earlier cut")
    asked: dict[str, Asked] = {}
    for name, model in models.items():
        asked[name] = ask(_answers(model, questions, k, review=mode == "review"), len(questions), k=k, clock=clock)
    wanted = [Question(one.owner, np.asarray([one.target], np.int32), one.prefix) for one in questions]
    lengths = np.asarray([len(one.prefix) for one in questions])
    levels = {
        name: found
        for name, (low, high) in LEVELS.items()
        if len(found := np.flatnonzero((lengths >= low) & (lengths <= high)))
    }
    own = np.asarray([one.owner for one in questions], np.int64)
    segments = {
        segment: places
        for segment, numbers in (members or {}).items()
        if len(places := np.flatnonzero(np.isin(own, np.fromiter(numbers, np.int64, len(numbers))))) >= LEAST_CASES
    }
    return compare(asked, wanted, leader=leader, share=share, groups=Groups(levels, segments), kind="sessions")


def _answers(model: Recommender, questions: list[Next], k: int, *, review: bool) -> Callable[[int], Int32]:
    return lambda at: model.recommend(questions[at].prefix, k, review=review).items
