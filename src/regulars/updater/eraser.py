"""Carries erasures through: phase after phase, each of which may be repeated after a crash."""

import contextlib
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, TypeVar, cast

import msgspec
import structlog

from regulars.analyst import bookkeeping
from regulars.analyst.client import AnalystClient
from regulars.core import state as tables
from regulars.core.erasure import DONE, PHASES, Checked, Erasure, Stretch, Tombstone, keyed_hash, ledger_key
from regulars.core.state import Changes, Key, StateReader
from regulars.flow.privacy_commands import clean_facts, drops, erasures, forget_moves
from regulars.runtime import erasures as ledger
from regulars.runtime.folder import DataFolder
from regulars.runtime.sealed import Sealed
from regulars.updater import sharing

T = TypeVar("T")

_LOG = structlog.get_logger("regulars.eraser")
_STRETCHES = msgspec.msgpack.Decoder(list[Stretch])
_BY_NAME = {table.name: table for table in tables.TABLES}
#: What the child runs.
_CHILD = "regulars.analyst.erasing"
#: The store of the profile table, as the search names it.
_TABLE = "profile table"
#: Places that a certificate lists.
_MOST_LEFT = 100
#: Ask for changes on the thread that may write, and commit them.
Commit = Callable[[Callable[[], Changes]], None]


class Eraser:
    """Works on a data folder. `seal` brings the lake up to a log offset, `unlearn` takes visits out of models."""

    def __init__(
        self,
        data: Path,
        state: StateReader,
        analyst: AnalystClient,
        *,
        commit: Commit,
        seal: Callable[[int], None],
        unlearn: Callable[[], int],
        today: Callable[[], int],
    ) -> None:
        self._folder = DataFolder(data)
        self._state = state
        self._analyst = analyst
        self._pair = sharing.Pair(state, analyst)
        self._commit = commit
        self._seal = seal
        self._unlearn = unlearn
        self._today = today
        self._looked = False
        self._files: dict[str, dict[str, list[int] | None]] = {}  # by erasure: what of the lake was written for it
        self._sealed = Sealed(self._folder)

    def work(self) -> int:
        """Carry out what waits; how many erasures. Cheap while nothing does."""
        if self._looked and not self._state.select(tables.ERASING, limit=1):
            return 0
        self._looked = False  # a failure between `clear` and the end must not let it rest
        waiting = erasures(self._state)
        self._sealed.forget([erasure.id for erasure in waiting])
        with contextlib.closing(self._pair):
            for erasure in waiting:
                began = time.monotonic()
                while erasure.phase != DONE:
                    self._step(erasure)
                _LOG.info("a person was erased", erasure=erasure.id, seconds=round(time.monotonic() - began, 2))
        self._looked = True
        return len(waiting)

    def _step(self, erasure: Erasure) -> None:
        """One phase, and the commit that says that it is through."""
        person = self._person(erasure)
        changes = self._phase(erasure, person)
        swapped = erasure.phase in ("lake", "profiles")
        erasure.phase = PHASES[PHASES.index(erasure.phase) + 1]
        changes.put(tables.ERASURE, (erasure.id, erasure.offset, erasure.phase, msgspec.msgpack.encode(erasure)))
        self._commit(lambda: changes)
        if swapped:
            self._analyst.sweep()
        if erasure.phase == DONE:
            self._sealed.forget([one.id for one in erasures(self._state)])
            self._files.pop(erasure.id, None)

    def _phase(self, erasure: Erasure, person: dict[str, Any]) -> Changes:
        """What the phase does beside folding, and the rows that it changes."""
        match erasure.phase:
            case "ledger":
                self._note(erasure, person)
            case "seal":
                self._seal(erasure.offset)
            case "lake":
                return self._lake(erasure)
            case "profiles":
                return self._profiles()
            case "rows":
                return self._rows(erasure, person)
            case "log":
                erasure.removed |= self._analyst.run(f"{_CHILD}:blank_log", {"person": person}, dict[str, int])
            case "clear":
                # Repeated after the rows are gone, the phase must not write a note that names nobody.
                if person["keys"]:
                    self._sealed.keep(erasure.id, person["keys"])
                return self._forgotten(erasure)
            case "verify":
                self._verify(erasure)
                erasure.finished_at = time.time_ns() // 1_000_000
        return Changes()

    def _swap(self, changes: Changes) -> None:
        """Let other files be listed, and remove those that are not."""
        self._commit(lambda: changes)
        self._analyst.sweep()

    def _forgotten(self, erasure: Erasure) -> Changes:
        changes = Changes()
        for row in self._state.select(tables.ERASING, {"erasure": erasure.id}):
            changes.delete(tables.ERASING, cast(str, row[0]))
        return changes

    def _person(self, erasure: Erasure) -> dict[str, Any]:
        """Who it is, as far as the state still knows."""
        rows = self._state.select(tables.ERASING, {"erasure": erasure.id})
        stretches = {str(row[0]): _STRETCHES.decode(cast(bytes, row[3])) for row in rows}
        return {
            "keys": sorted(key for key, some in stretches.items() if not some),
            "shared": {key: msgspec.to_builtins(some) for key, some in stretches.items() if some},
            "offset": erasure.offset,
        }

    def _note(self, erasure: Erasure, person: dict[str, Any]) -> None:
        key = ledger_key(self._folder.secret())
        erasure.identifiers = [keyed_hash(key, one) for one in person["keys"]]
        stone = Tombstone(erasure.id, erasure.requested_at, erasure.identifiers, erasure.by)
        ledger.note(ledger.ledger_of(self._folder.root), [stone])

    def _lake(self, erasure: Erasure) -> Changes:
        done = self._pair.drop(drops(self._state, erasure))
        erasure.removed |= {
            "lake_rows": done.removed,
            "lake_rows_of_others_changed": done.changed,
            "lake_files": len(done.replaced),
        }
        erasure.lake_read, erasure.lake_by_words = done.searched, done.passed
        self._files[erasure.id] = dict(done.written)
        return bookkeeping.dropped(done)

    def _profiles(self, leave: Literal["changed", "nothing"] = "changed") -> Changes:
        """The profile table without the row and the number of who is gone."""
        if not self._state.select(tables.MANIFEST, {"kind": "profile"}, limit=1):
            return Changes()
        done = self._analyst.update_profiles(as_of=self._today(), leave=leave)
        return bookkeeping.profiles(done, self._state)

    def _rows(self, erasure: Erasure, person: dict[str, Any]) -> Changes:
        gone = self._unlearn()
        if gone:  # repeated after a crash it finds none, and what it found first stands
            erasure.removed["visits_in_models"] = erasure.removed.get("visits_in_models", 0) + gone
        self._analyst.run(f"{_CHILD}:empty_log", {}, type(None))
        numbers = sorted(self._in_shares("naming", {"keys": person["keys"]}, int))
        if numbers:
            self._commit(lambda: clean_facts(self._state, numbers, person["keys"]))
            erasure.removed["facts_of_others"] = len(numbers)
        self._commit(lambda: forget_moves(self._state, person["keys"]))
        changes = Changes()
        found = self._analyst.run(f"{_CHILD}:mentions", {"person": person}, list[tuple[str, list[Any]]])
        for name, key in found:
            whole: Key = key[0] if len(key) == 1 else tuple(key)
            changes.delete(_BY_NAME[name], whole)
            erasure.removed[name] = erasure.removed.get(name, 0) + 1
        return changes

    def _verify(self, erasure: Erasure) -> None:
        """Overwrite what deleted rows left in files, then search."""
        keys = self._sealed.keys(erasure.id)
        if keys is None:
            _LOG.warning("who was erased is not known any more; regulars erase --verify searches", erasure=erasure.id)
            erasure.left = []
            return
        known = self._state.many(tables.IDENTIFIER, keys)
        erasure.came_back = bool(known)
        for _ in range(2):  # a page that was being written may need a second look
            planted = self._analyst.run(f"{_CHILD}:prove", {"keys": keys}, dict[str, int])
            # Every page is looked at once the rows are gone; those with leavings of them again when these are wiped.
            # No other can get some afterwards: SQLite copies rows from page to page, and what is left is no row.
            self._analyst.run(f"{_CHILD}:empty_log", {}, type(None))
            pages = sorted(set(self._in_shares("pages", {"keys": keys}, int)))
            self._analyst.run(f"{_CHILD}:wipe", {"keys": keys, "pages": pages}, dict[str, int])
            wanted = {"keys": keys, "files": self._files.get(erasure.id), "pages": pages}
            left = self._in_shares("check", wanted, tuple[str, str])
            found = Counter(store for store, _ in left)
            stores = sorted({*planted, *found})
            erasure.checked = [Checked(store, planted.get(store, 0), found[store]) for store in stores]
            erasure.left = [] if erasure.came_back else [place for _, place in left][:_MOST_LEFT]
            if not erasure.left:
                return
            if found[_TABLE]:  # older rows of others, whose facts named the person until their records were cleaned
                self._swap(self._profiles("nothing"))

    def _in_shares(self, work: str, arguments: dict[str, Any], each: type[T]) -> list[T]:
        """What the child's work finds in all shares."""
        kind = list[each]  # type: ignore[valid-type]
        found = self._pair.shared(lambda one, share: one.run(f"{_CHILD}:{work}", {**arguments, "share": share}, kind))
        return [one for some in found for one in some]
