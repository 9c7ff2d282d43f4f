"""What every session model answers: which products come next in this visit, and why."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Self, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from regulars.recommend.interactions import Int32, Mask
from regulars.recommend.model import NOTHING, Column, Scored
from regulars.recommend.sessions.compiled import compiled
from regulars.recommend.sessions.data import Delta, Sessions, UInt8

DAY_MS = 86_400_000
Numbers = TypeVar("Numbers", bound=NDArray[Any])
Settings = TypeVar("Settings", bound=msgspec.Struct)


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """Why a product follows a visit: the products of the visit that led to it, and who else took both."""

    matched: tuple[int, ...]  # products of the visit, the strongest first
    share: float  # of the weight of all similar visits, that of those which hold the product; 0 to 1
    visits: int  # similar visits that hold the product
    last_ms: int | None = None  # when the latest of them ended; None where a model keeps no visits

    def days_ago(self, now_ms: int) -> float | None:
        """Days since the latest of those visits."""
        return None if self.last_ms is None else max(0.0, (now_ms - self.last_ms) / DAY_MS)


class SessionModel(ABC):
    """A model of running sessions: an immutable base that processes share by memory map, and a delta on top.

    `fit` learns the base from sessions. `add` and `forget` say what changes as a `Delta`, which is a value: one process
    writes it, and each process that serves holds `with_delta(delta)`, where `delta` is everything since the base.
    A model with a delta answers like one that was freshly fitted on `delta.apply(sessions)` with the same settings;
    a model that can not says so in its own words.
    A prefix is the running visit as item positions, the oldest first; items the model does not know are passed over.
    """

    name: ClassVar[str]
    #: How the best candidates are found; a model whose loops are compiled has the compiled way.
    _best: "Best"

    @abstractmethod
    def score(self, prefix: Int32, *, review: bool = True) -> Scored:
        """Candidates, each once; among equals the first is the better. Without `review` none is in the prefix."""

    @abstractmethod
    def evidence(self, prefix: Int32, items: Sequence[int]) -> list[Evidence | None]:
        """The evidence for each of the items after this prefix; None if the model has none."""

    def explain(self, prefix: Int32, item: int) -> Evidence | None:
        """The evidence for one item after this prefix; None if the model has none."""
        return self.evidence(prefix, (item,))[0]

    @abstractmethod
    def columns(self) -> Mapping[str, Column]:
        """The arrays that make up the base, by name."""

    @classmethod
    @abstractmethod
    def restore(cls, columns: Mapping[str, Column]) -> Self:
        """The model whose `columns` these are, without a delta."""

    @abstractmethod
    def with_delta(self, delta: Delta) -> Self:
        """The same base with these changes since it was fitted, in place of those it had."""

    def recommend(
        self,
        prefix: Int32,
        n: int,
        *,
        exclude: Int32 = NOTHING,
        allowed: Mask | None = None,
        review: bool = True,
    ) -> Scored:
        """At most `n` items, best first; none of `exclude`, only what `allowed` lets through.

        With `review` products of the running visit may come again ("continue shopping"); without, only others
        ("discover").
        """
        return self._best(self.score(prefix, review=review), n, exclude, allowed)

    def add(self, sessions: Sessions) -> Delta:
        """The change that brings these sessions in."""
        return Delta(added=sessions)

    def forget(self, owner: int, sessions: Sessions | None = None) -> Delta:
        """The change that takes everything of one owner out.

        A model that keeps counts needs the `sessions` that it was fitted on to take the owner's out again.
        """
        return Delta(forgotten=frozenset((owner,))) if sessions is None else Delta.forget(sessions, (owner,))


def best(scored: Scored, n: int, exclude: Int32 = NOTHING, allowed: Mask | None = None) -> Scored:
    """The `n` best candidates, best first, those of one score in the order given. Filters before it cuts."""
    items, scores = scored.items, scored.scores
    if allowed is not None:
        keep = allowed[items]
        items, scores = items[keep], scores[keep]
    if len(exclude):
        keep = ~np.isin(items, exclude)
        items, scores = items[keep], scores[keep]
    if len(items) > 4 * n > 0:
        keep = scores >= np.partition(scores, len(scores) - n)[len(scores) - n]
        items, scores = items[keep], scores[keep]
    order = np.argsort(-scores, kind="stable")[: max(n, 0)]
    return Scored(items[order], scores[order])


Best = Callable[[Scored, int, Int32, Mask | None], Scored]
_ALL: Mask = np.empty(0, np.bool_)


def best_way(*, fast: bool | None = None) -> Best:
    """`best`, compiled where the extra `[fast]` is installed and works."""
    found = None if fast is False else compiled("fast_order")
    if found is None:
        return best
    quick = found.best

    def fast_best(scored: Scored, n: int, exclude: Int32, allowed: Mask | None) -> Scored:
        mask = frozen(_ALL if allowed is None else allowed)
        return Scored(*quick(frozen(scored.items), frozen(scored.scores), n, frozen(exclude), mask, allowed is None))

    return fast_best


def frozen(column: Numbers) -> Numbers:
    """The same array, read only as a memory map is: numba compiles for each kind of array anew."""
    view = column.view()
    view.flags.writeable = False
    return view


def coded(settings: msgspec.Struct) -> UInt8:
    """Settings as a column."""
    return np.frombuffer(msgspec.json.encode(settings), np.uint8)


def decoded(column: Column, kind: type[Settings]) -> Settings:
    """The settings of a column."""
    return msgspec.json.decode(column.tobytes(), type=kind)


def latest_first(prefix: Int32, most: int, items: int) -> tuple[Int32, Int32]:
    """Distinct items of the prefix by their last occurrence, the latest first, and how many events back each is.

    Only the last `most` events count, and items below `items`.

    >>> found, back = latest_first(np.asarray([3, 5, 3, 9], np.int32), 10, 10)
    >>> found.tolist(), back.tolist()
    ([9, 3, 5], [0, 1, 2])
    """
    seen: dict[int, int] = {}
    for back, item in enumerate(reversed(prefix[-most:].tolist())):
        if 0 <= item < items and item not in seen:
            seen[item] = back
    return np.asarray(list(seen), np.int32), np.asarray(list(seen.values()), np.int32)
