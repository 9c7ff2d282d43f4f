"""What deleted rows leave in a file is overwritten; what is stored stays as it is."""

import hashlib
import random
import re
import sqlite3
import threading
from pathlib import Path

from regulars.adapters.finding import Finder
from regulars.adapters.state.sqlite import SqliteState
from regulars.adapters.wiping import pages_with, wipe_gaps
from regulars.core.record import part_id, profile_number
from regulars.core.state import PART, Changes
from regulars.core.traces import patterns


def test_copies_that_deleted_rows_left_in_pages_are_overwritten(tmp_path: Path) -> None:
    """Pages that are filled, grown and divided keep copies in their unused middle: the test makes some first."""
    chance = random.Random(1)
    path = tmp_path / "state.db"
    state = SqliteState(path)
    keys = [hashlib.sha256(b"%d" % n).hexdigest() for n in range(9_000)]
    for start in range(0, len(keys), 300):
        changes = Changes()
        for key in keys[start : start + 300]:
            changes.put(PART, (part_id(profile_number(key), 0), key.encode() + bytes(chance.randint(300, 1900))))
        state.commit(changes)
    gone = keys[::3]
    changes = Changes()
    for key in gone:
        changes.delete(PART, part_id(profile_number(key), 0))
    state.commit(changes)
    state.checkpoint()
    left = sorted({key.encode() for key in gone}.intersection(re.findall(rb"[0-9a-f]{64}", path.read_bytes())))
    assert left, "no page kept a copy, so nothing is tested"

    stopping = threading.Event()

    def write() -> None:
        number = 0
        while not stopping.is_set():
            number += 1
            one = Changes()
            one.put(PART, (number, b"traffic" * 100))
            state.commit(one)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert wipe_gaps(path, pages_with(path, left)) > 0
    finally:
        stopping.set()
        writer.join()
    state.checkpoint()
    raw = path.read_bytes()
    assert {key.encode() for key in gone}.isdisjoint(re.findall(rb"[0-9a-f]{64}", raw))
    kept = {part_id(profile_number(key), 0): key.encode() for key in keys if key not in set(gone)}
    assert all(data.startswith(kept[number]) for number, data in state.parts(list(kept)).items())
    assert len(state.parts(list(kept))) == len(kept)
    state.close()
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()


def test_the_write_ahead_log_is_empty_afterwards(tmp_path: Path) -> None:
    state = SqliteState(tmp_path / "state.db")
    changes = Changes()
    changes.put(PART, (1, b"somebody"))
    state.commit(changes)
    assert wipe_gaps(tmp_path / "state.db", []) == 0
    assert (tmp_path / "state.db-wal").stat().st_size == 0
    state.close()


def test_pages_that_lead_to_rows_forget_the_numbers_of_those_that_went(tmp_path: Path) -> None:
    """The largest row of a page parts it from the next by its number, which outlives the row."""
    path = tmp_path / "state.db"
    state = SqliteState(path)
    people = [f"user_id:customer-{n}" for n in range(800)]
    changes = Changes()
    for key in people:
        for part in (0, 1):
            changes.put(PART, (part_id(profile_number(key), part), bytes(700)))
    state.commit(changes)
    gone, back = people[::2], set(people[::20])
    changes = Changes()
    for key in gone:
        for part in (0, 1):
            changes.delete(PART, part_id(profile_number(key), part))
    state.commit(changes)
    again = Changes()
    for key in sorted(back):  # these came back: their numbers stay
        again.put(PART, (part_id(profile_number(key), 0), b"anew"))
    state.commit(again)
    state.checkpoint()

    forms = [form for key in gone if key not in back for form in patterns([key])]

    def told() -> set[bytes]:
        return {one.pattern for one in Finder(forms).find(path.read_bytes())}

    assert len(told()) > 20, "no page kept a number, so nothing is tested"
    ranges = [range(number >> 4 << 8, (number >> 4) + 1 << 8) for number in map(profile_number, gone)]
    assert wipe_gaps(path, pages_with(path, forms), ranges) > 0
    assert told() == set()
    kept = [part_id(profile_number(key), 0) for key in people if key not in gone or key in back]
    assert len(state.parts(kept)) == len(kept)
    everybody = Changes()
    for key in gone:  # and a row finds its place again
        everybody.put(PART, (part_id(profile_number(key), 0), b"anew"))
    state.commit(everybody)
    state.checkpoint()
    assert len(state.parts([part_id(profile_number(key), 0) for key in people])) == len(people)
    state.close()
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
