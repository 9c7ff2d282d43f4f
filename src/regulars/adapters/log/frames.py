"""How records lie in a file of the log: groups, each with its offsets, lengths and checksums.

A file begins with a header that holds a random mark of eight bytes. A group begins with that mark, so that nothing
that was sent to the shop can pass for one. Behind its header come the facts of its records (`Entry`, MessagePack), then
their bodies. A checksum covers header and facts; the facts hold one for each body, so that one body can be read, or
overwritten with zeros once it is trimmed, without its neighbours.
"""

import struct
import zlib
from collections.abc import Iterator, Sequence
from typing import Protocol

import msgspec

from regulars.core.log import NewRecord

SUFFIX = ".log"
MAGIC = b"RGLOG\0\0\1"
#: Magic, mark, offset of the first record, checksum of these.
HEADER = struct.Struct("<8s8sQI")
#: Mark, first offset, records, bytes of the facts, bytes of the bodies; then the checksum of these and the facts.
GROUP = struct.Struct("<8sQIIQ")
CHECKSUM = struct.Struct("<I")
GROUP_BYTES = GROUP.size + CHECKSUM.size
#: zlib gives up the interpreter lock for more than this. With a busy event loop beside, getting it back costs more than
#: the checksum.
_PIECE = 5 * 1024


class Entry(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a group says about a record."""

    kind: str
    source: str
    route: str
    time: int
    size: int
    checksum: int
    signs: str = ""  # absent where there are none


class Group(msgspec.Struct, frozen=True, gc=False):
    """Where a group lies, and what its records are."""

    position: int
    first: int  # offset of its first record
    count: int
    facts_bytes: int
    body_bytes: int
    checksum: int

    @property
    def last(self) -> int:
        """Offset of its last record."""
        return self.first + self.count - 1

    @property
    def bodies(self) -> int:
        """Where the bodies begin."""
        return self.position + GROUP_BYTES + self.facts_bytes

    @property
    def end(self) -> int:
        """Where the next group begins."""
        return self.bodies + self.body_bytes


class View(Protocol):
    """Bytes of a file; fewer where it ends."""

    def __call__(self, position: int, size: int) -> memoryview:
        """At most so many from a position on."""
        ...


_ENTRIES = msgspec.msgpack.Decoder(list[Entry])
_ENCODER = msgspec.msgpack.Encoder()


def header(mark: bytes, first: int) -> bytes:
    """The first bytes of a file."""
    start = HEADER.pack(MAGIC, mark, first, 0)[: -CHECKSUM.size]
    return start + CHECKSUM.pack(zlib.crc32(start))


def read_header(data: bytes) -> tuple[bytes, int] | None:
    """Mark and first offset of a file, or None when this is no header."""
    if len(data) < HEADER.size:
        return None
    magic, mark, first, checksum = HEADER.unpack_from(data)
    if magic != MAGIC or checksum != zlib.crc32(data[: HEADER.size - CHECKSUM.size]):
        return None
    return mark, first


def encode(mark: bytes, first: int, records: Sequence[NewRecord]) -> bytes:
    """A group of records with offsets from `first`."""
    facts = _ENCODER.encode(
        [
            (r.kind, r.source, r.route, r.time, len(r.body), _checksum(r.body), *((r.signs,) if r.signs else ()))
            for r in records
        ]
    )
    size = sum([len(r.body) for r in records])
    start = GROUP.pack(mark, first, len(records), len(facts), size)
    checksum = CHECKSUM.pack(_checksum(facts, zlib.crc32(start)))
    return b"".join([start, checksum, facts, *[r.body for r in records]])


def read_group(view: View, position: int, mark: bytes) -> Group | None:
    """The group at a position, by its header alone; None where none begins."""
    data = view(position, GROUP_BYTES)
    if len(data) < GROUP_BYTES:
        return None
    found, first, count, facts_bytes, body_bytes = GROUP.unpack_from(data)
    if found != mark:
        return None
    return Group(position, first, count, facts_bytes, body_bytes, CHECKSUM.unpack_from(data, GROUP.size)[0])


def read_entries(view: View, group: Group, mark: bytes) -> list[Entry] | None:
    """What a group says about its records; None when its checksum says otherwise."""
    facts = view(group.position + GROUP_BYTES, group.facts_bytes)
    start = GROUP.pack(mark, group.first, group.count, group.facts_bytes, group.body_bytes)
    if len(facts) < group.facts_bytes or zlib.crc32(facts, zlib.crc32(start)) != group.checksum:
        return None
    entries = _ENTRIES.decode(facts)
    return entries if len(entries) == group.count else None


def bodies(group: Group, entries: Sequence[Entry]) -> Iterator[tuple[int, int, Entry]]:
    """Offset and position of each body."""
    offset, position = group.first, group.bodies
    for entry in entries:
        yield offset, position, entry
        offset, position = offset + 1, position + entry.size


def sound(body: bytes | memoryview, entry: Entry) -> bool:
    """Whether a body is as it was stored."""
    return len(body) == entry.size and zlib.crc32(body) == entry.checksum


def _checksum(data: bytes, value: int = 0) -> int:
    if len(data) <= _PIECE or len(data) > 16 * _PIECE:
        return zlib.crc32(data, value)
    view = memoryview(data)
    for at in range(0, len(data), _PIECE):
        value = zlib.crc32(view[at : at + _PIECE], value)
    return value
