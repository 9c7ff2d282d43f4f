"""The log in memory: for tests and trials; gone when the process ends."""

import threading
from collections.abc import Mapping, Sequence

import msgspec

from regulars.core.errors import Unavailable
from regulars.core.log import NewRecord, Record


class MemoryLog:
    """A list of records. `max_bytes` of bodies, beyond which it is as full as a disk can be."""

    def __init__(self, *, max_bytes: int | None = None) -> None:
        self._records: list[Record] = []
        self._gone = 0  # how many were trimmed: offset of the oldest kept is `_gone` + 1
        self._bytes = 0
        self._max_bytes = max_bytes
        self._lock = threading.Lock()

    def append(self, records: Sequence[NewRecord]) -> int:
        """Store all or nothing; the last offset."""
        with self._lock:
            size = sum(len(r.body) for r in records)
            if self._max_bytes is not None and self._bytes + size > self._max_bytes:
                raise Unavailable(
                    f"the log in memory is full: {self._bytes + size} bytes of at most {self._max_bytes}; trim it"
                )
            for offset, r in enumerate(records, self._gone + len(self._records) + 1):
                self._records.append(Record(offset, r.kind, r.source, r.route, r.time, r.body, r.signs))
            self._bytes += size
            return self._gone + len(self._records)

    def read(self, after: int, *, records: int = 1000, size: int = 8_000_000) -> list[Record]:
        """Records with offset > `after` in order; at least one if there is one."""
        with self._lock:
            start = max(after - self._gone, 0)
            found: list[Record] = []
            for record in self._records[start : start + records]:
                found.append(record)
                size -= len(record.body)
                if size <= 0:
                    break
            return found

    def get(self, offsets: Sequence[int]) -> dict[int, Record]:
        """Those that are still there."""
        with self._lock:
            places = ((offset, offset - self._gone - 1) for offset in offsets)
            return {offset: self._records[place] for offset, place in places if 0 <= place < len(self._records)}

    def head(self) -> int:
        """The last offset ever given."""
        return self._gone + len(self._records)

    def first(self) -> int:
        """The oldest offset kept."""
        return self._gone + 1

    def oldest_time(self) -> int | None:
        """Receipt time (ms) of the oldest record kept."""
        with self._lock:
            return self._records[0].time if self._records else None

    def trim(self, before: int) -> int:
        """Forget records with offset < `before`; how many."""
        with self._lock:
            gone = min(max(before - 1 - self._gone, 0), len(self._records))
            self._bytes -= sum(len(r.body) for r in self._records[:gone])
            del self._records[:gone]
            self._gone += gone
            return gone

    def rewrite(self, bodies: Mapping[int, bytes]) -> int:
        """Replace the bodies of records; how many were still there."""
        changed = 0
        with self._lock:
            for offset, body in bodies.items():
                place = offset - self._gone - 1
                if 0 <= place < len(self._records):
                    self._bytes += len(body) - len(self._records[place].body)
                    self._records[place] = msgspec.structs.replace(self._records[place], body=body)
                    changed += 1
        return changed

    def size(self) -> int:
        """Bytes of the bodies kept."""
        return self._bytes

    def files(self) -> int:
        """No file."""
        return 0

    def close(self) -> None:
        """Nothing to release."""
