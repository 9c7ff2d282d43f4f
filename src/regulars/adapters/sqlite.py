"""What every SQLite file of a data folder has in common: how it is opened, checkpointed, copied, and how it fails."""

import contextlib
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

from regulars.core.errors import Rejected, Unavailable

#: Write-ahead log beyond which the checkpointer starts, and to which the file is cut back after a burst; bytes.
WAL_BYTES = 32_000_000
#: Read ahead in pieces of this size; bytes.
_AHEAD_BYTES = 8_000_000
#: Rounds beside the writers until less than an eighth of the write-ahead log is left to copy while they wait.
ROUNDS = 4


def connect(
    path: Path, *, page_bytes: int = 4096, cache_bytes: int = 16_000_000, mmap_bytes: int = 0
) -> sqlite3.Connection:
    """Open for writing, creating the file: WAL, an fsync for every commit, checkpoints left to `Checkpointer`."""
    with translated(path):
        connection = sqlite3.connect(
            path, timeout=10, isolation_level=None, check_same_thread=False, cached_statements=512
        )
        connection.execute(f"PRAGMA page_size = {page_bytes}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        connection.execute(f"PRAGMA journal_size_limit = {2 * WAL_BYTES}")
        connection.execute(f"PRAGMA cache_size = {-(cache_bytes // 1024)}")
        connection.execute(f"PRAGMA mmap_size = {mmap_bytes}")
        # What was deleted is overwritten with zeros: an erased customer must not be found in a free page.
        connection.execute("PRAGMA secure_delete = ON")
    return connection


def connect_readonly(path: Path, *, cache_bytes: int = 4_000_000, mmap_bytes: int = 0) -> sqlite3.Connection:
    """Open an existing file for reading, also while another process writes."""
    if not path.exists():
        raise Unavailable(f"{path} does not exist yet; start `regulars serve`, which creates it, and try again")
    with translated(path):
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=ro",
            uri=True,
            timeout=10,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=512,
        )
        connection.execute(f"PRAGMA cache_size = {-(cache_bytes // 1024)}")
        connection.execute(f"PRAGMA mmap_size = {mmap_bytes}")
    return connection


@contextlib.contextmanager
def translated(path: Path | str) -> Iterator[None]:
    """Say what a failure of SQLite means for whoever runs the shop; defects of ours pass unchanged."""
    try:
        yield
    except sqlite3.Error as error:
        raise explained(error, path) from error
    except OSError as error:
        raise Unavailable(
            f"{path}: {error.strerror or error}; mend the disk or the folder's rights and try again"
        ) from error


def explained(error: sqlite3.Error, path: Path | str) -> Exception:
    """The failure in the shop's words, or the error itself when it is a defect of ours."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_FULL:
        return Unavailable(
            f"{path}: no space left ({error}); nothing of this write is stored. Free space and try again"
        )
    if code == sqlite3.SQLITE_IOERR:
        return Unavailable(
            f"{path}: the disk refused a read or write ({error}); nothing of this write is stored. "
            "Check free space, limits and the disk, then try again"
        )
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return Unavailable(f"{path} is in use by another process ({error}); stop that process or try again")
    if code in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM):
        return Unavailable(f"{path} cannot be opened for this ({error}); check that the folder exists and its rights")
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return Unavailable(f"{path} is damaged or not a database ({error}); restore it with `regulars restore`")
    return error


def read_ahead(path: Path) -> bool:
    """Let the system read a file into its page cache, if at most half of the free memory is needed; whether it does.

    Returns soon, and blocks nobody: who reads meanwhile waits at most for the page at hand. Linux; elsewhere nothing.
    """
    if not hasattr(os, "posix_fadvise"):
        return False
    try:
        available = next(
            int(line.split()[1]) * 1024
            for line in Path("/proc/meminfo").read_text().splitlines()
            if line.startswith("MemAvailable:")
        )
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size > available // 2:
                return False
            for start in range(0, size, _AHEAD_BYTES):
                os.posix_fadvise(file.fileno(), start, _AHEAD_BYTES, os.POSIX_FADV_WILLNEED)
    except (OSError, StopIteration):
        return False  # it was a favour
    return True


def file_bytes(path: Path) -> dict[str, int]:
    """Bytes on disk: {"database", "wal"}."""
    return {"database": _bytes(path), "wal": _bytes(Path(f"{path}-wal"))}


def _bytes(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def copy(connection: sqlite3.Connection, target: Path) -> None:
    """A consistent copy of what is committed, while others write; whole or not there."""
    if target.exists():
        raise Rejected(f"{target} exists already; name a new file for the backup", field="target", got=str(target))
    part = target.with_name(f"{target.name}.part")
    with translated(target):
        part.unlink(missing_ok=True)
        with contextlib.closing(sqlite3.connect(part, isolation_level=None)) as copied:
            # One step: a copy in several starts again whenever another process has written in between.
            connection.backup(copied, pages=-1)
            copied.execute("PRAGMA journal_mode = DELETE")
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.replace(target)
        _sync_folder(target.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class Checkpointer:
    """Moves the write-ahead log into the database beside the writer, so that no append waits for a long checkpoint.

    Rounds that block nobody come first; only the small rest is copied while the writer waits (`write_lock`), after
    which SQLite begins the write-ahead log anew: its file stays bounded under a load that never pauses.
    """

    def __init__(self, path: Path, write_lock: AbstractContextManager[bool], *, wal_bytes: int = WAL_BYTES) -> None:
        self._path = path
        self._write_lock = write_lock
        self._wal_bytes = wal_bytes
        self._written = 0
        self._wake = threading.Event()
        self._stopping = False
        self._busy = threading.Lock()  # one checkpoint at a time
        self._connection = connect(path, cache_bytes=1_000_000)
        self._page_bytes = int(self._connection.execute("PRAGMA page_size").fetchone()[0])
        self.failure: str | None = None
        self._thread = threading.Thread(target=self._work, name=f"checkpoint {path.name}", daemon=True)
        self._thread.start()

    def wrote(self, size: int) -> None:
        """Tell that up to `size` bytes went into the write-ahead log; a checkpoint counts them exactly."""
        self._written += size
        if self._written > self._wal_bytes:
            self.poke()

    def poke(self) -> None:
        """Ask for a checkpoint soon; returns at once."""
        self._wake.set()

    def run(self, *, truncate: bool = True) -> bool:
        """Checkpoint now; whether the write-ahead log can begin anew (a reader amid a query prevents it)."""
        with self._busy:
            _, frames, done = self._pragma("PASSIVE")
            for _ in range(ROUNDS):
                if (frames - done) * self._page_bytes <= self._wal_bytes // 8:
                    break
                _, frames, done = self._pragma("PASSIVE")
            self._written = frames * self._page_bytes
            if not truncate and self._written < self._wal_bytes // 2:
                return False
            with self._write_lock:
                busy, _, _ = self._pragma("TRUNCATE" if truncate else "RESTART")
                if not busy:
                    self._written = 0
            return not busy

    def stop(self) -> None:
        """Checkpoint a last time and release the file; after a failure the next opening does it."""
        self._stopping = True
        self._wake.set()
        self._thread.join()
        with contextlib.suppress(Unavailable):
            self.run()
        self._connection.close()

    def _pragma(self, mode: str) -> tuple[int, int, int]:
        with translated(self._path):
            # A reader may hold the end of the write-ahead log as long as its query runs; writers do not wait longer.
            self._connection.execute("PRAGMA busy_timeout = 50")
            busy, frames, done = self._connection.execute(f"PRAGMA wal_checkpoint({mode})").fetchone()
        return busy, frames, done

    def _work(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            if self._stopping:
                return
            try:
                self.run(truncate=False)
                self.failure = None
            except Unavailable as error:
                self.failure = str(error)  # shown by health; the next write asks again


class Locked:
    """A connection and the lock under which its threads use it."""

    def __init__(self, connection: sqlite3.Connection, path: Path | str) -> None:
        self._connection = connection
        self._path = path
        self._lock = threading.Lock()

    def __enter__(self) -> sqlite3.Connection:
        self._lock.acquire()
        return self._connection

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        self._lock.release()
        if isinstance(error, sqlite3.Error):
            raise explained(error, self._path) from error

    def close(self) -> None:
        """Close the connection once nobody uses it."""
        with self._lock:
            self._connection.close()
