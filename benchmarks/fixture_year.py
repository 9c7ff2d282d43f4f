"""A year of 20,000,000 events in the lake of the shop of a million customers, built once beside that fixture.

It needs no fixture of a million, and goes with each: of an older one, the server changes the state's tables when it
starts.

`python benchmarks/fixture_year.py` builds it (some minutes) and prints its sizes. What it is:

- 365 days of 54,795 events until the day before `fixture.NOW`: visits of five events by customers of the million, three
  of five of them logged in; products, pages and browsers as text of the usual length;
- parts as the product leaves them after compaction: written by its own layout, order, encoding and row groups, a span
  for every day, split into buckets of the subject;
- a customer, `PERSON`, who came every day, half of the times without logging in; and on `TOLD` days an event of
  somebody else tells of this customer's e-mail address in its text, as the note of a call does;
- the log's 72 hours: the records of the last three days, which count as folded and sealed.

`overlaid` gives a data folder with this lake and log: a copy of the million's, or one without a profile.
"""

import argparse
import json
import os
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # a script finds its neighbours, wherever it is started

from benchmarks import fixture as made
from benchmarks import fixture_shop
from regulars.adapters.lake.parquet import ParquetLake
from regulars.adapters.lake.tables import EVENT_SCHEMA
from regulars.adapters.log.appending import FileLog
from regulars.adapters.state.sqlite import SqliteState
from regulars.core.calendar import Calendar
from regulars.core.lake import EVENT_PART, PartFile
from regulars.core.log import EVENTS, NewRecord
from regulars.core.state import FOLDED, MANIFEST, SEALED, Changes
from regulars.runtime.folder import open_folder

DAYS, EVENTS_A_DAY, VISIT = 365, 54_795, 5
LOGGED_DAYS, LOGGED_TOGETHER = 3, 20
PERSON = 734_567  # the customer's number in the fixture
EMAIL = f"c{PERSON}@post.example"
TOLD = 24
_VERSION = "2"
_TIME_ZONE = "Europe/Berlin"  # of the shop of a million
#: pyarrow's arrays are generic for type checkers only.
_array: Any = pa.array
_join: Any = pc.binary_join_element_wise
_NAMES = ("Product Viewed", "Product List Viewed", "Page Viewed", "Product Added", "Products Searched")
_BROWSERS = [
    f"Mozilla/5.0 (X11; Linux x86_64; rv:{number}.0) Gecko/20100101 Firefox/{number}.0" for number in range(100, 140)
]


class Year(msgspec.Struct, frozen=True):
    """Where it lies, its shop, and the fixture of a million whose state is taken, if any."""

    root: Path
    shop: Path
    million: made.Fixture | None
    sizes: dict[str, float]

    @contextmanager
    def overlaid(self) -> Iterator[Path]:
        """A data folder to run on, removed afterwards, with this lake and log; its state is the million's, or empty."""
        with self.million.copied() if self.million else _empty(self.root) as data:
            shutil.copytree(self.root / "lake" / "event", data / "lake" / "event", copy_function=os.link)
            shutil.rmtree(data / "log", ignore_errors=True)
            (data / "log.db").unlink(missing_ok=True)
            if (self.root / "log").exists():
                shutil.copytree(self.root / "log", data / "log")
            else:  # built by a version with its log in one file, which the server carries over
                shutil.copyfile(self.root / "log.db", data / "log.db")
            parts = msgspec.msgpack.decode((self.root / "parts").read_bytes(), type=list[PartFile])
            state = SqliteState(data / "state.db")
            changes = Changes()
            for part in parts:
                changes.put(MANIFEST, msgspec.structs.astuple(part))
            head = int(self.sizes["records"])
            state.commit(changes, meta={FOLDED: head, SEALED: head})
            state.close()
            yield data


def identifiers() -> list[str]:
    """What the state knows the person by before the e-mail address is told."""
    return [f"user_id:{made.user(PERSON)}", f"anonymous_id:{made.device(PERSON)}"]


@contextmanager
def _empty(root: Path) -> Iterator[Path]:
    data = root / f"run-{os.getpid()}"
    try:
        yield open_folder(data).root
    finally:
        shutil.rmtree(data, ignore_errors=True)


def year(*, million: bool = False, say: Any = print) -> Year:
    """The fixture, built when it is missing; with the state of a million profiles, or with none that came before."""
    root = made.base() / f"year-{_VERSION}"
    if not (root / "sizes.json").exists():
        began = time.monotonic()
        shutil.rmtree(root, ignore_errors=True)
        building = root.with_name(f"building-year-{os.getpid()}")
        try:
            sizes = _build(building, say)
        except BaseException:
            shutil.rmtree(building, ignore_errors=True)
            raise
        sizes["build_seconds"] = time.monotonic() - began
        (building / "sizes.json").write_text(json.dumps(sizes))
        building.rename(root)
    fixture_shop.write(root / "shop")
    sizes = json.loads((root / "sizes.json").read_text())
    found = made.newest(say=say) if million else None
    return Year(root, found.shop if found else root / "shop", found, sizes)


def _build(root: Path, say: Any) -> dict[str, float]:
    say("writing a year of 20,000,000 events")
    lake = ParquetLake(root / "lake")
    shoppers = _Shoppers()
    calendar = Calendar(_TIME_ZONE)
    today = calendar.day(made.NOW)
    parts: list[PartFile] = []
    last: list[pa.Table] = []
    for number in range(DAYS):
        day = today - DAYS + number
        table = shoppers.day(number, day, calendar.start(day))
        parts += lake.write(EVENT_PART, table)
        if number >= DAYS - LOGGED_DAYS:
            last.append(table)
        if number % 73 == 72:
            say(f"  {number + 1} days, {sum(part.bytes for part in parts) / 1e6:,.0f} MB")
    (root / "parts").write_bytes(msgspec.msgpack.encode(parts))
    say("writing the log of three days")
    records = shoppers.offset
    log_bytes = _write_log(root / "log", pa.concat_tables(last), records)
    return {
        "events": sum(part.rows for part in parts),
        "parts": len(parts),
        "lake_mb": sum(part.bytes for part in parts) / 1e6,
        "log_mb": log_bytes / 1e6,
        "records": records,
    }


class _Shoppers:
    """Makes days of visits, the same ones each time."""

    def __init__(self) -> None:
        self.offset = 0
        self._chance = np.random.default_rng(20_000_000)
        devices = [f"anonymous_id:{made.device(number)}" for number in range(made.PROFILES)]
        self._devices = _array(devices, pa.string())
        users = [f"user_id:{made.user(number)}" for number in range(made.VISITORS, made.PROFILES)]
        self._users = _array(users, pa.string())
        encode = partial(json.dumps, separators=(",", ":"))
        products = range(fixture_shop.PRODUCTS)
        self._products = _array([encode(made.product(number)) for number in products], pa.string())
        self._pages = _array([f'{{"page":{{"path":"/products/p{number:05}"}},"userAgent":"' for number in products])
        self._browsers = _array([browser + '"}' for browser in _BROWSERS], pa.string())

    def day(self, number: int, day: int, start: int) -> pa.Table:
        """The events of a day that begins at `start` (ms), as rows of the lake in no order."""
        chance = self._chance
        visits = EVENTS_A_DAY // VISIT
        who: Any = chance.integers(0, made.PROFILES, visits)
        known: Any = chance.random(visits) < 0.6
        who[known] = chance.integers(made.VISITORS, made.PROFILES, int(known.sum()))
        who[who == PERSON] = PERSON - 1
        who[:2], known[:2] = PERSON, (True, False)
        logged_in: Any = known & (who >= made.VISITORS)
        begun: Any = start + chance.integers(0, 80_000_000, visits)
        rows = visits * VISIT
        who, logged_in, begun = (np.repeat(one, VISIT) for one in (who, logged_in, begun))
        time_ = begun + np.tile(np.arange(VISIT) * 20_000, visits)
        product = chance.integers(0, fixture_shop.PRODUCTS, rows)
        order = np.argsort(time_, kind="stable")  # as they came
        who, logged_in, time_, product = (one[order] for one in (who, logged_in, time_, product))
        offset = self.offset + 1 + np.arange(rows) // LOGGED_TOGETHER
        self.offset = int(offset[-1])
        device = self._devices.take(_array(who))
        user = self._users.take(_array(np.where(logged_in, who - made.VISITORS, 0)))
        properties = self._told(number, self._products.take(_array(product)), who)
        browser = self._browsers.take(_array(who % len(_BROWSERS)))
        columns = {
            "message_id": _array([f"{one:032x}" for one in _ids(chance, rows)]),
            "source": _array(np.full(rows, "shop")),
            "name": _array(_NAMES).take(_array(chance.choice(5, rows, p=[0.5, 0.2, 0.15, 0.1, 0.05]))),
            "time": _array(time_),
            "day": _array(np.full(rows, day, np.int32)),
            "received_at": _array(time_ + 300),
            "subject": pc.if_else(_array(logged_in), user, device),
            "identifiers": _pairs(user, device, logged_in),
            "claims": _array([[]] * rows, pa.list_(pa.string())),
            "properties": properties,
            "traits": _array(np.full(rows, "{}")),
            "context": _join(self._pages.take(_array(product)), browser, ""),
            "offset": _array(offset),
            "index": _array((np.arange(rows) % LOGGED_TOGETHER).astype(np.int32)),
        }
        return pa.table([columns[field.name] for field in EVENT_SCHEMA], schema=EVENT_SCHEMA)

    def _told(self, number: int, properties: Any, who: NDArray[np.int64]) -> Any:
        """The properties; on some days somebody else's tell of the person."""
        if number % (DAYS // TOLD) or number // (DAYS // TOLD) >= TOLD:
            return properties
        row = int(np.flatnonzero(who != PERSON)[number])
        note = json.dumps({"note": f"asks us to answer {EMAIL.upper()} instead"})
        return pa.concat_arrays([properties.slice(0, row), _array([note]), properties.slice(row + 1)])


def _ids(chance: Any, rows: int) -> list[int]:
    high, low = chance.integers(0, 1 << 62, rows).tolist(), chance.integers(0, 1 << 62, rows).tolist()
    return [one << 64 | other for one, other in zip(high, low, strict=True)]


def _pairs(user: Any, device: Any, both: NDArray[np.bool_]) -> Any:
    """The identifiers of each event: the login where there is one, then the browser."""
    ends = np.concatenate(([0], np.cumsum(1 + both))).astype(np.int32)
    place = np.empty(int(ends[-1]), np.int64)
    rows = np.arange(len(both))
    place[ends[1:] - 1] = rows + len(both)
    place[ends[:-1][both]] = rows[both]
    return pa.ListArray.from_arrays(_array(ends), pa.concat_arrays([user, device]).take(_array(place)))


def _write_log(folder: Path, table: pa.Table, head: int) -> int:
    """The records that brought these events, as a browser sends them; bytes on disk."""
    bodies: dict[int, list[dict[str, Any]]] = {}
    times: dict[int, int] = {}
    wanted = ["message_id", "name", "time", "identifiers", "properties", "context", "offset"]
    for message, name, time_, keys, properties, context, offset in zip(
        *(table.column(one).to_pylist() for one in wanted), strict=True
    ):
        at = datetime.fromtimestamp(time_ / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        known = {"userId" if key.startswith("user_id") else "anonymousId": key.partition(":")[2] for key in keys}
        bodies.setdefault(offset, []).append(
            {"type": "track", "event": name, "messageId": message, "timestamp": at, **known,
             "properties": json.loads(properties), "context": json.loads(context)}
        )  # fmt: skip
        times[offset] = time_ + 300
    log = FileLog(folder, first=min(bodies))
    new = [
        NewRecord(EVENTS, "shop", "batch", times[offset], msgspec.json.encode({"batch": bodies[offset]}))
        for offset in sorted(bodies)
    ]
    for start in range(0, len(new), 1000):
        log.append(new[start : start + 1000])
    assert log.head() == head
    size = log.size()
    log.close()
    return size


def main() -> int:
    """Build it where it is missing and print its sizes."""
    argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0]).parse_args()
    found = year()
    print(found.root)
    for name, value in found.sizes.items():
        print(f"{name:24} {value:16,.1f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
