"""Sessions as columns: what session models learn from, and the changes since they were learned."""

from collections.abc import Iterable, Mapping, Sequence
from enum import IntEnum
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from regulars.core.errors import Rejected
from regulars.recommend.interactions import Int32, Int64, Mask
from regulars.recommend.model import Column

UInt8 = NDArray[np.uint8]

#: The owner of a session that belongs to nobody who could be forgotten.
NOBODY = 0


class Kind(IntEnum):
    """What a visitor did with a product; numbers are stored."""

    VIEW = 0
    BASKET = 1
    BUY = 2


class Sessions(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """Visits, the oldest first: session `i` is `item[start[i]:start[i + 1]]` in the order of its events.

    Sessions are in the order of `end`. Where no times are known, `end` is the session's number, and settings that
    speak of time count sessions. `owner` is a key of the person or device, so that its sessions can be forgotten.

    >>> sessions = Sessions.of_lists([[4, 7], [7, 9, 9]])
    >>> len(sessions), sessions.items_of(1).tolist(), sessions.end.tolist()
    (2, [7, 9, 9], [0, 1])
    """

    start: Int64
    item: Int32
    end: Int64  # UTC ms of the last event
    kind: UInt8  # by event
    owner: Int64  # by session

    def __post_init__(self) -> None:
        lengths = (len(self.start) - 1, len(self.end), len(self.owner))
        if len(set(lengths)) > 1:
            raise Rejected(
                f"{lengths[0]} sessions, {lengths[1]} ends and {lengths[2]} owners; give one to each session"
            )
        if len(self.item) != len(self.kind) or (len(self.start) and int(self.start[-1]) != len(self.item)):
            raise Rejected(f"{len(self.item)} items, {len(self.kind)} kinds; give one kind to each item of a session")

    @classmethod
    def of(
        cls,
        session: Int64 | Int32,
        item: Int32 | Int64,
        *,
        time: Int64 | None = None,
        kind: UInt8 | None = None,
        owner: Int64 | None = None,
    ) -> "Sessions":
        """Sessions of events given as columns: the key of its session, its item, its time in UTC ms.

        Within a session, events are in the order of time, then as they come. Sessions are in the order of their last
        event; without times in that of their keys. An owner is given per event; the first one of a session counts.

        >>> time = np.asarray([30, 10, 20])
        >>> sessions = Sessions.of(np.asarray([5, 5, 8]), np.asarray([1, 2, 3]), time=time)
        >>> sessions.items_of(0).tolist(), sessions.items_of(1).tolist(), sessions.end.tolist()
        ([3], [2, 1], [20, 30])
        """
        if len(item) and int(item.min()) < 0:
            raise Rejected(f"an event names item {int(item.min())}; positions start at 0", field="item")
        keys, number = np.unique(session, return_inverse=True)
        if time is None:
            end = np.arange(len(keys), dtype=np.int64)
            rank = end
        else:
            end = np.full(len(keys), np.iinfo(np.int64).min, np.int64)
            np.maximum.at(end, number, time)
            by_end = np.argsort(end, kind="stable")
            rank = np.empty(len(keys), np.int64)
            rank[by_end] = np.arange(len(keys))
            end = end[by_end]
        placed = rank[number]
        order = np.argsort(placed, kind="stable") if time is None else np.lexsort((time, placed))
        start = np.zeros(len(keys) + 1, np.int64)
        np.cumsum(np.bincount(placed, minlength=len(keys)), out=start[1:])
        return cls(
            start=start,
            item=item[order].astype(np.int32),
            end=end,
            kind=np.zeros(len(item), np.uint8) if kind is None else kind[order].astype(np.uint8),
            owner=np.full(len(keys), NOBODY, np.int64) if owner is None else owner[order][start[:-1]].astype(np.int64),
        )

    @classmethod
    def of_lists(
        cls,
        sessions: Iterable[Sequence[int]],
        *,
        ends: Sequence[int] | None = None,
        owners: Sequence[int] | None = None,
    ) -> "Sessions":
        """Sessions of views given as lists of item positions, the oldest first unless `ends` says otherwise."""
        lists = [list(one) for one in sessions]
        lengths = np.asarray([len(one) for one in lists], np.int64)
        start = np.zeros(len(lists) + 1, np.int64)
        np.cumsum(lengths, out=start[1:])
        item = np.asarray([item for one in lists for item in one], np.int32)
        made = cls(
            start=start,
            item=item,
            end=np.arange(len(lists), dtype=np.int64) if ends is None else np.asarray(ends, np.int64),
            kind=np.zeros(len(item), np.uint8),
            owner=np.full(len(lists), NOBODY, np.int64) if owners is None else np.asarray(owners, np.int64),
        )
        return made if ends is None else made.take(np.argsort(made.end, kind="stable"))

    def __len__(self) -> int:
        return len(self.end)

    @property
    def lengths(self) -> Int64:
        """Events of each session."""
        return np.diff(self.start)

    @property
    def of_event(self) -> Int64:
        """The session of each event."""
        return np.repeat(np.arange(len(self), dtype=np.int64), self.lengths)

    def items_of(self, session: int) -> Int32:
        """The items of one session."""
        return self.item[self.start[session] : self.start[session + 1]]

    def take(self, chosen: Int64) -> "Sessions":
        """The chosen sessions, in the order given."""
        lengths = self.lengths[chosen]
        start = np.zeros(len(chosen) + 1, np.int64)
        np.cumsum(lengths, out=start[1:])
        events = np.repeat(self.start[chosen] - start[:-1], lengths) + np.arange(int(start[-1]))
        return Sessions(
            start=start,
            item=self.item[events],
            end=self.end[chosen],
            kind=self.kind[events],
            owner=self.owner[chosen],
        )

    def where(self, kept: Mask) -> "Sessions":
        """The sessions for which `kept` is true."""
        return self.take(np.flatnonzero(kept))

    def of_kinds(self, *kinds: Kind) -> "Sessions":
        """Only events of these kinds; sessions that have none are left out."""
        kept = np.isin(self.kind, np.asarray(kinds, np.uint8))
        count = np.bincount(self.of_event[kept], minlength=len(self))
        some = count > 0
        start = np.zeros(int(some.sum()) + 1, np.int64)
        np.cumsum(count[some], out=start[1:])
        return Sessions(
            start=start, item=self.item[kept], end=self.end[some], kind=self.kind[kept], owner=self.owner[some]
        )

    def plus(self, later: "Sessions") -> "Sessions":
        """These and other sessions; among sessions of one end, the others count as the newer."""
        if not len(later):
            return self
        joined = Sessions(
            start=np.concatenate((self.start, self.start[-1] + later.start[1:])),
            item=np.concatenate((self.item, later.item)),
            end=np.concatenate((self.end, later.end)),
            kind=np.concatenate((self.kind, later.kind)),
            owner=np.concatenate((self.owner, later.owner)),
        )
        if not len(self) or int(later.end.min()) >= int(self.end.max()):
            return joined
        return joined.take(np.argsort(joined.end, kind="stable"))

    def owned_by(self, owners: Iterable[int]) -> Mask:
        """True for the sessions of these owners; nobody's sessions cannot be asked for."""
        keys = np.asarray([owner for owner in owners if owner != NOBODY], np.int64)
        return np.isin(self.owner, keys)

    def tail(self, share: float) -> tuple["Sessions", "Sessions"]:
        """The older sessions, and the newest `share` of them."""
        cut = len(self) - max(1, round(share * len(self)))
        number = np.arange(len(self))
        return self.take(number[:cut]), self.take(number[cut:])

    def columns(self) -> Mapping[str, Column]:
        """The arrays by name."""
        return {name: getattr(self, name) for name in self.__struct_fields__}

    @classmethod
    def restore(cls, columns: Mapping[str, Column]) -> "Sessions":
        """The sessions whose `columns` these are."""
        found: dict[str, Any] = dict(columns)
        return cls(**{name: found[name] for name in cls.__struct_fields__})


NO_SESSIONS = Sessions.of_lists(())


class Delta(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """What changed since a model was fitted: sessions that came, and owners whose sessions leave.

    A small value that one process writes and those that serve apply. Later changes are added with `then`: what is
    forgotten leaves the base and what came before in the delta, not what comes after. `removed` holds the forgotten
    sessions of the base for models that keep counts and have to take them out again.
    """

    added: Sessions = NO_SESSIONS
    forgotten: frozenset[int] = frozenset()  # owners whose sessions of the base are gone
    removed: Sessions = NO_SESSIONS

    @classmethod
    def forget(cls, base: Sessions, owners: Iterable[int]) -> "Delta":
        """The change that takes everything of these owners out of models fitted on `base`."""
        gone = frozenset(owners)
        return cls(forgotten=gone, removed=base.where(base.owned_by(gone)))

    def then(self, later: "Delta") -> "Delta":
        """This change, then another one."""
        kept, removed = self.added, later.removed
        if later.forgotten and len(kept):
            kept = kept.where(~kept.owned_by(later.forgotten))
        if self.forgotten and len(removed):  # forgotten twice
            removed = removed.where(~removed.owned_by(self.forgotten))
        return Delta(
            added=kept.plus(later.added),
            forgotten=self.forgotten | later.forgotten,
            removed=self.removed.plus(removed),
        )

    def apply(self, base: Sessions) -> Sessions:
        """The sessions that a fresh fit would see."""
        kept = base.where(~base.owned_by(self.forgotten)) if self.forgotten else base
        return kept.plus(self.added)
