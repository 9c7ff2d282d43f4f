"""A whole installation in one folder, taken while it runs, and put back."""

import contextlib
import hashlib
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import cast

import msgspec

from regulars.adapters.log.reading import FileLogReader
from regulars.adapters.state.sqlite import SqliteStateReader
from regulars.core.errors import Rejected, Unavailable
from regulars.core.state import FOLDED, MANIFEST, SEALED
from regulars.runtime import erasures as ledger
from regulars.runtime.build import existing_folder
from regulars.runtime.folder import VERSION, DataFolder
from regulars.runtime.settings import Settings

#: A copy is begun again when the server moved on under it: a file of the lake was merged away, the log was trimmed.
ATTEMPTS = 5
LISTING = "BACKUP.json"
#: Told what is copied now.
Tell = Callable[[str], None]


class CopiedFile(msgspec.Struct, frozen=True):
    """A file of the backup."""

    path: str
    bytes: int
    blake2b: str


class Backup(msgspec.Struct, frozen=True):
    """What a backup holds; written last, so that a folder with it is whole."""

    version: int
    taken_at: int  # UTC ms
    folded: int  # the log offset that state and profiles stand at
    head: int  # the last log record; those after `folded` are folded after a restore
    files: list[CopiedFile]


def back_up(settings: Settings, target: Path, tell: Tell = lambda _: None) -> Backup:
    """Copy shop and data to `target` while the server runs or not; consistent as of one folded offset."""
    source = existing_folder(settings)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise Rejected(
            f"{target} exists and is not an empty folder; name a new one",
            field="TARGET",
            expected="a new folder",
            got=str(target),
        )
    part = target.with_name(f"{target.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    try:
        for attempt in range(ATTEMPTS):
            part.mkdir(parents=True)
            taken = _copy(settings, source, DataFolder(part / "data"), part / "shop", tell)
            if taken is not None:
                break
            shutil.rmtree(part)
            tell(f"the server moved on under the copy; beginning again ({attempt + 1})")
        else:
            raise Unavailable(f"no consistent copy in {ATTEMPTS} attempts; try again when less is going on")
        folded, head = taken
        backup = Backup(VERSION, time.time_ns() // 1_000_000, folded, head, list(_listed(part)))
        (part / LISTING).write_bytes(msgspec.json.format(msgspec.json.encode(backup)))
        if target.exists():
            target.rmdir()
        part.replace(target)
    except OSError as error:
        shutil.rmtree(part, ignore_errors=True)
        raise Unavailable(f"{target}: {error.strerror or error}; nothing was kept, free space and try again") from error
    return backup


def restore(
    backup_folder: Path,
    shop: Path,
    data: Path | None = None,
    tell: Tell = lambda _: None,
    *,
    erasures: Sequence[Path] = (),
) -> Backup:
    """Put a backup back as a new shop folder with its data; every file is compared with what was written.

    Ledgers of erasures, the one that the data folder may hold already and those named, are joined with the backup's:
    the server erases those people again before it lets anybody in.
    """
    backup = read_backup(backup_folder)
    data = data or shop / "data"
    own = ledger.ledger_of(data)
    noted = [stone for path in (own, *map(_ledger, erasures)) for stone in ledger.tombstones(path)]
    for folder in (shop, data):
        if folder.exists() and (not folder.is_dir() or not _holds_only(folder, own)):
            raise Rejected(
                f"{folder} exists and is not empty; a backup is put back into a new folder",
                field="DIR",
                expected="a new folder",
                got=str(folder),
            )
    verify(backup_folder, backup, tell)
    try:
        tell("copying")
        shutil.copytree(backup_folder / "shop", shop, dirs_exist_ok=True)
        shutil.copytree(backup_folder / "data", data, dirs_exist_ok=True)
        DataFolder(data).secret_key.chmod(0o600)
        ledger.note(own, noted)
    except OSError as error:
        raise Unavailable(f"{shop}: {error.strerror or error}; free space and try again in a new folder") from error
    return backup


def _ledger(path: Path) -> Path:
    """A ledger that is named by itself or by its data folder."""
    found = ledger.ledger_of(path) if path.is_dir() else path
    if not found.is_file():
        raise Rejected(
            f"{path} holds no ledger of erasures; name {ledger.NAME} of a data folder, or the folder",
            field="--erasures",
            expected="a ledger",
            got=str(path),
        )
    return found


def _holds_only(folder: Path, file: Path) -> bool:
    """Whether a folder holds nothing but this file."""
    return all(path == file for path in folder.rglob("*") if not path.is_dir())


def read_backup(folder: Path) -> Backup:
    """What a backup says it holds."""
    try:
        backup = msgspec.json.decode((folder / LISTING).read_bytes(), type=Backup)
    except (FileNotFoundError, NotADirectoryError):
        raise Rejected(
            f"{folder} holds no {LISTING}, so it is no whole backup; name a folder made by `regulars backup`",
            field="TARGET",
            expected="a backup",
            got=str(folder),
        ) from None
    except msgspec.DecodeError as error:
        raise Rejected(f"{folder / LISTING} is damaged: {error}; use another backup", field="TARGET") from None
    if backup.version > VERSION:
        raise Rejected(
            f"{folder} was made by a newer Regulars (data format {backup.version}, this program knows {VERSION}); "
            "install that version to restore it",
            field="TARGET",
            expected=f"at most {VERSION}",
            got=str(backup.version),
        )
    return backup


def verify(folder: Path, backup: Backup, tell: Tell) -> None:
    """Every file is there and as it was written."""
    for file in backup.files:
        tell(f"checking {file.path}")
        path = folder / file.path
        if not path.is_file():
            raise Rejected(f"{path} is missing from the backup; use another one", field="TARGET", got=file.path)
        if path.stat().st_size != file.bytes or _digest(path) != file.blake2b:
            raise Rejected(
                f"{path} is not as it was written; use another backup",
                field="TARGET",
                expected=f"{file.bytes} bytes, blake2b {file.blake2b[:16]}…",
                got=f"{path.stat().st_size} bytes",
            )


def _copy(settings: Settings, source: DataFolder, target: DataFolder, shop: Path, tell: Tell) -> tuple[int, int] | None:
    """Folded offset and log head of the copy; None when it is not consistent and must be taken again."""
    target.root.mkdir(parents=True)
    _copy_notes(source, target)
    tell("state")
    reader = SqliteStateReader(source.state)
    try:
        reader.backup(str(target.state))
    finally:
        reader.close()
    # After the state: the log then holds everything that the state does not.
    tell("log")
    log = FileLogReader(source.log)
    try:
        log.backup(target.log)
    finally:
        log.close()
    copied = SqliteStateReader(target.state)
    copied_log = FileLogReader(target.log)
    try:
        sealed, folded = copied.meta(SEALED), copied.meta(FOLDED)
        first, head = copied_log.first(), copied_log.head()
        if first > (sealed if isinstance(sealed, int) else 0) + 1:
            return None
        for row in cast(list[tuple[str, ...]], copied.select(MANIFEST, order=("file",))):
            name, checksum = row[0], row[6]
            tell(f"lake/{name}")
            if not _copy_part(source.lake / name, target.lake / name, checksum):
                return None
    finally:
        copied.close()
        copied_log.close()
    for part in target.root.glob("*.db-*"):  # left by reading the copies; they hold nothing
        part.unlink()
    target.lake.mkdir(exist_ok=True)
    target.status.mkdir(exist_ok=True)
    if (noted := ledger.ledger_of(source.root)).exists():
        (target.root / ledger.NAME).parent.mkdir(exist_ok=True)
        shutil.copy2(noted, target.root / ledger.NAME)
    _copy_notes(source, target)
    tell("models")
    shutil.copytree(source.models, target.models, dirs_exist_ok=True)
    shutil.copy2(source.secret_key, target.secret_key)
    shutil.copy2(source.version, target.version)
    tell("shop")
    inside = settings.data.relative_to(settings.shop) if settings.data.is_relative_to(settings.shop) else None
    _copy_shop(settings.shop, shop, inside)
    return folded if isinstance(folded, int) else 0, head


def _copy_notes(source: DataFolder, target: DataFolder) -> None:
    """Whom running erasures search for (`runtime.sealed`): the state may be copied when it has forgotten that.

    Before the state and after it, because a note comes and goes beside it; one too many is removed at the first start.
    """
    for note in (source.root / ledger.NAME).parent.glob("*.sealed"):
        copy = target.root / note.relative_to(source.root)
        copy.parent.mkdir(exist_ok=True)
        with contextlib.suppress(FileNotFoundError):  # the erasure has just ended
            shutil.copy2(note, copy)


def _copy_shop(source: Path, target: Path, data: Path | None) -> None:
    """The shop's folder without its data."""
    skipped = None if data is None else source / data

    def ignored(folder: str, names: list[str]) -> list[str]:
        return [name for name in names if Path(folder) / name == skipped or name == ".git"]

    shutil.copytree(source, target, ignore=ignored)


def _copy_part(source: Path, target: Path, checksum: str) -> bool:
    """Copy one file of the lake; False when it is gone or changed."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        shutil.copy2(source, target)
    except FileNotFoundError:
        return False
    return not checksum or _digest(target, size=len(checksum) // 2) == checksum


def _listed(folder: Path) -> Iterator[CopiedFile]:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield CopiedFile(path.relative_to(folder).as_posix(), path.stat().st_size, _digest(path))


def _digest(path: Path, *, size: int = 32) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=size)).hexdigest()
