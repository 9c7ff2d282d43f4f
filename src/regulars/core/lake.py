"""The lake: sealed events and decisions as Parquet, described by a manifest in the state."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import msgspec

from regulars.core.decision import DecisionRecord, RowRecord
from regulars.core.event import Event

BUCKETS = 16  # hash buckets of the subject
ALL_BUCKETS = -1  # a part that is too small to be split

# Kinds of part.
EVENT_PART, DECISION_PART, PROFILE_PART = "event", "decision", "profile"


def bucket_of(subject: str) -> int:
    """The hash bucket of a subject.

    >>> 0 <= bucket_of("user_id:ana") < BUCKETS
    True
    """
    return hashlib.blake2b(subject.encode(), digest_size=1).digest()[0] % BUCKETS


class PartFile(msgspec.Struct, frozen=True, array_like=True):
    """A Parquet file of the lake as the manifest lists it; the fields are the columns of `core.state.MANIFEST`."""

    file: str  # relative to the lake folder
    kind: str  # "event", "decision", "profile"
    day: int  # first shop-local day of event time inside
    bucket: int  # of the subject, or ALL_BUCKETS
    rows: int
    bytes: int
    checksum: str  # blake2b of the file
    first: int  # smallest log offset inside
    last: int  # largest
    until: int  # last shop-local day inside, `day` for a part of one day


class Drop(msgspec.Struct, frozen=True, array_like=True):
    """Rows that are taken out of the lake: a withdrawn consent, an expiry, or an erasure.

    The events of `subjects` (empty: of everybody) whose name is in `names` (empty: all, and their decisions; with
    `except_names` all events but those) and whose time is before `before` and not before `since` (ms; None: whenever).
    `sources` and `except_sources` say the same of where events came from. With `offset` only what log records up to
    there brought. An erasure also takes the subjects out of the identifiers, claims and facts of other events.
    """

    subjects: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    before: int | None = None
    since: int | None = None
    offset: int | None = None
    except_names: tuple[str, ...] = ()
    kind: str = ""  # only parts of this kind
    sources: tuple[str, ...] = ()  # only events of these sources; empty: of any
    except_sources: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.subjects and not self.names and self.before is None:
            raise ValueError("a drop of everything is a mistake; name subjects, events or a time")

    @property
    def erases(self) -> bool:
        """Whether nothing of the subjects may stay."""
        bounded = self.kind or self.before is not None or self.since is not None
        return bool(self.subjects) and not bounded and not self.tells_events

    @property
    def tells_events(self) -> bool:
        """Whether it is about some events only, and so about no decisions."""
        return bool(self.names or self.except_names or self.sources or self.except_sources)

    def names_event(self, name: str, source: str) -> bool:
        """Whether it is about events of this name and source."""
        if (self.sources and source not in self.sources) or source in self.except_sources:
            return False
        return name in self.names if self.names else name not in self.except_names


class Dropped(msgspec.Struct, frozen=True):
    """What taking rows out wrote: parts to list, files that they replace, rows removed and rows of others changed.

    `written` says which row groups of a new part are no copies (None: all). `searched` parts were read; of those
    `passed`, words noted in them or the manifest told enough.
    """

    parts: list[PartFile]
    replaced: list[str]
    removed: int = 0
    changed: int = 0
    written: dict[str, list[int] | None] = {}
    searched: int = 0
    passed: int = 0


class LoggedDecision(msgspec.Struct, frozen=True, array_like=True):
    """A decision with the offset of the log record that carried it."""

    offset: int
    record: DecisionRecord


class RowDecision(msgspec.Struct, frozen=True, array_like=True):
    """What a decision holds of its rows of items: enough to fill them again by other rules."""

    id: str
    time: int  # ms
    anchor: str
    configuration: str
    models: str
    hot: bytes
    chosen: list[tuple[str, int, float, bool, list[str]]]  # as in core.decision.DecisionRecord
    rows: list[RowRecord]


class PastDecision(msgspec.Struct, frozen=True, array_like=True):
    """What a stored decision tells about a person: when, what each placement showed, and the gate codes."""

    id: str
    time: int  # ms
    anchor: str
    configuration: str
    chosen: list[tuple[str, int, float, bool, list[str]]]  # as in core.decision.DecisionRecord
    gates: bytes


class Lake(Protocol):
    """Write and read part files. Runs in the analysis process; only listed files are ever read."""

    def seal(self, events: Sequence[Event], *, days: Sequence[int]) -> list[PartFile]:
        """Write events, each with its shop-local day, as durable part files sorted by subject and time; not yet listed.

        A part holds one day, or one month where a seal spans many days, and one bucket of subjects or all.
        """
        ...

    def seal_decisions(self, decisions: Sequence[LoggedDecision], *, days: Sequence[int]) -> list[PartFile]:
        """The same for decisions, sorted by anchor and time."""
        ...

    def history(self, subjects: Sequence[str], listed: Sequence[PartFile]) -> list[Event]:
        """Every listed event of these subjects, once each, in (time, message id) order."""
        ...

    def newest(
        self, subjects: Sequence[str], listed: Sequence[PartFile], *, limit: int, before: int | None = None
    ) -> list[Event]:
        """The last `limit` of them (earlier than `before`, ms), newest first; as few parts as possible are read."""
        ...

    def decisions(
        self, subjects: Sequence[str], listed: Sequence[PartFile], *, limit: int, before: int | None = None
    ) -> list[PastDecision]:
        """The last `limit` decisions whose anchor is one of the subjects (earlier than `before`, ms), newest first."""
        ...

    def compact(self, parts: Sequence[PartFile]) -> list[PartFile]:
        """Merge parts of one kind without duplicates; the caller swaps them in the manifest."""
        ...

    def drop(self, listed: Sequence[PartFile], drops: Sequence[Drop]) -> Dropped:
        """Write the parts that hold what the drops name again without it; the caller swaps them in the manifest."""
        ...

    def query(self, name: str, listed: Sequence[PartFile], arguments: Mapping[str, Any] | None = None) -> Any:
        """A named analysis (an ibis expression in this adapter) over the listed files, as plain rows."""
        ...

    def sweep(self, listed: Sequence[PartFile]) -> list[str]:
        """Remove files that the manifest does not list; their names."""
        ...

    def verify(self, listed: Sequence[PartFile]) -> list[str]:
        """What is wrong with the listed files, one sentence each with the file's name; empty when all are whole."""
        ...
