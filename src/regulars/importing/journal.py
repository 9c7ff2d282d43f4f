"""How far an import is, on disk: a stopped one goes on where it was."""

import hashlib
from pathlib import Path

import msgspec


class Given(msgspec.Struct, frozen=True, kw_only=True):
    """The file of an import, and what the caller says of it."""

    path: Path
    kind: str  # one of importing.kinds.KINDS
    format: str
    mapping: dict[str, str] = {}  # column -> field
    options: dict[str, str] = {}  # of the kind
    origin: str = ""  # what `path` is a copy of: an address

    @property
    def name(self) -> str:
        """As it is called in messages."""
        return self.origin or str(self.path)


class Journal:
    """How many things of a file are acknowledged."""

    def __init__(self, folder: Path, given: Given) -> None:
        if given.origin:
            with given.path.open("rb") as stream:
                version = [given.origin, hashlib.file_digest(stream, "sha256").hexdigest()]
        else:
            stat = given.path.stat()
            version = [str(given.path.absolute()), str(stat.st_size), str(stat.st_mtime_ns)]
        about = msgspec.json.encode([*version, given.kind, {**given.mapping, **given.options}], order="deterministic")
        self._path = folder / f"{hashlib.blake2b(about, digest_size=12).hexdigest()}.json"

    def done(self) -> int:
        """Things that need not be sent again."""
        try:
            return int(msgspec.json.decode(self._path.read_bytes(), type=dict[str, int])["calls"])
        except (FileNotFoundError, msgspec.DecodeError, KeyError):
            return 0

    def note(self, things: int) -> None:
        """So many are acknowledged."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        part = self._path.with_suffix(".part")
        part.write_bytes(msgspec.json.encode({"calls": things}))
        part.replace(self._path)
