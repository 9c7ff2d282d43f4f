"""What parent and child say to each other: a length of four bytes (little endian), then MessagePack."""

import struct
from typing import Any, BinaryIO, Literal

import msgspec

from regulars.core.definitions import Definitions
from regulars.core.errors import Misconfigured, RegularsError, Rejected, Unavailable
from regulars.core.lake import PartFile

LENGTH = struct.Struct("<I")
LARGEST = 1_000_000_000  # bytes of one message; more belongs into a file
IDLE_EXIT = 0  # exit code of a child that nobody asked for a while

Kind = Literal["rejected", "misconfigured", "unavailable", "defect"]
_KINDS: tuple[tuple[type[RegularsError], Kind], ...] = (
    (Rejected, "rejected"),
    (Misconfigured, "misconfigured"),
    (Unavailable, "unavailable"),
)


class Setup(msgspec.Struct, frozen=True, kw_only=True):
    """What a child is told before the first request."""

    definitions: Definitions
    decoder: str  # "module:name" of a function of the definitions that gives an object with `decode(record)`
    memory: str = "1GB"  # limit of DuckDB
    threads: int = 1


class Request(msgspec.Struct, frozen=True):
    """A question."""

    id: int
    method: str
    args: dict[str, Any]


class Problem(msgspec.Struct, frozen=True):
    """Why there is no result."""

    kind: Kind
    message: str
    field: str = ""
    expected: str = ""
    got: str = ""

    @classmethod
    def of(cls, error: Exception) -> "Problem":
        """What to tell of an exception."""
        for type_, kind in _KINDS:
            if isinstance(error, type_):
                field, expected, got = (getattr(error, name, "") for name in ("field", "expected", "got"))
                return cls(kind, str(error), field, expected, got)
        return cls("defect", f"{type(error).__name__}: {error}")

    def exception(self) -> Exception:
        """The exception that the caller sees."""
        match self.kind:
            case "rejected":
                return Rejected(self.message, field=self.field, expected=self.expected, got=self.got)
            case "misconfigured":
                return Misconfigured(self.message)
            case "unavailable":
                return Unavailable(self.message)
            case "defect":
                return RuntimeError(
                    f"the analysis process met a defect of ours: {self.message}; its log has the details"
                )


class Response(msgspec.Struct, frozen=True):
    """An answer: a result or a problem."""

    id: int
    result: msgspec.Raw = msgspec.Raw(b"\xc0")  # MessagePack's nil
    problem: Problem | None = None


class Sealed(msgspec.Struct, frozen=True):
    """What a seal wrote; nothing counts until the updater has listed it (`bookkeeping.sealed`)."""

    offset: int  # everything up to here is in the lake
    parts: list[PartFile]
    verdicts: list[int]  # keys of the VERDICT rows that are used up
    events: int
    decisions: int
    missing: list[tuple[int, int]]  # late events (offset, index) whose records the log no longer has


class Compacted(msgspec.Struct, frozen=True):
    """Parts to list and files that they replace."""

    parts: list[PartFile]
    replaced: list[str]


class ProfilesWritten(msgspec.Struct, frozen=True):
    """The new parts of the profile table, what they replace, and the offset up to which changes are in them."""

    parts: list[PartFile]
    replaced: list[str]
    offset: int
    profiles: int  # rows that were written


def send(stream: BinaryIO, message: Any) -> None:
    """Write one message whole."""
    body = msgspec.msgpack.encode(message)
    if len(body) > LARGEST:
        raise Rejected(
            f"an answer of {len(body)} bytes is too large to pass on; ask for less", expected=f"at most {LARGEST} bytes"
        )
    stream.write(LENGTH.pack(len(body)) + body)
    stream.flush()


def receive(stream: BinaryIO) -> bytes | None:
    """Read one message; None when the other side has gone."""
    head = stream.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    (length,) = LENGTH.unpack(head)
    body = stream.read(length)
    return body if len(body) == length else None


class RowRules(msgspec.Struct):
    """What rules did to one row of a recorded decision; rules by id, or by their place where that has changed."""

    placement: str
    items: list[str]
    propensities: list[float]  # by slot; empty: certain
    removed: dict[str, list[str]]
    moved: dict[str, list[str]]
    notes: list[str]
    same_configuration: bool
