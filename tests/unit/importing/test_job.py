"""An import sends each call once, and goes on where it stopped."""

import contextlib
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from regulars.collect import Decoder
from regulars.collect.suggesting import tried
from regulars.core.definitions import Definitions, Shop, Source
from regulars.core.errors import Rejected, Unavailable
from regulars.core.event import Event, FailedEvent
from regulars.core.log import EVENTS, ROWS, Record
from regulars.core.mend import Mend
from regulars.importing import Given, Imported, Journal, recognised, run_import
from regulars.importing.job import BODY_EVENTS, retire
from regulars.importing.products import Seen

DEFINITIONS = Definitions(shop=Shop(name="Corner shop"), sources=(Source(id="till", kind="server"),))
WALL = Definitions(shop=Shop(name="Corner shop"))
RECORDS = Definitions(shop=Shop(name="Corner shop", clock="records"))


class Collected:
    """A sink that keeps what it gets and may fail after some bodies."""

    def __init__(self, bodies: int = 1_000_000) -> None:
        self.bodies = bodies
        self.calls: list[dict[str, Any]] = []
        self.items_: list[Mapping[str, Any]] = []
        self.levels: list[Mapping[str, Any]] = []
        self.bad: list[dict[str, Any]] = []
        self.catalogue: list[Mapping[str, Any]] = []
        self.ticks: list[int] = []

    def events(self, body: bytes) -> None:
        if self.bodies == 0:
            raise Unavailable("the disk is full")
        self.bodies -= 1
        self.calls += msgspec.json.decode(body)["batch"]

    def products(self, rows: Sequence[Mapping[str, Any]]) -> None:
        self.items_ += rows

    def stock(self, rows: Sequence[Mapping[str, Any]]) -> None:
        self.levels += rows

    def rows(self, body: bytes) -> None:
        self.bad += msgspec.json.decode(body)["rows"]

    def items(self) -> Iterator[Mapping[str, Any]]:
        yield from self.catalogue

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
    assert sink.items_ == [{"id": "p1", "title": "Bell", "price": "4.90"}]
    assert result.mistakes == [f"{file}:3: price: expected a price in major units as 12.50, got 'x'"]


BAD = "order_id;Kundennummer;Datum;Summe\no1;ana;01.03.2026;zwölf\no2;bob;02.03.2026;5,00\n"


def test_a_bad_row_waits_whole_under_the_name_of_its_column(tmp_path: Path) -> None:
    file = tmp_path / "bestellungen.csv"
    file.write_text(BAD, encoding="cp1252")
    sink = Collected()
    result = run_import(of(file), WALL, sink)
    assert (result.calls, result.bad, result.kept) == (1, 1, 1)
    (kept,) = sink.bad
    assert (kept["kind"], kept["file"], kept["lines"], kept["event"]) == ("orders", file.name, [2], "Order Completed")
    assert kept["rows"] == [{"order_id": "o1", "Kundennummer": "ana", "Datum": "01.03.2026", "Summe": "zwölf"}]
    body = msgspec.json.encode({"rows": sink.bad})
    (failed,) = Decoder(DEFINITIONS).decode(Record(1, EVENTS, "till", ROWS, 1_767_225_600_000, body))
    assert isinstance(failed, FailedEvent)
    assert (failed.field, failed.got, failed.message_id) == ("rows.0.Summe", "'zwölf'", kept["messageId"])


def test_a_column_of_another_name_is_mended_for_all_its_rows(tmp_path: Path) -> None:
    file = tmp_path / "f.csv"
    file.write_text("order_id,user_id,date,Endwert\no1,ana,2026-03-01,12\n", encoding="utf-8")
    sink = Collected()
    run_import(of(file), WALL, sink)
    decoder = Decoder(DEFINITIONS)
    body = msgspec.json.encode({"rows": sink.bad})
    failed = [
        one
        for one in decoder.decode(Record(1, EVENTS, "till", ROWS, 1_767_225_600_000, body))
        if isinstance(one, FailedEvent)
    ]
    assert [(one.reason, one.field) for one in failed] == [("missing_field", "rows.0.total")]
    mend = Mend(source="till", event="Order Completed", action="rename", field="rows.*.Endwert", to="rows.*.total")
    assert mend.mistake() is None
    (event,) = tried(failed, mend, decoder)
    assert isinstance(event, Event)
    assert (event.subject, event.properties["total"]) == ("user_id:ana", 12)
    corrected = tmp_path / "corrected.csv"
    corrected.write_text(file.read_text().replace("Endwert", "total"), encoding="utf-8")
    run_import(of(corrected), WALL, sink)
    assert sink.calls[0]["messageId"] == event.message_id, "the corrected file counts the order once"


def test_the_rows_of_a_whole_order_wait_together(tmp_path: Path) -> None:
    file = tmp_path / "f.csv"
    lines = ["a,ana,2026-03-01,tee,1,5", "a,ana,2026-03-01,mug,one,9", "b,bob,2026-03-01,tee,1,5"]
    file.write_text("order_id,user_id,date,product_id,quantity,price\n" + "\n".join(lines) + "\n", encoding="utf-8")
    sink = Collected()
    result = run_import(of(file, "order-lines"), WALL, sink)
    assert (result.calls, result.kept) == (1, 1)
    assert [row["product_id"] for row in sink.bad[0]["rows"]] == ["tee", "mug"]
    assert sink.bad[0]["lines"] == [2, 3]


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.booleans(), min_size=1, max_size=60),
    st.integers(0, 6),
    st.sampled_from((1, 3, 7)),
)
def test_stopped_anywhere_every_row_arrives_and_is_counted_once(
    tmp_path: Path, good: list[bool], bodies: int, size: int
) -> None:
    file = tmp_path / "f.csv"
    rows = [f"o{n},ana,2026-03-01,{n if fine else 'x'}\n" for n, fine in enumerate(good)]
    file.write_text("order_id,user_id,date,total\n" + "".join(rows), encoding="utf-8")
    journal = Journal(tmp_path / "imports", of(file))
    journal.note(0)
    first, second = Collected(bodies=bodies), Collected()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("regulars.importing.job.BODY_EVENTS", size)
        with contextlib.suppress(Unavailable):
            run_import(of(file), WALL, first, journal=journal)
        run_import(of(file), WALL, second, journal=journal)
    sent = [call["properties"]["order_id"] for call in first.calls + second.calls]
    assert sent == [f"o{n}" for n, fine in enumerate(good) if fine]
    waiting = [row["rows"][0]["order_id"] for row in first.bad + second.bad]
    assert list(dict.fromkeys(waiting)) == [f"o{n}" for n, fine in enumerate(good) if not fine]


def test_a_full_feed_takes_out_what_it_does_not_name(tmp_path: Path) -> None:
    file = tmp_path / "feed.csv"
    file.write_text("id,item_group_id,title,price,availability\nK-R,K,Kessel,1 EUR,in_stock\n2,,Tee,1 EUR,in_stock\n")
    sink = Collected()
    sink.catalogue = [
        {"id": "K", "variants": [{"sku": "K-R"}, {"sku": "K-B"}]}, {"id": "2", "active": False}, {"id": "3"},
        {"id": "4", "active": False}, {"id": "tip", "kind": "tip"},
    ]  # fmt: skip
    result = run_import(of(file, "merchant"), WALL, sink, into=Imported(seen=Seen()))
    assert retire(result, sink, force=False) == 1
    assert sink.items_[2:] == [{"id": "K", "drop_variants": ["K-B"]}, {"id": "3", "active": False}]


def test_half_a_feed_takes_nothing_out(tmp_path: Path) -> None:
    file = tmp_path / "feed.csv"
    file.write_text("id,title,price,availability\n1,Tee,1 EUR,in_stock\n", encoding="utf-8")
    sink = Collected()
    sink.catalogue = [{"id": str(n)} for n in range(1, 5)]
    result = run_import(of(file, "merchant"), WALL, sink, into=Imported(seen=Seen()))
    with pytest.raises(Rejected, match="3 of 4 active products"):
        retire(result, sink, force=False)
    assert retire(result, sink, force=True) == 3


def test_a_full_feed_with_a_bad_row_takes_nothing_out(tmp_path: Path) -> None:
    file = tmp_path / "feed.csv"
    file.write_text("id,title,price,availability\n1,Tee,1 EUR,in_stock\n2,Tee,x,in_stock\n", encoding="utf-8")
    sink = Collected()
    sink.catalogue = [{"id": "1"}, {"id": "2"}]
    result = run_import(of(file, "merchant"), WALL, sink, into=Imported(seen=Seen()))
    with pytest.raises(Rejected, match="could not be read"):
        retire(result, sink, force=False)


@pytest.mark.parametrize(
    ("columns", "kind"),
    [
        ("id,title,link,image_link,price,availability,brand", "merchant"),
        ("g:id,g:title,g:price,g:availability", "merchant"),
        ("Artikelnummer,Bezeichnung,Preis,Warengruppe,Marke", "products"),
        ("Artikelnummer,Filiale,Bestand", "stock"),
        ("Bestellnummer,Kundennummer,Datum,Summe", "orders"),
        ("order_id,customer_id,date,product_id,qty,unit_price", "order-lines"),
        ("Kasse,Bonnummer,Zeitpunkt,Artikelnummer,Menge,Einzelpreis,Kundenkarte", "receipts"),
        ("Z_KASSE_ID,Z_ERSTELLUNG,Z_NR,BON_ID,POS_ZEILE,ARTIKELTEXT,GV_TYP,ART_NR,GTIN,MENGE,STK_BR", "receipts"),
        ("Rechnungsnummer,Auftragsnummer,Rechnungsdatum,Rechnungsbetrag,Fälligkeit", "invoices"),
        ("Zahlungsnummer,Rechnungsnummer,Zahlungsdatum,Zahlbetrag,Zahlart", "payments"),
        ("Kundennummer,Vorname,Nachname,PLZ,Ort,E-Mail", "customers"),
        ("event,user_id,time,product_id", "events"),
    ],
)
def test_a_file_is_known_by_its_columns(columns: str, kind: str) -> None:
    assert recognised(columns.split(","), {}, "csv", "f.csv").name == kind


def test_columns_that_say_nothing_need_the_option() -> None:
    with pytest.raises(Rejected, match="--kind"):
        recognised(["a", "b"], {}, "csv", "f.csv")


GROWTH = """
import gzip, resource, sys
from pathlib import Path
from regulars.core.definitions import Definitions, Shop
from regulars.importing import Given, Imported, run_import
from regulars.importing.products import Seen

class Dropped:
    items_ = 0
    def products(self, rows): self.items_ += len(rows)

def run(rows):
    path = Path(sys.argv[1])
    with gzip.open(path, "wt", encoding="utf-8", compresslevel=1) as stream:
        stream.write("id\\ttitle\\tprice\\tavailability\\tdescription\\n")
        stream.writelines(f"{n}\\tKäse {n}\\t1,99 EUR\\tin_stock\\t{'viel Text ' * 40}\\n" for n in range(rows))
    given = Given(path=path, kind="merchant", format="csv")
    found = run_import(given, Definitions(shop=Shop(name="s")), Dropped())
    assert (found.calls, found.bad) == (rows, 0)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024

small = run(5_000)
print(run(200_000) - small)
"""


@pytest.mark.slow
def test_a_feed_of_200000_items_needs_no_more_memory_than_a_small_one(tmp_path: Path) -> None:
    command = [sys.executable, "-c", GROWTH, str(tmp_path / "feed.tsv.gz")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    assert int(done.stdout) < 20, "MB beyond those of a feed of 5,000 items"
