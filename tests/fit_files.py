"""FIT files as watches write them, made from the published protocol: a header, definitions, messages, a checksum."""

import struct
from collections.abc import Sequence
from datetime import UTC, datetime

#: FIT counts seconds from here.
EPOCH = datetime(1989, 12, 31, tzinfo=UTC)
_CRC = (
    0x0000, 0xCC01, 0xD801, 0x1400, 0xF001, 0x3C00, 0x2800, 0xE401,
    0xA001, 0x6C00, 0x7800, 0xB401, 0x5000, 0x9C01, 0x8801, 0x4400,
)  # fmt: skip
_UINT32, _UINT16, _UINT8, _ENUM = (0x86, "<I"), (0x84, "<H"), (0x02, "<B"), (0x00, "<B")
_FILE_ID, _SESSION = 0, 18


def crc(data: bytes) -> int:
    """The protocol's checksum."""
    found = 0
    for byte in data:
        for nibble in (byte & 0xF, byte >> 4):
            found = (found >> 4) & 0x0FFF ^ _CRC[found & 0xF] ^ _CRC[nibble]
    return found


def _message(local: int, number: int, fields: Sequence[tuple[int, tuple[int, str], int]]) -> bytes:
    """A definition and one message by it; fields are (number, type, value)."""
    defined = b"".join(struct.pack("<BBB", field, struct.calcsize(form), base) for field, (base, form), _ in fields)
    definition = struct.pack("<BBBHB", 0x40 | local, 0, 0, number, len(fields)) + defined
    values = b"".join(struct.pack(form, value) for _, (_, form), value in fields)
    return definition + struct.pack("<B", local) + values


def fit_file(
    *, start: datetime, seconds: float, metres: float, sport: int = 1, pulses: tuple[int, int] = (140, 170)
) -> bytes:
    """An activity of one session; sport 1 is running, 2 is cycling."""
    at = int((start - EPOCH).total_seconds())
    data = _message(0, _FILE_ID, [(0, _ENUM, 4), (1, _UINT16, 1), (2, _UINT16, 3113), (4, _UINT32, at)])
    session = [
        (253, _UINT32, at + int(seconds)), (2, _UINT32, at), (8, _UINT32, int(seconds * 1000)),
        (9, _UINT32, int(metres * 100)), (5, _ENUM, sport), (10, _UINT32, int(seconds * 1.4)),
        (16, _UINT8, pulses[0]), (17, _UINT8, pulses[1]),
    ]  # fmt: skip
    data += _message(1, _SESSION, session)
    head = struct.pack("<BBHI4s", 14, 0x20, 2132, len(data), b".FIT")
    head += struct.pack("<H", crc(head))
    return head + data + struct.pack("<H", crc(head + data))
