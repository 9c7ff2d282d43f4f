"""What folding did with each event of a log record: the sealer and `trace` read it."""

import msgspec

ADMITTED, DUPLICATE, FAILED, REFUSED = 0, 1, 2, 3


class Verdict(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """The events of one record, by index.

    `codes[i]` is ADMITTED (goes to the lake), DUPLICATE, FAILED or REFUSED (no consent that admits it).
    `times[i]` is the corrected event time in ms when it differs from what the body says, else 0.
    `late` lists events of earlier records that this fold admitted after all: (offset, index).
    """

    offset: int
    codes: bytes
    times: list[int] | None = None
    late: list[tuple[int, int]] | None = None
