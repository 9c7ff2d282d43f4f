"""The lake: sealed events and decisions as Parquet, described by a manifest in the state."""

from collections.abc import Sequence
from typing import Any, Protocol

import msgspec

from regulars.core.event import Event

BUCKETS = 16  # hash buckets of the subject


class PartFile(msgspec.Struct, frozen=True, array_like=True):
    """A Parquet file of the lake as the manifest lists it."""

    file: str  # relative to the lake folder
    kind: str  # "event", "decision", "profile"
    day: int  # shop-local day of event time
    bucket: int
    rows: int
    bytes: int
    checksum: str  # blake2b of the file
    first: int  # smallest log offset inside
    last: int  # largest


class Lake(Protocol):
    """Write and read part files. Runs in the analysis process; only listed files are ever read."""

    def seal(self, events: Sequence[Event], *, days: Sequence[int]) -> list[PartFile]:
        """Write one part per (day of event time, bucket of subject), sorted by subject and time; not yet listed."""
        ...

    def history(self, subjects: Sequence[str], listed: Sequence[PartFile]) -> list[Event]:
        """Every listed event of these subjects, in (time, message id) order."""
        ...

    def compact(self, parts: Sequence[PartFile]) -> list[PartFile]:
        """Merge the parts of one (kind, day, bucket) into one; the caller swaps them in the manifest."""
        ...

    def query(self, name: str, **arguments: Any) -> Any:
        """A named analysis (an ibis expression in this adapter) over the listed files."""
        ...

    def sweep(self, listed: Sequence[PartFile]) -> list[str]:
        """Remove files that the manifest does not list; their names."""
        ...
