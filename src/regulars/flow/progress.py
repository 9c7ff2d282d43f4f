"""How far a back-fill is, for everybody to read."""

import msgspec

from regulars.core.state import StateReader

REPLAY = "replay"  # META: Progress


class Progress(msgspec.Struct):
    """How far a back-fill is; in META under "replay", for everybody to read."""

    phase: str = "done"  # clear, build, carry, rebuild, sweep, done
    done: int = 0  # profiles built
    total: int = 0
    definitions: str = ""  # record_version that is being built
    again: bool = False  # asked for although no definition changed
    cursor: str = ""  # last identifier (build) or part id (carry) that was looked at
    began: int = 0  # when it began to read the past, UTC ms by the clock that stamps what arrives

    @property
    def building(self) -> bool:
        """Whether the switch is still to come."""
        return self.phase in ("clear", "build", "carry", "rebuild")


def progress_of(reader: StateReader) -> Progress:
    """The progress of the running or the last back-fill."""
    stored = reader.meta(REPLAY)
    return Progress() if stored is None else msgspec.convert(stored, Progress)
