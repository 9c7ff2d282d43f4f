"""Before a folder serves: people whom its ledger calls erased and its state does not are erased, as after a restore."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import msgspec
import structlog

from regulars.core.definitions import Definitions
from regulars.core.erasure import Tombstone, keyed_hash, ledger_key
from regulars.core.errors import Unavailable
from regulars.core.log import COMMAND, NewRecord
from regulars.core.state import ANSWER, CLOCK, ERASURE, FOLDED, IDENTIFIER, StateReader
from regulars.flow.privacy_commands import erasures
from regulars.runtime import Settings
from regulars.runtime import erasures as ledger
from regulars.runtime.build import open_log, read_state
from regulars.runtime.folder import DataFolder
from regulars.serve.child import Child

_LOG = structlog.get_logger("regulars.serve")
_POLL_SECONDS = 0.02
_ROWS = 10_000  # identifiers read at a time
REASON = "a backup from before was put back"


class _Stopped(Exception):
    """The start was called off, or the updater gave up; what is left is done at the next start."""


def erase_again(
    folder: DataFolder, settings: Settings, definitions: Definitions, updater: Child, stopping: threading.Event
) -> int:
    """Erase them while nobody else is let in yet; how many people. `updater` runs, and folds what is asked here."""
    state = read_state(folder)
    try:
        missing = unknown(state, ledger.ledger_of(folder.root))
        if not missing:
            return 0
        _LOG.info("people were erased after the backup that was put back; erasing them again", people=len(missing))
        return _Again(folder, settings, definitions, state, updater, stopping).erase(missing)
    except _Stopped:
        return 0
    finally:
        state.close()


def unknown(state: StateReader, path: Path) -> list[Tombstone]:
    """The erasures of a ledger that the state does not know."""
    stones = ledger.tombstones(path)
    known = state.many(ERASURE, [stone.id for stone in stones])
    return [stone for stone in stones if stone.id not in known]


class _Again:
    def __init__(
        self,
        folder: DataFolder,
        settings: Settings,
        definitions: Definitions,
        state: StateReader,
        updater: Child,
        stopping: threading.Event,
    ) -> None:
        self._key = ledger_key(folder.secret())
        self._log = open_log(folder, settings)
        self._state = state
        self._updater = updater
        self._stopping = stopping
        self._ticked = definitions.shop.clock == "records"

    def erase(self, missing: list[Tombstone]) -> int:
        """All of them, to the end of the search; how many people the state knew."""
        try:
            self._folded(self._log.head())
            # Folding may have met the command itself: the log of a backup is newer than its state.
            known = self._state.many(ERASURE, [stone.id for stone in missing])
            found = self._keys(missing)
            people = 0
            for stone in missing:
                if stone.id not in known:
                    people += self._one(stone, found[stone.id])
            while erasures(self._state):
                self._pause()
            return people
        finally:
            self._log.close()

    def _keys(self, missing: list[Tombstone]) -> dict[str, list[str]]:
        """Identifiers of the state by the erasure that names their hash."""
        by_hash: dict[str, list[str]] = {}
        for stone in missing:
            for one in stone.identifiers:
                by_hash.setdefault(one, []).append(stone.id)
        found: dict[str, list[str]] = {stone.id: [] for stone in missing}
        for key in _identifiers(self._state):
            for identifier in by_hash.get(keyed_hash(self._key, key), ()):
                found[identifier].append(key)
        return found

    def _one(self, stone: Tombstone, keys: list[str]) -> int:
        """The person, who may have been several profiles when the backup was taken."""
        asked = 0
        for key in keys:
            if self._state.get(IDENTIFIER, key) is None:  # went with another one
                continue
            identifier = stone.id if not asked else f"{stone.id}.{asked}"
            args = {"identifier": key, "reason": REASON, "id": identifier, "at": stone.at, "again": True}
            self._command("erase", args, stone.by)
            asked += 1
        if not asked:
            noted = {"id": stone.id, "at": stone.at, "reason": REASON, "identifiers": stone.identifiers}
            self._command("note_erasure", noted, stone.by)
        return min(asked, 1)

    def _command(self, name: str, args: dict[str, object], by: str) -> None:
        body = msgspec.json.encode({"name": name, "args": args, "by": by})
        offset = self._log.append([NewRecord(COMMAND, by, name, self._clock(), body)])
        self._folded(offset)
        row = self._state.get(ANSWER, offset)
        if row is not None and not row[1]:
            raise Unavailable(f"an erasure of before the restore cannot be repeated: {cast(bytes, row[2]).decode()}")

    def _clock(self) -> int:
        ticked = self._state.meta(CLOCK) if self._ticked else None
        return ticked if isinstance(ticked, int) else time.time_ns() // 1_000_000

    def _folded(self, offset: int) -> None:
        while cast(int, self._state.meta(FOLDED) or 0) < offset:
            self._pause()

    def _pause(self) -> None:
        code = self._updater.exit_code()
        if self._stopping.wait(_POLL_SECONDS) or (code is not None and code >= 0):
            raise _Stopped
        if code is not None:  # killed from outside
            self._updater.tend()


def _identifiers(state: StateReader) -> Iterator[str]:
    after = ""
    while rows := state.select(IDENTIFIER, at_least={"key": after}, order=("key",), limit=_ROWS):
        yield from (cast(str, row[0]) for row in rows)
        after = cast(str, rows[-1][0]) + "\0"
