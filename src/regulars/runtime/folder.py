"""The data folder of a server: what lies in it, which version wrote it, and who holds it."""

import fcntl
import os
import secrets
import shutil
from pathlib import Path

from regulars.core.errors import Rejected, Unavailable

#: Version of the folder's layout; the state counts the versions of its tables itself. In version 1 the log was one
#: SQLite file, `log.db`; since version 2 it is a folder of files that only grow.
VERSION = 2


class DataFolder:
    """The paths of a data folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.log = root / "log"
        self.log_of_version_1 = root / "log.db"
        self.state = root / "state.db"
        self.lake = root / "lake"
        self.models = root / "models"
        self.status = root / "status"
        self.secret_key = root / "secret.key"
        self.version = root / "VERSION"
        self.lock = root / "lock"

    def secret(self) -> bytes:
        """The installation's own secret, 32 bytes: signs sessions and links."""
        return self.secret_key.read_bytes()

    def free_bytes(self) -> int:
        """What the disk has left for this folder."""
        return shutil.disk_usage(self.root).free


def open_folder(root: Path) -> DataFolder:
    """The folder, made where it is missing. Raises Rejected for a folder of a newer program or of something else."""
    folder = DataFolder(root)
    try:
        root.mkdir(parents=True, exist_ok=True)
        if folder.version.exists():
            check_version(folder)
        elif any(path.name not in ("lock", "lost+found") for path in root.iterdir()):
            raise Rejected(
                f"{root} holds other files and no VERSION, so it is no data folder; name an empty or a new folder",
                field="--data",
                expected="an empty folder or a data folder",
                got=str(root),
            )
        else:
            _create(folder)
    except OSError as error:
        raise Unavailable(
            f"{root}: {error.strerror or error}; mend the disk or the folder's rights and try again"
        ) from error
    return folder


def check_version(folder: DataFolder) -> None:
    """Refuse a folder that a newer program has written."""
    text = folder.version.read_text(encoding="utf-8", errors="replace").strip()
    if not text.isdigit():
        raise Rejected(
            f"{folder.version} holds {text[:20]!r}; expected a number. Restore the folder with `regulars restore`",
            field="VERSION",
            expected="a number",
            got=text[:20],
        )
    if int(text) > VERSION:
        raise Rejected(
            f"{folder.root} was written by a newer Regulars: its data format is version {text}, this program knows "
            f"{VERSION}. Install the newer version again, or restore a backup made with this one; nothing was changed",
            field="VERSION",
            expected=f"at most {VERSION}",
            got=text,
        )


def lock(folder: DataFolder, holder: str) -> int:
    """Hold the folder for this process and the children that inherit the descriptor; raises Rejected when held."""
    descriptor = os.open(folder.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        who = os.pread(descriptor, 1000, 0).decode(errors="replace").strip() or "another process"
        os.close(descriptor)
        raise Rejected(
            f"{folder.root} is in use by {who}; stop it first, or name another folder with --data",
            field="--data",
            expected="a folder that no other server uses",
            got=who,
        ) from None
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, holder.encode(), 0)
    return descriptor


def holder(folder: DataFolder) -> str | None:
    """Who holds the folder now; None when nobody does."""
    try:
        descriptor = os.open(folder.lock, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return os.pread(descriptor, 1000, 0).decode(errors="replace").strip() or "another process"
    else:
        return None
    finally:
        os.close(descriptor)


def _create(folder: DataFolder) -> None:
    for path in (folder.lake, folder.models, folder.status):
        path.mkdir(exist_ok=True)
    key = os.open(folder.secret_key, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        os.write(key, secrets.token_bytes(32))
        os.fsync(key)
    finally:
        os.close(key)
    write_version(folder)  # last, so that a folder with a VERSION is a whole one


def write_version(folder: DataFolder) -> None:
    """Note that the folder has the layout of this program."""
    part = folder.version.with_suffix(".part")
    part.write_text(f"{VERSION}\n", encoding="utf-8")
    part.replace(folder.version)
