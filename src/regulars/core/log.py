"""The log: whatever changes state is a record in it."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

# Kinds of record.
EVENTS = "events"  # body: the verbatim HTTP body; route and source tell how to read it
COMMAND = "command"  # body: JSON {"name": ..., "args": {...}, "by": user}
TICK = "tick"  # body: empty; `time` is the shop's clock
DECISION = "decision"  # body: msgpack of core.decision.DecisionRecord
ACCESS = "access"  # body: JSON {"user", "action", "subject"}: who looked at whom
PRODUCTS = "products"  # body: JSON list of products (catalogue upsert)

#: The route of records of kind "events" that hold rows of files (collect.files.format).
ROWS = "rows"
#: The route of records of kind "products" that hold levels of stock (catalog.stock).
STOCK = "stock"


class NewRecord(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A record to be appended."""

    kind: str
    source: str  # id of the source (write key's owner), or of the part that speaks
    route: str  # "track", "batch", "import", ...: how to read the body
    time: int  # UTC ms: receipt; for ticks the shop's clock
    body: bytes
    signs: str = ""  # what the door saw of the sender's network, comma-separated (collect.network); never an address


class Record(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A record with its place in the log; offsets grow by one from 1."""

    offset: int
    kind: str
    source: str
    route: str
    time: int
    body: bytes
    signs: str = ""


class Log(Protocol):
    """Append records durably; read them from an offset. Many readers, one appending process."""

    def append(self, records: Sequence[NewRecord]) -> int:
        """Store all, durably (fsync) when it returns; the last offset. All or nothing.

        Raises Unavailable when the disk is full; nothing of the group is then stored.
        """
        ...

    def read(self, after: int, *, records: int = 1000, size: int = 8_000_000) -> list[Record]:
        """Records with offset > `after` in order: at most `records` and about `size` bytes, at least one."""
        ...

    def get(self, offsets: Sequence[int]) -> dict[int, Record]:
        """Those of the given records that are still there."""
        ...

    def head(self) -> int:
        """The last offset, 0 when nothing was ever appended."""
        ...

    def first(self) -> int:
        """The oldest offset still kept; head + 1 when empty."""
        ...

    def oldest_time(self) -> int | None:
        """Receipt time (ms) of the oldest record kept."""
        ...

    def trim(self, before: int) -> int:
        """Forget records with offset < `before`; how many went. Offsets are never reused."""
        ...

    def rewrite(self, bodies: Mapping[int, bytes]) -> int:
        """Replace the bodies of records (to erase a customer), durably, all or nothing; how many were there."""
        ...

    def size(self) -> int:
        """Bytes on disk, write-ahead log included."""
        ...

    def files(self) -> int:
        """How many files hold the records."""
        ...

    def close(self) -> None:
        """Release files; nothing acknowledged is lost."""
        ...
