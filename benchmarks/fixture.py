"""A shop with 1,000,000 customers, built once and shared by the benchmarks of folding, deciding and counting.

`python benchmarks/fixture.py` builds it where `$REGULARS_BENCH` says (else `~/.cache/regulars-bench`), in a folder
named after the definitions, and prints its sizes; benchmarks build it when it is missing. What it is:

- the shop of `fixture_shop.py`: 60 events, 30 traits, 100 segments, 300 offers with conditions, 4 placements;
- 600,000 visitors known by a device, 400,000 customers with an account and a device that they logged in on: identifiers
  and links are made by the code that places events;
- records folded by the product's own fold: 2,400 different histories of up to a year, each told of some hundred
  profiles under their own identifiers, with consent (70 % analytics, 55 % personalisation, 30 % e-mail), memberships,
  due days, consent statements, and an order fact for every order (its lines are those of the history);
- a catalogue of 100,000 products, and the profile table in the lake.

Of every table 7 in 10 rows are written in the order of the key, then the others between them: pages are filled by about
70 %, like those of a database that grew. The shop's clock stands at `NOW`. What is *not* like a shop that grew: the
de-duplication index is empty, and no events are sealed. A run works on a copy (`Fixture.copied`).
"""

import argparse
import hashlib
import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # a script finds its neighbours, wherever it is started

from benchmarks import fixture_shop
from regulars.adapters.log.appending import FileLog
from regulars.adapters.log.memory import MemoryLog
from regulars.adapters.state import sql
from regulars.adapters.state.migrations import VERSION as SCHEMA_VERSION
from regulars.adapters.state.sqlite import SqliteState
from regulars.analyst import bookkeeping
from regulars.analyst.client import AnalystClient
from regulars.catalog.rows import to_row
from regulars.core import state as tables
from regulars.core.catalog import CatalogItem
from regulars.core.definitions import Definitions
from regulars.core.event import Event
from regulars.core.record import PERSON, Person, part_id, profile_number
from regulars.core.state import CLOCK, FOLDED, Changes
from regulars.flow.engine import Engine
from regulars.flow.people import place
from regulars.flow.updater import Updater
from regulars.profile import orders
from regulars.runtime.folder import open_folder
from regulars.shop import load

VISITORS, CUSTOMERS = 600_000, 400_000
PROFILES = VISITORS + CUSTOMERS
HISTORIES = 1_200  # of visitors, and as many of customers
DAY_MS = 86_400_000
NOW = 1_793_620_800_000  # 2026-11-02, noon in Berlin
_VERSION = "2"  # of what is built from the same definitions and the same schema of the state
_PURPOSES = (("analytics", 0.70), ("personalisation", 0.55), ("marketing_email", 0.30))


class Fixture(msgspec.Struct, frozen=True):
    """Where it lies, and what it says."""

    root: Path
    shop: Path
    data: Path
    definitions: Definitions
    sizes: dict[str, float]

    @contextmanager
    def copied(self) -> Iterator[Path]:
        """A copy of the data folder to run on, removed afterwards.

        It is on the disk before anything is measured: else the system would write gigabytes of it beside the load,
        which is no work of a shop.
        """
        target = self.root / f"run-{os.getpid()}"
        command = ["cp", "-r", "--reflink=auto", str(self.data), str(target)]
        subprocess.run(command, check=True)
        os.sync()
        try:
            yield target
        finally:
            shutil.rmtree(target, ignore_errors=True)


def device(number: int) -> str:
    """The anonymous id of a visitor's or customer's browser."""
    digest = hashlib.blake2b(f"device {number}".encode(), digest_size=16).hexdigest()
    return f"{digest[:8]}-{digest[8:12]}-{digest[12:16]}-{digest[16:20]}-{digest[20:]}"


def user(number: int) -> str | None:
    """The user id of a profile; None for visitors. Profiles 0 to 599,999 are visitors, the rest customers."""
    return None if number < VISITORS else f"c{number}"


def product(number: int) -> dict[str, Any]:
    """What events say of a product."""
    return {
        "product_id": f"p{number:05}",
        "name": f"Article {number:05} in a few words",
        "brand": f"Brand {number * 31 % fixture_shop.BRANDS}",
        "category": fixture_shop.CATEGORIES[number % len(fixture_shop.CATEGORIES)],
        "price": 2 + number * 7 % 9_800 / 100,
    }


def fixture(*, say: Any = print) -> Fixture:
    """The fixture, built when it is missing."""
    folder = base()
    building = folder / f"building-{os.getpid()}"
    definitions = fixture_shop.write(building / "shop")
    digest = hashlib.blake2b(
        f"{definitions.version} {definitions.record_version} {_VERSION} {SCHEMA_VERSION}".encode(), digest_size=6
    ).hexdigest()
    root = folder / f"million-{digest}"
    if not (root / "sizes.json").exists():
        began = time.monotonic()
        shutil.rmtree(root, ignore_errors=True)
        try:
            sizes = _build(building, definitions, say)
        except BaseException:
            shutil.rmtree(building, ignore_errors=True)
            raise
        sizes["build_seconds"] = time.monotonic() - began
        (building / "sizes.json").write_text(json.dumps(sizes))
        building.rename(root)
    shutil.rmtree(building, ignore_errors=True)
    sizes = json.loads((root / "sizes.json").read_text())
    return Fixture(root, root / "shop", root / "data", definitions, sizes)


def newest(*, say: Any = print) -> Fixture:
    """A fixture that is there already, be it of older definitions; built when there is none.

    For what does not depend on the shop's definitions: the server brings the tables of an older state up to date.
    """
    found = sorted(base().glob("million-*/sizes.json"), key=lambda path: path.stat().st_mtime)
    if not found:
        return fixture(say=say)
    root = found[-1].parent
    return Fixture(root, root / "shop", root / "data", load(root / "shop"), json.loads(found[-1].read_text()))


def base() -> Path:
    """The folder of all fixtures."""
    return Path(os.environ.get("REGULARS_BENCH") or Path.home() / ".cache" / "regulars-bench")


# Histories --------------------------------------------------------------------------------------------------------


class History(msgspec.Struct):
    """A record folded from a history, ready to be told of other profiles."""

    parts: dict[int, bytes]
    hot: Any
    facts: dict[str, Any]
    purposes: dict[str, int]  # purpose -> since
    orders: list[tuple[Any, ...]]  # rows of orders


def histories(engine: Engine, *, customers: bool, count: int) -> list[History]:
    """Different histories, from one visit to a year of them."""
    return [_history(engine, random.Random(f"{customers} {seed}"), customers) for seed in range(count)]


def _history(engine: Engine, chance: random.Random, customer: bool) -> History:  # noqa: FBT001
    fold, day = engine.fold, engine.calendar.day(NOW)
    age = chance.randint(2, 360) if customer else min(int(chance.expovariate(1 / 20)) + 1, 180)
    first = NOW - age * DAY_MS + chance.randint(0, DAY_MS // 2)
    since = {purpose: first for purpose, share in _PURPOSES if chance.random() < share}
    visits = 1 + min(int(chance.expovariate(1 / (18 if customer else 2))), 90)
    times = [first, *sorted(chance.randint(first, NOW - 1_000_000) for _ in range(visits - 1))]
    liked = [chance.randrange(fixture_shop.PRODUCTS) for _ in range(12)]
    events = [event for at in times for event in _visit(chance, at, liked, customer)]
    changes = [
        orders.apply(str(event.properties["order_id"]), None, [event], currency="EUR")
        for event in events
        if event.name == "Order Completed"
    ]
    hot = fold.new("", first, day)
    hot.consent = since
    parts: dict[int, list[Any]] = {}
    fold.fold(hot, parts, events, changes, since=since, day=day)
    fold.evaluate(hot, parts, day)
    moved = engine.segments.update(hot.values, [], changed=None, allowed=since, facts=hot.facts)
    hot.segments = moved.now if moved is not None else []
    facts = {"city": [first, "m0", chance.choice(("Ulm", "Bonn", "Kiel"))], "language": [first, "m0", "de"]}
    if not customer:
        facts = {}
    hot.facts = {name: fact[2] for name, fact in facts.items()}
    encoded = {part: fold.encode(states) for part, states in parts.items()}
    return History(encoded, hot, facts, since, [orders.row(change.new, 0) for change in changes])


def _visit(chance: random.Random, at: int, liked: Sequence[int], customer: bool) -> Iterator[Event]:  # noqa: FBT001
    def event(name: str, properties: dict[str, Any], step: int) -> Event:
        return Event(f"h-{at}-{step}", "shop", name, at + step * 20_000, NOW, "", (), (), properties, {}, {})

    yield event("Product List Viewed", {"list_id": "l1"}, 0)
    steps = chance.randint(1, 6)
    seen = [chance.choice(liked) for _ in range(steps)]
    for step, number in enumerate(seen, 1):
        yield event("Product Viewed", product(number), step)
    if chance.random() < 0.3:
        yield event("Products Searched", {"query": f"term {seen[0] % 997}"}, steps + 1)
    if chance.random() < 0.25:
        yield event("Product Added", product(seen[-1]), steps + 2)
    if chance.random() < 0.1:
        yield event("Email Opened", {"email_id": "e1"}, steps + 3)
    if customer and chance.random() < 0.15:
        lines = [{**product(number), "quantity": 1 + number % 2} for number in dict.fromkeys(seen[:4])]
        total = round(sum(line["price"] * line["quantity"] for line in lines), 2)
        told = {"order_id": f"o{at}", "total": total, "currency": "EUR", "products": lines}
        yield event("Order Completed", told, steps + 4)


# Building ---------------------------------------------------------------------------------------------------------


def _build(root: Path, definitions: Definitions, say: Any) -> dict[str, float]:
    data = root / "data"
    folder = open_folder(data)
    FileLog(folder.log).close()
    state = SqliteState(folder.state)
    Updater(definitions, MemoryLog(), state)  # notes the definitions that serve
    state.close()
    engine = Engine(definitions)
    say("folding histories")
    told = [histories(engine, customers=kind, count=HISTORIES) for kind in (False, True)]
    say("placing 1,000,000 customers")
    people, rows = _people(engine)
    connection = sqlite3.connect(folder.state, isolation_level=None)
    connection.execute("PRAGMA journal_mode = OFF")
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("PRAGMA cache_size = -400000")
    for index in _indexes(connection):
        connection.execute(f'DROP INDEX "{index}"')
    connection.execute("BEGIN")
    say("writing identifiers and links")
    for table in (tables.IDENTIFIER, tables.LINK):
        _insert(connection, table, [rows[table.name][key] for key in sorted(rows[table.name])])
    del rows
    say("writing profiles")
    memberships, due, said, facts = _write_profiles(connection, engine, people, told)
    say("writing memberships, consent, orders, catalogue")
    for segment in sorted(memberships):
        _insert(connection, tables.MEMBERSHIP, [(segment, *row) for row in sorted(memberships[segment])])
    _insert(connection, tables.DUE, sorted(due))
    _insert(connection, tables.CONSENT, sorted(said))
    _insert(connection, tables.ORDER, sorted(facts))
    _insert(connection, tables.PRODUCT, [to_row(_item(number), NOW) for number in range(fixture_shop.PRODUCTS)])
    counters = [("segment", 0, segment, len(members)) for segment, members in memberships.items()]
    _insert(connection, tables.COUNTER, sorted([*counters, ("profiles", 0, "", PROFILES)]))
    connection.execute(sql.upsert(tables.META), (FOLDED, msgspec.msgpack.encode(0)))
    connection.execute(sql.upsert(tables.META), (CLOCK, msgspec.msgpack.encode(NOW)))
    connection.execute("COMMIT")
    say("indexes")
    for table in tables.TABLES:
        for statement in sql.create(table):
            connection.execute(statement)
    connection.execute("ANALYZE")
    connection.execute("PRAGMA journal_mode = WAL")
    count = {table.name: connection.execute(f'SELECT count(*) FROM "{table.name}"').fetchone()[0] for table in (  # noqa: S608
        tables.PART, tables.IDENTIFIER, tables.MEMBERSHIP, tables.CONSENT, tables.ORDER)}  # fmt: skip
    hot_bytes = connection.execute("SELECT avg(length(data)) FROM part WHERE id & 15 = 0").fetchone()[0]
    part_bytes = connection.execute("SELECT sum(length(data)) FROM part").fetchone()[0]
    connection.close()
    say("the profile table")
    seconds = build_profile_table(data, definitions, engine.calendar.day(NOW))
    return {
        "profiles": PROFILES,
        **{f"{name}_rows": number for name, number in count.items()},
        "state_mb": folder.state.stat().st_size / 1e6,
        "hot_record_bytes": hot_bytes,
        "profile_bytes": part_bytes / PROFILES,
        "profile_table_seconds": seconds,
        "lake_mb": sum(file.stat().st_size for file in folder.lake.rglob("*") if file.is_file()) / 1e6,
    }


def _people(engine: Engine) -> tuple[list[tuple[int, int, tuple[str, ...]]], dict[str, dict[Any, Any]]]:
    """(profile number, customer, identifiers) of everybody, and the rows of identifiers and links."""
    people: list[tuple[int, int, tuple[str, ...]]] = []
    found: dict[str, dict[Any, Any]] = {tables.IDENTIFIER.name: {}, tables.LINK.name: {}}
    empty = SqliteState(":memory:")
    for start in range(0, PROFILES, 2_000):
        events = [_identified(number) for number in range(start, start + 2_000)]
        changes = Changes()
        placed = place(events, engine, empty, changes)
        for event, customer, number in zip(events, range(start, start + 2_000), placed.numbers, strict=True):
            people.append((number, customer, event.identifiers))
        for name, rows in found.items():
            rows.update(changes.puts.get(name, {}))
    empty.close()
    people.sort()
    return people, found


def _identified(number: int) -> Event:
    """The event that a customer was first seen with: a login where there is an account."""
    name = user(number)
    keys = (*((f"user_id:{name}",) if name else ()), f"anonymous_id:{device(number)}")
    at = NOW - 365 * DAY_MS + number
    return Event(f"first-{number}", "shop", "Signed In", at, at, keys[0], keys, (), {}, {}, {})


def _write_profiles(
    connection: sqlite3.Connection, engine: Engine, people: Any, told: list[list[History]]
) -> tuple[dict[str, list[tuple[int, int]]], list[Any], list[Any], list[Any]]:
    memberships: dict[str, list[tuple[int, int]]] = {}
    due: list[tuple[int, int]] = []
    said: list[Any] = []
    facts: list[Any] = []
    encode = engine.fold.encode
    encode_person = msgspec.msgpack.Encoder().encode

    def rows(some: Any) -> Iterator[tuple[int, bytes]]:
        for number, customer, keys in some:
            history = told[customer >= VISITORS][customer % HISTORIES]
            hot = history.hot
            hot.anchor = next(key for key in keys if profile_number(key) == number)
            statements = [
                (keys[0], purpose, at, f"s-{customer}", True) for purpose, at in sorted(history.purposes.items())
            ]
            yield number << 4, encode(hot)
            for part in sorted(history.parts):
                yield part_id(number, part), history.parts[part]
            yield part_id(number, PERSON), encode_person(Person(sorted(keys), history.facts, statements))
            said.extend((key, purpose, at, message, 1, None) for key, purpose, at, message, _ in statements)
            for segment in hot.segments:
                memberships.setdefault(segment, []).append((number, hot.last_seen))
            if hot.due:
                due.append((hot.due, number))
            facts.extend((f"o{customer}-{at}", number, *row[2:]) for at, row in enumerate(history.orders))

    for some in _two_passes(people):
        connection.executemany(sql.upsert(tables.PART), rows(some))
    return memberships, due, said, facts


def _item(number: int) -> CatalogItem:
    told = product(number)
    return CatalogItem(
        id=told["product_id"],
        title=told["name"],
        category=tuple(told["category"].split(" > ")),
        brand=told["brand"],
        price=round(told["price"] * 100),
        currency="EUR",
        stock=number % 50,
    )


def _insert(connection: sqlite3.Connection, table: tables.Table, rows: Sequence[Any]) -> None:
    for some in _two_passes(rows):
        connection.executemany(sql.upsert(table), some)


def _two_passes(rows: Sequence[Any]) -> tuple[Sequence[Any], Sequence[Any]]:
    return [row for at, row in enumerate(rows) if at * 3 % 10 > 2], [
        row for at, row in enumerate(rows) if at * 3 % 10 < 3
    ]


def _indexes(connection: sqlite3.Connection) -> list[str]:
    found = connection.execute("SELECT name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL").fetchall()
    return [row[0] for row in found]


def build_profile_table(data: Path, definitions: Definitions, day: int) -> float:
    """Write the profile table of all profiles anew through the analysis process; seconds."""
    analyst = AnalystClient(data, definitions)
    state = SqliteState(data / "state.db")
    try:
        began = time.monotonic()
        done = analyst.update_profiles(as_of=day, rebuild=True)
        state.commit(bookkeeping.profiles(done, state))
        analyst.sweep()
        return time.monotonic() - began
    finally:
        state.close()
        analyst.close()


def main() -> int:
    """Build it where it is missing and print its sizes."""
    argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0]).parse_args()
    made = fixture()
    print(made.root)
    for name, value in made.sizes.items():
        print(f"{name:24} {value:16,.1f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
