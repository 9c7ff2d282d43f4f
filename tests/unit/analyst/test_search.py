"""The search for identifiers proves itself, and leaves nothing of the proof behind."""

import contextlib
import gzip
import sqlite3
from pathlib import Path

from regulars.adapters.wiping import pages_with
from regulars.analyst.search import prove, search
from regulars.core.record import profile_number
from regulars.core.traces import patterns

KEYS = ["email:ana@example.org"]


def test_what_a_killed_proof_left_behind_is_gone_after_the_next(tmp_path: Path) -> None:
    left = tmp_path / "planted-999999999-x"
    left.mkdir()
    (left / "note.txt").write_text("ana@example.org")
    assert search([tmp_path], KEYS)
    assert min(prove(KEYS, tmp_path).values()) > 0
    assert search([tmp_path], KEYS) == []
    assert list(tmp_path.iterdir()) == []


def test_shares_together_find_what_one_search_does(tmp_path: Path) -> None:
    for number in range(40):
        (tmp_path / f"note-{number}.txt").write_text("ana@example.org" if number % 3 else "nobody")
    with contextlib.closing(sqlite3.connect(tmp_path / "state.db", isolation_level=None)) as connection:
        connection.execute("CREATE TABLE part (id INTEGER PRIMARY KEY, data BLOB)")
        connection.execute("INSERT INTO part VALUES (1, ?)", (gzip.compress(b"ana@example.org"),))
        connection.execute("INSERT INTO part VALUES (2, ?)", (b"ana@example.org",))
    whole = search([tmp_path], KEYS)
    assert {hit.place for hit in whole if hit.store == "state"} == {"raw", "table part"}
    for shares in (2, 8):
        apart = [search([tmp_path], KEYS, share=(number, shares)) for number in range(shares)]
        assert {hit for hits in apart for hit in hits} == set(whole)
        assert max(map(len, apart)) < len(whole)


def test_what_lies_across_pages_packed_escaped_or_in_capitals_is_found(tmp_path: Path) -> None:
    key = "email:ana.winter@mail.example"
    text = key.partition(":")[2].encode()
    cells = {
        "long": b"x" * 4000 + text * 20,  # in overflow pages, wherever their borders are
        "packed": gzip.compress(text),
        "capitals": text.upper(),
        "escaped": b'{"x":"\\u0061na.winter@mail.example"}',
    }
    for name, cell in cells.items():
        path = tmp_path / f"state.db-{name}"
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
            if name == "escaped":
                connection.execute("CREATE TABLE failed (body BLOB)")
                connection.execute("INSERT INTO failed VALUES (?)", (cell,))
            else:
                connection.execute("CREATE TABLE part (id INTEGER PRIMARY KEY, data BLOB)")
                connection.execute("INSERT INTO part VALUES (1, ?)", (cell,))
        assert search([path], [key]), name
        assert not search([path], ["email:bo.sommer@mail.example"])


def test_a_text_that_lies_across_two_pages_only_is_found(tmp_path: Path) -> None:
    path, text = tmp_path / "state.db", b"ana.winter@mail.example"
    for before in range(4030, 4075):  # of which some put a border into the text
        path.unlink(missing_ok=True)
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("CREATE TABLE part (id INTEGER PRIMARY KEY, data BLOB)")
            connection.execute("INSERT INTO part VALUES (1, ?)", (b"x" * before + text + b"y" * 3000,))
        assert search([path], ["email:ana.winter@mail.example"]), before


def test_a_share_looks_at_the_pages_that_it_is_told_of_and_decodes_all(tmp_path: Path) -> None:
    path, key = tmp_path / "state.db", KEYS[0]
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("CREATE TABLE part (id INTEGER PRIMARY KEY, data BLOB)")
        connection.executemany("INSERT INTO part VALUES (?, ?)", [(n, bytes(3000)) for n in range(1, 60)])
        connection.execute("UPDATE part SET data = ? WHERE id IN (7, 50)", (b"x" * 3000 + b"ana@example.org",))
        connection.execute("CREATE TABLE due (day INTEGER, profile INTEGER, PRIMARY KEY (day, profile)) WITHOUT ROWID")
        connection.execute("INSERT INTO due VALUES (1, ?)", (profile_number(key),))
    found = pages_with(path, patterns(KEYS))
    shared = [page for number in range(3) for page in pages_with(path, patterns(KEYS), (number, 3))]
    assert sorted(set(shared)) == found
    assert len(found) == 3
    places = [{hit.place for hit in search([tmp_path], KEYS, pages=pages)} for pages in ([], found[:1], None)]
    assert places == [{"table due"}, {"raw", "table due"}, {"raw", "table due"}]
