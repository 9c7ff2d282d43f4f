"""What folding did with each event of a log record: the sealer and `trace` read it."""

from collections.abc import Sequence

import msgspec

ADMITTED, DUPLICATE, FAILED, REFUSED = 0, 1, 2, 3
#: Refused for good by the policy of its source: for another purpose, or without a consent of its own.
NOT_OF_SOURCE, NO_OWN_CONSENT = 4, 5


class Verdict(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """The events of one record, by index.

    `codes[i]` is ADMITTED (goes to the lake), DUPLICATE, FAILED, REFUSED (no consent that admits it), NOT_OF_SOURCE or
    NO_OWN_CONSENT.
    `times` is always None: corrected times stand in the table `timed`, which outlives sealing.
    `late` lists events of earlier records that this fold admitted after all: (offset, index).
    """

    offset: int
    codes: bytes
    times: list[int] | None = None
    late: list[tuple[int, int]] | None = None


def pack(verdicts: Sequence[Verdict]) -> bytes:
    """The blob of a VERDICT row: the verdicts of a range of records, by offset."""
    return _ENCODER.encode(verdicts)


def unpack(data: bytes) -> list[Verdict]:
    """The inverse of `pack`."""
    return _DECODER.decode(data)


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(list[Verdict])
