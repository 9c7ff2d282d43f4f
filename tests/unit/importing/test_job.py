"""An import sends each call once, and goes on where it stopped."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from regulars.core.definitions import Definitions, Shop
from regulars.core.errors import Unavailable
from regulars.importing.job import BODY_EVENTS, Given, Journal, run_import

WALL = Definitions(shop=Shop(name="Corner shop"))
RECORDS = Definitions(shop=Shop(name="Corner shop", clock="records"))


class Collected:
    """A sink that keeps what it gets and may fail after some bodies."""

    def __init__(self, bodies: int = 1_000_000) -> None:
        self.bodies = bodies
        self.calls: list[dict[str, Any]] = []
        self.items: list[Mapping[str, Any]] = []
        self.ticks: list[int] = []

    def events(self, body: bytes) -> None:
        if self.bodies == 0:
            raise Unavailable("the disk is full")
        self.bodies -= 1
        self.calls += msgspec.json.decode(body)["batch"]

    def products(self, rows: Sequence[Mapping[str, Any]]) -> None:
        self.items += rows

    def clock(self, instant: int) -> None:
        self.ticks.append(instant)

    def close(self) -> None:
        pass


def of(path: Path, kind: str = "orders") -> Given:
    return Given(path=path, kind=kind, format="csv")


def orders(path: Path, count: int) -> Path:
    lines = [f"o{n},ana,2026-03-{n % 28 + 1:02d} 10:00,{n}.50\n" for n in range(count)]
    path.write_text("order_id,customer_id,date,total\n" + "".join(lines), encoding="utf-8")
    return path


def test_every_order_is_sent_once_in_bodies_that_fit(tmp_path: Path) -> None:
    sink = Collected()
    result = run_import(of(orders(tmp_path / "f.csv", 2_500)), WALL, sink)
    assert (result.rows, result.calls, result.bad, len(sink.calls)) == (2_500, 2_500, 0, 2_500)
    assert len({call["messageId"] for call in sink.calls}) == 2_500
    assert sink.ticks == []


def test_a_stopped_import_goes_on_where_it_was(tmp_path: Path) -> None:
    file = orders(tmp_path / "f.csv", 2_500)
    journal = Journal(tmp_path / "imports", of(file))
    first = Collected(bodies=1)
    with pytest.raises(Unavailable):
        run_import(of(file, "orders"), WALL, first, journal=journal)
    second = Collected()
    result = run_import(of(file, "orders"), WALL, second, journal=journal)
    assert (result.skipped, result.calls) == (BODY_EVENTS, 1_500)
    sent = [call["messageId"] for call in first.calls + second.calls]
    assert len(sent) == len(set(sent)) == 2_500
    # An edited file is another one.
    file.write_text(file.read_text() + "o9999,bob,2026-03-01,1\n", encoding="utf-8")
    assert Journal(tmp_path / "imports", of(file)).done() == 0


def test_a_shop_that_follows_its_records_gets_its_clock_before_the_events(tmp_path: Path) -> None:
    sink = Collected()
    run_import(of(orders(tmp_path / "f.csv", 3)), RECORDS, sink)
    assert sink.ticks == [1_772_528_400_000]  # 2026-03-03 10:00 in Berlin, the newest of the body


def test_an_empty_cell_of_a_product_says_nothing(tmp_path: Path) -> None:
    file = tmp_path / "products.csv"
    file.write_text("id,title,price,stock\np1,Bell,4.90,\np2,Oil,x,1\n", encoding="utf-8")
    sink = Collected()
    result = run_import(of(file, "products"), WALL, sink)
    assert sink.items == [{"id": "p1", "title": "Bell", "price": "4.90"}]
    assert result.mistakes == [f"{file}:3: price: expected a price in major units as 12.50, got ''"]
