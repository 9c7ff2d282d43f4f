"""From the tables of an older version to those of this one, in numbered steps.

A step takes a state of version n to n + 1; opening a data folder runs those that are missing, in one transaction with
the new number. A change to a declared table needs a step here and a test that opens the older form.
"""

import sqlite3
from collections.abc import Callable

import msgspec

from regulars.core.catalog import CatalogItem, codes_of
from regulars.core.errors import Misconfigured
from regulars.core.identity_types import identity_of_lists
from regulars.core.mend import cause_of
from regulars.core.state import DEFINITIONS


def _add_status_to_links(connection: sqlite3.Connection) -> None:
    """0 -> 1: a link says whether it joins ("") or why it was refused."""
    columns = {row[1] for row in connection.execute("PRAGMA table_info(link)")}
    if columns and "status" not in columns:
        connection.execute("ALTER TABLE link ADD COLUMN status TEXT")
        connection.execute("UPDATE link SET status = ''")


def _changed_by_batch(connection: sqlite3.Connection) -> None:
    """1 -> 2: the profiles that changed are listed by batch; memberships are found by segment alone."""
    columns = {row[1] for row in connection.execute("PRAGMA table_info(changed)")}
    if columns and "profiles" not in columns:
        by_offset: dict[int, list[int]] = {}
        for profile, offset in connection.execute("SELECT profile, offset FROM changed"):
            by_offset.setdefault(offset, []).append(profile)
        connection.execute("DROP TABLE changed")
        connection.execute(
            "CREATE TABLE changed (offset INTEGER NOT NULL, first INTEGER NOT NULL, profiles BLOB, "
            "PRIMARY KEY (offset, first)) WITHOUT ROWID"
        )
        rows = [(offset, min(found), msgspec.msgpack.encode(sorted(found))) for offset, found in by_offset.items()]
        connection.executemany("INSERT INTO changed VALUES (?, ?, ?)", rows)
    for table in ("membership", "membership_b"):
        connection.execute(f"DROP INDEX IF EXISTS {table}_by_profile")


def _how_sure_a_link_is(connection: sqlite3.Connection) -> None:
    """2 -> 3: a link says how sure it is, and who said it and why."""
    columns = {row[1] for row in connection.execute("PRAGMA table_info(link)")}
    if columns and "score" not in columns:
        connection.execute("ALTER TABLE link ADD COLUMN score REAL")
        connection.execute("ALTER TABLE link ADD COLUMN note TEXT")
        connection.execute("UPDATE link SET score = 1.0, note = '', until = coalesce(until, 0)")


def _erasures(_connection: sqlite3.Connection) -> None:
    """3 -> 4: tables for erasures, and for rows to take out of the lake; they are made where they are missing."""


def _noted_moves(_connection: sqlite3.Connection) -> None:
    """4 -> 5: moves that wait beside the memberships (`moved`, made empty): an older program would not see them."""


def _identifier_types(connection: sqlite3.Connection) -> None:
    """5 -> 6: types of identifiers instead of three lists of names; a table for households."""
    row = connection.execute("SELECT value FROM meta WHERE key = ?", (DEFINITIONS,)).fetchone()
    stored = msgspec.msgpack.decode(row[0]) if row else {}
    lists = stored.get("identity", {}) if isinstance(stored, dict) else {}
    if "person" in lists:
        named = [tuple(lists.get(name, ())) for name in ("person", "device", "unique")]
        rest = {name: lists[name] for name in ("max_component", "blocked") if name in lists}
        stored["identity"] = {**msgspec.to_builtins(identity_of_lists(*named)), **rest}
        connection.execute("UPDATE meta SET value = ? WHERE key = ?", (msgspec.msgpack.encode(stored), DEFINITIONS))


def _proposals(_connection: sqlite3.Connection) -> None:
    """6 -> 7: a table for pairs that may be one person (`proposal`, made empty)."""


def _source_of_a_link(connection: sqlite3.Connection) -> None:
    """7 -> 8: a link says which source named the two, so that a source may be declared shared afterwards."""
    columns = {row[1] for row in connection.execute("PRAGMA table_info(link)")}
    if columns and "source" not in columns:
        connection.execute("ALTER TABLE link ADD COLUMN source TEXT NOT NULL DEFAULT ''")


def _causes_of_failures(connection: sqlite3.Connection) -> None:
    """8 -> 9: failed events are found by their cause and message id, and say how their bytes are read."""
    columns = {row[1] for row in connection.execute("PRAGMA table_info(failed)")}
    if not columns or "cause" in columns:
        return
    for name, kind, default in (("cause", "TEXT", "''"), ("route", "TEXT", "''"), ("call", "BLOB", "x''")):
        connection.execute(f"ALTER TABLE failed ADD COLUMN {name} {kind} NOT NULL DEFAULT {default}")
    rows = connection.execute("SELECT offset, idx, source, name, field, reason, expected FROM failed").fetchall()
    causes = [(cause_of(*map(str, row[2:])), row[0], row[1]) for row in rows]
    connection.executemany("UPDATE failed SET cause = ? WHERE offset = ? AND idx = ?", causes)


def _clocks(_connection: sqlite3.Connection) -> None:
    """9 -> 10: tables for the clocks of devices (`device_clock`, `timed`, made empty); an older program heeds none."""


def _shop_facts(_connection: sqlite3.Connection) -> None:
    """10 -> 11: a table for facts of the shop (`shop_fact`, made empty); an older program heeds none."""


def _visits(_connection: sqlite3.Connection) -> None:
    """11 -> 12: tables for visits that models learn from (`visited`, `unlearned`, made empty)."""


def _codes_of_products(connection: sqlite3.Connection) -> None:
    """12 -> 13: products and variants are found by their SKU (`sku`), for levels of stock that name nothing else."""
    known = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if "product" not in known or "sku" in known:
        return
    places: dict[str, list[tuple[str, str]]] = {}
    for identifier, data in connection.execute("SELECT id, data FROM product ORDER BY id"):
        for code, sku in codes_of(msgspec.msgpack.decode(data, type=CatalogItem)).items():
            places.setdefault(code, []).append((identifier, sku))
    connection.execute("CREATE TABLE sku (code TEXT NOT NULL, places BLOB, PRIMARY KEY (code)) WITHOUT ROWID")
    rows = [(code, msgspec.msgpack.encode(found)) for code, found in sorted(places.items())]
    connection.executemany("INSERT INTO sku VALUES (?, ?)", rows)


def _requests(_connection: sqlite3.Connection) -> None:
    """13 -> 14: a table for requests that staff answer (`request`, made empty); an older program heeds none."""


def _shop_apps(_connection: sqlite3.Connection) -> None:
    """14 -> 15: a table for shops that register by themselves (`shop_app`, made empty); an older program knows none."""


def _signs_of_failures(connection: sqlite3.Connection) -> None:
    """15 -> 16: failed events keep what the door saw of their senders, so that a mended one is judged by it."""
    columns = {row[1] for row in connection.execute("PRAGMA table_info(failed)")}
    if columns and "signs" not in columns:
        connection.execute("ALTER TABLE failed ADD COLUMN signs TEXT NOT NULL DEFAULT ''")


STEPS: tuple[Callable[[sqlite3.Connection], None], ...] = (
    _add_status_to_links,
    _changed_by_batch,
    _how_sure_a_link_is,
    _erasures,
    _noted_moves,
    _identifier_types,
    _proposals,
    _source_of_a_link,
    _causes_of_failures,
    _clocks,
    _shop_facts,
    _visits,
    _codes_of_products,
    _requests,
    _shop_apps,
    _signs_of_failures,
)
VERSION = len(STEPS)


def migrate(connection: sqlite3.Connection, found: int, *, place: str) -> None:
    """Run the missing steps; the caller holds the transaction and stores the new version."""
    if found > VERSION:
        raise Misconfigured(
            f"{place} was written by a newer Regulars: its schema is version {found}, this program knows {VERSION}. "
            "Install the newer version again, or restore a backup made with this one; nothing was changed"
        )
    for step in STEPS[found:]:
        step(connection)
