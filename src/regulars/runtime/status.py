"""What a process says about itself, for others to read: a small file that also works when the disk is full."""

import mmap
import os
import zlib
from pathlib import Path
from typing import Any

import msgspec

#: The whole file, allocated when it is made, so that no later write needs space; bytes.
SIZE = 16_384
_HEADER = 8  # length and checksum, four bytes each


class StatusFile:
    """Written by one process; each write replaces the last."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, SIZE)
            self._map = mmap.mmap(descriptor, SIZE)
        finally:
            os.close(descriptor)

    def write(self, value: dict[str, Any]) -> None:
        """Replace what the file says."""
        body = msgspec.json.encode(value)
        if len(body) > SIZE - _HEADER:
            raise ValueError(f"a status of {len(body)} bytes; at most {SIZE - _HEADER} fit")
        header = len(body).to_bytes(4) + zlib.crc32(body).to_bytes(4)
        self._map[: _HEADER + len(body)] = header + body

    def close(self) -> None:
        """Release the file; what it says stays."""
        self._map.close()


def read_status(path: Path) -> dict[str, Any]:
    """What the process said last; empty when it never said anything."""
    for _ in range(5):  # a write may be under way; the checksum tells
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            return {}
        body = data[_HEADER : _HEADER + int.from_bytes(data[:4])]
        if body and zlib.crc32(body) == int.from_bytes(data[4:_HEADER]):
            return msgspec.json.decode(body, type=dict[str, Any])
    return {}
