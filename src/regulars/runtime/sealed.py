"""A note that only this installation can read: whom an erasure still has to search for, after the state has forgotten.

It lies beside the ledger, enciphered, so that the search does not find what it looks for in the note itself.
"""

import contextlib
import hashlib
import hmac
import os
import secrets
from collections.abc import Sequence
from pathlib import Path

import msgspec

from regulars.core.errors import Unavailable
from regulars.runtime.folder import DataFolder

_NONCE, _MARK = 16, 32  # bytes: makes every note another; tells a note that was cut off


class Sealed:
    """The notes of a data folder, by erasure."""

    def __init__(self, folder: DataFolder) -> None:
        self._folder = folder

    def keep(self, erasure: str, keys: Sequence[str]) -> None:
        """Write the note durably; a crash leaves the old one or the new one."""
        text, nonce = msgspec.json.encode(list(keys)), secrets.token_bytes(_NONCE)
        path = self._path(erasure)
        part = path.with_suffix(".part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with part.open("wb") as file:
                file.write(nonce + self._mark(nonce, text) + self._mixed(nonce, text))
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
            _sync(path.parent)
        except OSError as error:
            raise Unavailable(f"{path}: {error.strerror or error}; free space and try again") from error

    def keys(self, erasure: str) -> list[str] | None:
        """Whom the note names; None when there is none that this installation wrote."""
        try:
            data = self._path(erasure).read_bytes()
        except FileNotFoundError:
            return None
        nonce, mark, mixed = data[:_NONCE], data[_NONCE : _NONCE + _MARK], data[_NONCE + _MARK :]
        text = self._mixed(nonce, mixed)
        if not hmac.compare_digest(mark, self._mark(nonce, text)):
            return None
        return msgspec.json.decode(text, type=list[str])

    def forget(self, running: Sequence[str]) -> None:
        """Remove the notes of all other erasures."""
        kept = {self._path(erasure) for erasure in running}
        for pattern in ("*.sealed", "*.part"):
            for path in self._path("x").parent.glob(pattern):
                if path not in kept:
                    with contextlib.suppress(FileNotFoundError):
                        path.unlink()

    def _path(self, erasure: str) -> Path:
        return self._folder.root / "erasures" / f"{erasure}.sealed"

    def _mark(self, nonce: bytes, text: bytes) -> bytes:
        return hmac.new(self._folder.secret(), b"sealed" + nonce + text, hashlib.sha256).digest()

    def _mixed(self, nonce: bytes, data: bytes) -> bytes:
        """The data with a stream of bytes that only the secret yields; the same again gives the data."""
        key = hmac.new(self._folder.secret(), b"stream" + nonce, hashlib.sha256).digest()
        stream = hashlib.shake_256(key).digest(len(data))
        return bytes(a ^ b for a, b in zip(data, stream, strict=True))


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
