"""Which records serve: a back-fill builds the next generation beside the serving one, then one commit switches."""

import time
from collections.abc import Callable
from typing import Final

import msgspec

from regulars.core.definitions import Definitions
from regulars.core.state import (
    DEFINITIONS,
    DUE,
    DUE_B,
    EPOCH,
    GENERATION,
    MEMBERSHIP,
    MEMBERSHIP_B,
    MOVED,
    MOVED_B,
    PART,
    PART_B,
    StateReader,
    Table,
)

#: A reader looks this often for a switch; seconds. The old generation's rows stay for longer (`replay.KEEP_SECONDS`).
LOOK_SECONDS = 0.5


class Tables(msgspec.Struct, frozen=True):
    """Where the records of a generation live."""

    part: Table = PART
    membership: Table = MEMBERSHIP
    due: Table = DUE
    moved: Table = MOVED
    #: Before the names of counters that are being prepared; empty for the generation that serves.
    counters: str = ""


A: Final = Tables()
B: Final = Tables(PART_B, MEMBERSHIP_B, DUE_B, MOVED_B)


def name_of(reader: StateReader) -> str:
    """The generation that serves, "a" or "b"."""
    return "b" if reader.meta(GENERATION) == "b" else "a"


def tables(reader: StateReader) -> Tables:
    """The tables of the generation that serves, read now."""
    return B if name_of(reader) == "b" else A


def definitions(reader: StateReader) -> Definitions | None:
    """The definitions that the serving records were built with; None in a state that nothing was folded into."""
    stored = reader.meta(DEFINITIONS)
    return None if stored is None else msgspec.convert(stored, Definitions)


class Serving:
    """Which tables and definitions serve, for a process that reads; asks the state now and then.

    Call `refresh` before each decision or page; True says that `tables` or `definitions` are others than before, and
    what was compiled from them is to be compiled again.
    """

    def __init__(
        self, reader: StateReader, fallback: Definitions, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._reader = reader
        self._clock = clock
        self._epoch: object = object()  # equals nothing that is stored
        self._looked = -LOOK_SECONDS
        self.tables = A
        self.definitions = fallback
        self.refresh()

    def refresh(self) -> bool:
        """Follow a switch; cheap, since it looks at most every `LOOK_SECONDS`."""
        now = self._clock()
        if now - self._looked < LOOK_SECONDS:
            return False
        self._looked = now
        epoch = self._reader.meta(EPOCH)
        if epoch == self._epoch:
            return False
        while True:  # several reads, each of one committed state: again if a switch came between
            found, stored = tables(self._reader), definitions(self._reader)
            after = self._reader.meta(EPOCH)
            if after == epoch:
                break
            epoch = after
        self._epoch, self.tables = epoch, found
        if stored is not None:
            self.definitions = stored
        return True
