"""The bytes of a file: packed with gzip or zip or not, and what its first bytes tell."""

import codecs
import gzip
import io
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

from regulars.core.errors import Rejected, Unavailable

#: Bytes that are looked at to find out what a file is.
HEAD = 262_144


class Opened:
    """An unpacked stream, and how far its file is read."""

    def __init__(self, path: Path, raw: IO[bytes], stream: IO[bytes]) -> None:
        self.path = path
        self._raw = raw
        head = stream.read(HEAD)
        while len(head) < HEAD and (more := stream.read(HEAD - len(head))):
            head += more
        self.head = head
        self.stream = io.BufferedReader(_Rejoined(head, stream), HEAD)

    def at(self) -> int:
        """Bytes of the file that are read, packed as it is."""
        return self._raw.tell()


class _Rejoined(io.RawIOBase):
    """A stream whose beginning was read already."""

    def __init__(self, head: bytes, rest: IO[bytes]) -> None:
        self._head = memoryview(head)
        self._rest = rest

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int:
        """The head first."""
        view = memoryview(buffer)
        if self._head:
            count = min(len(view), len(self._head))
            view[:count] = self._head[:count]
            self._head = self._head[count:]
            return count
        got = self._rest.read(len(view))
        view[: len(got)] = got
        return len(got)


@contextmanager
def opened(path: Path, name: str) -> Iterator[Opened]:
    """The file, unpacked on the way; what is wrong with it as a whole is Rejected, `name` is what it is called."""
    try:
        with path.open("rb") as raw:
            magic = raw.peek(4)[:4]
            if magic[:2] == b"\x1f\x8b":
                with gzip.GzipFile(fileobj=raw) as stream:
                    yield Opened(path, raw, cast(IO[bytes], stream))
            elif magic == b"PK\x03\x04":
                with zipfile.ZipFile(raw) as archive, archive.open(_member(archive, name)) as member:
                    yield Opened(path, raw, member)
            else:
                yield Opened(path, raw, raw)
    except FileNotFoundError:
        raise Rejected(f"{name} does not exist", field="FILE", expected="a file", got=name) from None
    except (EOFError, zlib.error, gzip.BadGzipFile, zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        what = "cut off" if isinstance(error, EOFError) else f"not whole ({error})"
        raise Rejected(f"{name} is {what}; copy it again", field="FILE", expected="a whole gzip or zip file") from None
    except OSError as error:
        raise Unavailable(f"{name} cannot be read: {error.strerror or error}") from error


def encoding_of(head: bytes) -> str:
    """How a text is written: by its mark, or else UTF-8 where that fits, or else what Windows writes in Western Europe.

    >>> encoding_of("Käse".encode()), encoding_of("Käse".encode("cp1252")), encoding_of("Käse".encode("utf-16"))
    ('utf-8-sig', 'cp1252', 'utf-16')
    """
    if head[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return "utf-16"
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)  # a character may be cut at the end
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8-sig"


def _member(archive: zipfile.ZipFile, name: str) -> zipfile.ZipInfo:
    files = [one for one in archive.infolist() if not one.is_dir() and not one.filename.startswith("__MACOSX/")]
    if len(files) != 1:
        raise Rejected(
            f"{name} holds {len(files)} files; pack one, or unpack it and import each",
            field="FILE",
            expected="a zip file with one file in it",
            got=", ".join(one.filename for one in files[:5]) or "nothing",
        )
    return files[0]
