"""The state in SQLite: readers beside the writer, data folders of other versions."""

import sqlite3
import threading
from pathlib import Path

import msgspec
import pytest

from regulars.adapters.sqlite import Checkpointer
from regulars.adapters.state import sqlite
from regulars.adapters.state.migrations import VERSION
from regulars.adapters.state.sqlite import SqliteState, SqliteStateReader
from regulars.catalog import to_row
from regulars.core.catalog import CatalogItem, Variant
from regulars.core.definitions import Definitions
from regulars.core.errors import Misconfigured, Rejected, Unavailable
from regulars.core.mend import cause_of
from regulars.core.record import unpack_profiles
from regulars.core.state import (
    ANSWER,
    CHANGED,
    DEFINITIONS,
    FAILED,
    FOLDED,
    LINK,
    META,
    PART,
    PRODUCT,
    SCHEMA,
    SKU,
    Changes,
)
from regulars.flow.generation import A
from regulars.flow.members import Moves, members
from regulars.profile.links import Link


def parts(rows: dict[int, bytes]) -> Changes:
    changes = Changes()
    for row in rows.items():
        changes.put(PART, row)
    return changes


def test_readers_in_many_threads_see_one_commit_or_the_next(tmp_path: Path) -> None:
    state = SqliteState(tmp_path / "state.db")
    ids = list(range(2000))
    state.commit(parts(dict.fromkeys(ids, b"0")))
    reader = SqliteStateReader(tmp_path / "state.db")
    mixed: list[set[bytes]] = []
    done = threading.Event()

    def look() -> None:
        while not done.is_set():
            values = set(reader.parts(ids).values())
            if len(values) != 1:
                mixed.append(values)

    threads = [threading.Thread(target=look) for _ in range(3)]
    for thread in threads:
        thread.start()
    for turn in range(30):
        state.commit(parts(dict.fromkeys(ids, b"%d" % turn)))
    done.set()
    for thread in threads:
        thread.join()
    assert mixed == []
    reader.close()
    state.close()


def test_the_write_ahead_log_is_bounded_while_readers_read(tmp_path: Path) -> None:
    state = SqliteState(tmp_path / "state.db")
    reader = SqliteStateReader(tmp_path / "state.db")
    for turn in range(60):
        state.commit(parts({n * 7: bytes([turn]) * 3000 for n in range(500)}), meta={FOLDED: turn})
        reader.parts([7, 14])
    assert reader.meta(FOLDED) == 59
    assert state.size()["wal"] < 150_000_000
    state.checkpoint()
    assert state.size()["wal"] == 0
    reader.close()
    state.close()


def test_a_backup_onto_a_file_that_is_there_is_refused(tmp_path: Path) -> None:
    state = SqliteState(tmp_path / "state.db")
    state.backup(str(tmp_path / "copy.db"))
    with pytest.raises(Rejected, match=r"copy\.db exists already; name a new file"):
        state.backup(str(tmp_path / "copy.db"))
    state.close()


def test_a_state_of_version_0_is_migrated(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    make_version_0(path)
    state = SqliteState(path)
    assert state.meta(SCHEMA) == VERSION
    assert state.meta(FOLDED) == 17
    assert state.get(PART, 16) == (16, b"hot")
    assert state.select(LINK) == [("user_id:ana", "anonymous_id:x", 5, "m1", "identify", 0, "", 1.0, "", "")]
    assert state.count(ANSWER) == {None: 0}
    state.close()
    state = SqliteState(path)  # a second time changes nothing
    assert state.meta(FOLDED) == 17
    state.close()


def test_what_version_1_had_changed_is_still_known(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    SqliteState(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("DROP TABLE changed")
        connection.execute("CREATE TABLE changed (profile INTEGER PRIMARY KEY, offset INTEGER)")
        connection.executemany("INSERT INTO changed VALUES (?, ?)", [(7, 20), (3, 20), (5, 0)])
        connection.execute("CREATE INDEX membership_by_profile ON membership (profile)")
        connection.execute("UPDATE meta SET value = ? WHERE key = ?", (msgspec.msgpack.encode(1), SCHEMA))
    connection.close()
    state = SqliteState(path)
    rows = [(row[0], row[1], unpack_profiles(bytes(row[2] or b""))) for row in state.select(CHANGED)]  # type: ignore[arg-type]
    assert rows == [(0, 5, [5]), (20, 3, [3, 7])]
    state.close()


def test_a_state_of_version_4_keeps_its_memberships(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    SqliteState(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("DROP TABLE moved")
        connection.execute("DROP TABLE moved_b")
        connection.execute("INSERT INTO membership VALUES ('regulars', 7, 5)")
        connection.execute("UPDATE meta SET value = ? WHERE key = ?", (msgspec.msgpack.encode(4), SCHEMA))
    connection.close()
    state = SqliteState(path)
    assert members(state, A, "regulars") == [(7, 5)]
    changes = Changes()
    moves = Moves(state, changes, A)
    moves.leave("regulars", 7)
    moves.store()
    state.commit(changes)
    assert members(state, A, "regulars") == []
    state.close()


def test_a_link_of_version_7_has_no_source(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    SqliteState(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("ALTER TABLE link DROP COLUMN source")
        connection.execute("INSERT INTO link VALUES ('user_id:ana', 'anonymous_id:x', 5, 'm1', 'e', 0, '', 1.0, '')")
        connection.execute("UPDATE meta SET value = ? WHERE key = ?", (msgspec.msgpack.encode(7), SCHEMA))
    connection.close()
    state = SqliteState(path)
    assert Link(*state.select(LINK)[0]).source == ""  # type: ignore[arg-type]  # the columns are the fields
    state.close()


def test_products_of_version_12_are_found_by_their_sku(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    state = SqliteState(path)
    changes = Changes()
    for name in ("tee", "shirt"):
        changes.put(PRODUCT, to_row(CatalogItem(id=name, variants=(Variant(sku="S"), Variant(sku=f"{name}-M"))), 1))
    state.commit(changes)
    state.close()
    with sqlite3.connect(path) as connection:
        connection.execute("DROP TABLE sku")
        connection.execute("DROP TABLE stock_told")
        connection.execute("UPDATE meta SET value = ? WHERE key = ?", (msgspec.msgpack.encode(12), SCHEMA))
    connection.close()
    state = SqliteState(path)
    (known,) = state.many(SKU, ["sku:S"]).values()
    assert msgspec.msgpack.decode(known[1]) == [["shirt", "S"], ["tee", "S"]]  # type: ignore[arg-type]
    assert sorted(str(row[0]) for row in state.select(SKU)) == ["sku:S", "sku:shirt-M", "sku:tee-M"]
    state.close()


def test_a_migration_that_fails_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "state.db"
    make_version_0(path)
    before = dump(path)

    def break_off(connection: sqlite3.Connection) -> None:
        connection.execute("DROP TABLE part")
        raise ZeroDivisionError

    monkeypatch.setattr("regulars.adapters.state.migrations.STEPS", (break_off,))
    with pytest.raises(ZeroDivisionError):
        SqliteState(path)
    assert dump(path) == before


def test_a_state_of_a_newer_version_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    SqliteState(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE meta SET value = ? WHERE key = ?", (msgspec.msgpack.encode(VERSION + 1), SCHEMA))
    connection.close()
    before = dump(path)
    message = rf"newer Regulars: its schema is version {VERSION + 1}, this program knows {VERSION}.*Install the newer"
    with pytest.raises(Misconfigured, match=message):
        SqliteState(path)
    with pytest.raises(Misconfigured, match=message):
        SqliteStateReader(path)
    assert dump(path) == before


def test_a_reader_does_not_migrate(tmp_path: Path) -> None:
    make_version_0(tmp_path / "state.db")
    with pytest.raises(Unavailable, match=r"schema version 0, .* start `regulars serve`, which migrates it"):
        SqliteStateReader(tmp_path / "state.db")
    with pytest.raises(Unavailable, match="does not exist yet"):
        SqliteStateReader(tmp_path / "other.db")


def test_a_table_that_differs_from_its_declaration_is_named(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    SqliteState(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("ALTER TABLE product ADD COLUMN colour TEXT")
    connection.close()
    with pytest.raises(Misconfigured, match="table product has the columns id, updated, category, data, colour"):
        SqliteState(path)


def make_version_0(path: Path) -> None:
    """Tables as they were before links had a status and before there was a version."""
    with sqlite3.connect(path) as connection:
        connection.executescript(
            """
            CREATE TABLE meta (key TEXT NOT NULL, value BLOB, PRIMARY KEY (key)) WITHOUT ROWID;
            CREATE TABLE part (id INTEGER PRIMARY KEY, data BLOB);
            CREATE TABLE link (a TEXT NOT NULL, b TEXT NOT NULL, time INTEGER NOT NULL, message_id TEXT NOT NULL,
                rule TEXT, until INTEGER, PRIMARY KEY (a, b, time, message_id)) WITHOUT ROWID;
            INSERT INTO part VALUES (16, x'686f74');
            INSERT INTO link VALUES ('user_id:ana', 'anonymous_id:x', 5, 'm1', 'identify', NULL);
            """
        )
        connection.execute("INSERT INTO meta VALUES (?, ?)", (FOLDED, msgspec.msgpack.encode(17)))
    connection.close()
    assert META.names() == ("key", "value")


def dump(path: Path) -> list[str]:
    connection = sqlite3.connect(path)
    try:
        return list(connection.iterdump())
    finally:
        connection.close()


def test_the_lists_of_identifier_types_of_version_5_are_types(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    SqliteState(path).close()
    lists = {"person": ["card"], "device": ["cookie"], "unique": ["card"], "max_component": 9, "blocked": ["x"]}
    old = {"shop": {"name": "Corner"}, "identity": lists}
    with sqlite3.connect(path) as connection:
        connection.execute("INSERT INTO meta VALUES (?, ?)", (DEFINITIONS, msgspec.msgpack.encode(old)))
        connection.execute("UPDATE meta SET value = ? WHERE key = ?", (msgspec.msgpack.encode(5), SCHEMA))
    connection.close()
    state = SqliteState(path)
    identity = msgspec.convert(state.meta(DEFINITIONS), Definitions).identity
    assert (identity.person, identity.device, identity.limits) == (("card",), ("cookie",), {"card": 1})
    assert (identity.max_component, identity.blocked) == (9, ("x",))
    state.close()


def test_failed_events_of_version_8_are_found_by_their_cause(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    SqliteState(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("DROP INDEX failed_by_cause")
        for column in ("cause", "route", "call", "signs"):
            connection.execute(f"ALTER TABLE failed DROP COLUMN {column}")
        row = (7, 0, "web", 5, "m1", "Order", "wrong_type", "properties.products.2.price", "number", "'x'", b"{}")
        connection.execute("INSERT INTO failed VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
        connection.execute("UPDATE meta SET value = ? WHERE key = ?", (msgspec.msgpack.encode(8), SCHEMA))
    connection.close()
    state = SqliteState(path)
    cause = cause_of("web", "Order", "properties.products.0.price", "wrong_type", "number")
    assert [found[:2] for found in state.select(FAILED, {"cause": cause})] == [(7, 0)]
    state.close()


def test_failed_events_of_version_15_had_no_signs(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    SqliteState(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("ALTER TABLE failed DROP COLUMN signs")
        row = (7, 0, "web", 5, "m1", "Order", "wrong_type", "f", "number", "'x'", b"{}", "c", "", b"")
        connection.execute("INSERT INTO failed VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
        connection.execute("UPDATE meta SET value = ? WHERE key = ?", (msgspec.msgpack.encode(15), SCHEMA))
    connection.close()
    state = SqliteState(path)
    assert state.select(FAILED) == [(*row, "")]
    state.close()


def test_reads_go_on_while_a_checkpoint_ends(tmp_path: Path) -> None:
    ending, ended = threading.Event(), threading.Event()

    class Slow(Checkpointer):
        def _pragma(self, mode: str) -> tuple[int, int, int]:
            if mode == "TRUNCATE" and not ended.is_set():
                ending.set()
                assert ended.wait(30), "the read waited for the checkpoint, and the checkpoint for the read"
            return super()._pragma(mode)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sqlite, "Checkpointer", Slow)
        state = SqliteState(tmp_path / "state.db")
    thread = threading.Thread(target=state.checkpoint)
    thread.start()
    assert ending.wait(30)
    assert state.meta("unset") is None
    ended.set()
    thread.join()
    state.close()
