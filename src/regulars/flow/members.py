"""Who is in a segment: the memberships, and the moves that wait to be put in their place.

A membership lies among those of its segment by profile, so that each move would write a page of its own. Moves are
therefore noted segment by segment, one after the other, and put in place together once there are many: then several
share a page. `members` reads both.
"""

import struct
from collections.abc import Collection, Iterable, Mapping
from typing import cast

from regulars.core.state import Changes, Row, StateReader
from regulars.flow.generation import Tables

#: Rows of noted moves of a segment, each filled up to about `ROW_BYTES`; with one more, all are put in place.
ROWS, ROW_BYTES = 64, 2_000
_LEFT = -1  # in the place of the time since when


def members(
    reader: StateReader, tables: Tables, segment: str, *, start: int = 0, limit: int | None = None
) -> list[tuple[int, int]]:
    """(profile, since in ms) of those in a segment from the number `start` on, by number."""
    # The moves first: when they are put in place in between, they say once more what the memberships say by then.
    moved = _told(reader.select(tables.moved, {"segment": segment}, order=("seq",)))
    rows = reader.select(
        tables.membership,
        {"segment": segment},
        at_least={"profile": start},
        order=("profile",),
        limit=None if limit is None else limit + len(moved),
    )
    found = {cast(int, row[1]): cast(int, row[2]) for row in rows}
    for profile, since in moved.items():
        if since == _LEFT:
            found.pop(profile, None)
        elif profile >= start:
            found[profile] = since
    return sorted(found.items())[:limit]


class Moves:
    """What a batch moves into and out of segments; `store` once, before its changes are committed."""

    def __init__(self, state: StateReader, changes: Changes, tables: Tables) -> None:
        self._state = state
        self._changes = changes
        self._tables = tables
        self.waiting: dict[str, dict[int, int]] = {}  # segment -> {profile: since}

    def enter(self, segment: str, profile: int, since: int) -> None:
        """The profile is in the segment, since that time in ms."""
        self.waiting.setdefault(segment, {})[profile] = since

    def leave(self, segment: str, profile: int) -> None:
        """The profile is not in the segment any more."""
        self.waiting.setdefault(segment, {})[profile] = _LEFT

    def take(self, moves: Mapping[str, Mapping[int, int]]) -> None:
        """Moves of other profiles, as in `waiting`."""
        for segment, profiles in moves.items():
            self.waiting.setdefault(segment, {}).update(profiles)

    def store(self) -> None:
        """Note the moves, or put all of a segment in place when many wait."""
        table = self._tables.moved
        for segment, told in self.waiting.items():
            moves = dict(sorted(told.items()))  # the same whoever folded them
            last = self._state.select(table, {"segment": segment}, order=("-seq",), limit=1)
            seq, data = (cast(int, last[0][1]), cast(bytes, last[0][2])) if last else (0, b"")
            if len(data) >= ROW_BYTES:
                seq, data = seq + 1, b""
            if seq < ROWS and len(moves) * 16 < ROWS * ROW_BYTES:
                self._changes.put(table, (segment, seq, data + _packed(moves)))
            else:
                self._put_in_place(segment, moves)
        self.waiting.clear()

    def _put_in_place(self, segment: str, moves: Mapping[int, int]) -> None:
        rows = self._state.select(self._tables.moved, {"segment": segment}, order=("seq",))
        for profile, since in {**_told(rows), **moves}.items():
            if since == _LEFT:
                self._changes.delete(self._tables.membership, (segment, profile))
            else:
                self._changes.put(self._tables.membership, (segment, profile, since))
        for row in rows:
            self._changes.delete(self._tables.moved, (segment, cast(int, row[1])))


def forget(state: StateReader, tables: Tables, profiles: Collection[int], changes: Changes) -> None:
    """Take profiles out of the moves that wait, and out of the memberships that these moves speak of."""
    for row in state.select(tables.moved):
        segment, data = cast(str, row[0]), cast(bytes, row[2])
        moves = list(struct.iter_unpack("<2q", data))
        kept = [move for move in moves if move[0] not in profiles]
        if len(kept) == len(moves):
            continue
        changes.put(tables.moved, (segment, cast(int, row[1]), b"".join(struct.pack("<2q", *move) for move in kept)))
        for profile, _ in moves:
            if profile in profiles:
                changes.delete(tables.membership, (segment, profile))


def _packed(moves: Mapping[int, int]) -> bytes:
    """Pairs of 64-bit numbers: profile, since."""
    return struct.pack(f"<{2 * len(moves)}q", *(number for move in moves.items() for number in move))


def _told(rows: Iterable[Row]) -> dict[int, int]:
    """The last move of each profile in rows of noted moves, in their order."""
    return {profile: since for row in rows for profile, since in struct.iter_unpack("<2q", cast(bytes, row[2]))}
