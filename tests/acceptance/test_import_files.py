"""Files of the shop through `regulars import`, beside a running server and without one."""

import functools
import gzip
import http.server
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from regulars.testing import Product
from tests.acceptance.shop import LIMITED_KEY, SERVER_KEY, WRITE_KEY, make_shop

pytestmark = pytest.mark.acceptance

SERVER = (SERVER_KEY, "")
FEED = """<?xml version="1.0" encoding="UTF-8"?>
<rss version="2.0" xmlns:g="http://base.google.com/ns/1.0"><channel><title>Eckladen</title>
<item><g:id>K-R</g:id><g:item_group_id>K</g:item_group_id><title>Kessel für Öl &amp; Tee</title>
<g:price>19.99 EUR</g:price><g:availability>in_stock</g:availability><g:color>rot</g:color></item>
<item><g:id>K-B</g:id><g:item_group_id>K</g:item_group_id><title>Kessel für Öl &amp; Tee</title>
<g:price>17.99 EUR</g:price><g:availability>out_of_stock</g:availability><g:color>blau</g:color></item>
<item><g:id>T</g:id><title>Tee</title><g:price>3.50 EUR</g:price><g:availability>in_stock</g:availability></item>
</channel></rss>
"""


def regulars(*words: object, key: str = SERVER_KEY) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "regulars", *map(str, words)]
    environ = {**os.environ, "REGULARS_KEY": key}
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, env=environ)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Product, Path]]:
    folder = make_shop(tmp_path_factory.mktemp("files") / "shop")
    with Product(folder, folder / "data") as product:
        yield product, folder


def imported(shop: tuple[Product, Path], file: object, *words: object) -> "subprocess.CompletedProcess[str]":
    product, folder = shop
    return regulars("import", folder, file, "--data", product.data, *words)


def wait(condition: object, seconds: float = 10.0) -> float:
    """How long it took until it held."""
    began = time.monotonic()
    while not condition():  # type: ignore[operator]
        assert time.monotonic() - began < seconds, "it never came"
        time.sleep(0.02)
    return time.monotonic() - began


def test_a_product_feed_comes_from_an_address_and_a_full_one_takes_out_what_is_gone(
    shop: tuple[Product, Path], tmp_path: Path
) -> None:
    product, _ = shop
    (tmp_path / "feed.xml").write_bytes(FEED.encode())
    (tmp_path / "small.xml.gz").write_bytes(gzip.compress(FEED.replace("<g:id>T</g:id>", "<g:id>T2</g:id>").encode()))
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as web:
        threading.Thread(target=web.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{web.server_address[1]}"
        done = imported(shop, f"{address}/feed.xml?token=secret")
        assert done.returncode == 0, done.stderr
        assert "3 rows, 3 items imported" in done.stdout
        assert "secret" not in done.stdout + done.stderr
        again = imported(shop, f"{address}/feed.xml?token=secret")
        assert "0 items imported, 3 were sent by an earlier run" in again.stdout
        gone = imported(shop, f"{address}/missing.xml")
        assert (gone.returncode, "404" in gone.stderr) == (3, True)
        kettle = product.http.get("/v1/catalog/items/K", auth=SERVER).json()
        assert (kettle["title"], kettle["price"], len(kettle["variants"])) == ("Kessel für Öl & Tee", 1799, 2)
        full = imported(shop, f"{address}/small.xml.gz", "--complete")
        assert full.returncode == 0, full.stderr
        assert "1 products that the file does not name are inactive now" in full.stdout
        web.shutdown()
    assert product.http.get("/v1/catalog/items/T", auth=SERVER).json()["active"] is False


def test_levels_of_stock_come_by_file_and_by_http_and_are_there_within_a_second(
    shop: tuple[Product, Path], tmp_path: Path
) -> None:
    product, _ = shop
    http_ = product.http
    http_.put("/v1/catalog/items/mug", json={"title": "Becher", "price": 4.5}, auth=SERVER)
    (tmp_path / "bestand.csv").write_text("Artikelnummer;Filiale;Bestand\nmug;Graz;3\nmug;Wien;2\n", encoding="utf-8")
    done = imported(shop, tmp_path / "bestand.csv")
    assert (done.returncode, "2 levels imported" in done.stdout) == (0, True), done.stderr
    wait(lambda: http_.get("/v1/catalog/items/mug", auth=SERVER).json().get("stock") == 5)
    answer = http_.post("/v1/catalog/stock", json=[{"id": "mug", "store": "Graz", "stock": 0}], auth=SERVER)
    assert answer.json() | {"offset": 0} == {"success": True, "levels": 1, "unknown": [], "offset": 0}
    assert wait(lambda: http_.get("/v1/catalog/items/mug", auth=SERVER).json()["stock"] == 2) < 1.0
    wrong = http_.post("/v1/catalog/stock", json=[{"id": "mug", "stock": "viele"}], auth=SERVER)
    assert (wrong.status_code, wrong.json()["field"]) == (422, "[0].stock")
    assert http_.post("/v1/catalog/stock", json=[], auth=(LIMITED_KEY, "")).status_code == 403
    unknown = http_.post("/v1/catalog/stock", json=[{"id": "ghost", "stock": 1}], auth=SERVER)
    assert unknown.json()["unknown"] == ["ghost"]


def test_stock_of_a_sku_alone_reaches_the_size_of_its_product(shop: tuple[Product, Path], tmp_path: Path) -> None:
    product, _ = shop
    sizes = [{"sku": "SHIRT-S", "size": "S"}, {"sku": "SHIRT-M", "size": "M"}]
    product.http.put("/v1/catalog/items/shirt", json={"title": "Hemd", "variants": sizes}, auth=SERVER)

    def stock() -> list[int | None]:
        item = product.http.get("/v1/catalog/items/shirt", auth=SERVER).json()
        return [one.get("stock") for one in item["variants"]]

    wait(lambda: product.http.get("/v1/catalog/items/shirt", auth=SERVER).status_code == 200)
    (tmp_path / "erp.csv").write_text(
        "SKU;Lager;Bestand;Stand\nSHIRT-M;Graz;4;01.03.2026 10:15\nSHIRT-M;Graz;9;01.03.2026 10:00\nSHIRT-X;Graz;1;\n",
        encoding="utf-8",
    )
    done = imported(shop, tmp_path / "erp.csv")
    assert (done.returncode, "3 levels imported" in done.stdout) == (0, True), done.stderr
    wait(lambda: stock() == [None, 4])
    kept = [one["group"] for one in product.http.get("/v1/failed", auth=SERVER).json()["groups"]]
    assert ("sku", "a SKU of the catalogue") in [(one["field"], one["expected"]) for one in kept]
    late = [{"sku": "SHIRT-S", "stock": 2, "updated_at": "2026-03-02T10:00Z"}]
    early = [{"sku": "SHIRT-S", "stock": 9, "updated_at": "2026-03-02T09:00Z"}, {"sku": "NOBODYS", "stock": 1}]
    answers = [product.http.post("/v1/catalog/stock", json=body, auth=SERVER) for body in (late, early)]
    assert [one.json()["unknown"] for one in answers] == [[], ["NOBODYS"]]
    wait(lambda: stock() == [2, 4])
    time.sleep(0.3)
    assert stock() == [2, 4], "an older level in a later body changes nothing"
    nothing = product.http.post("/v1/catalog/stock", json=[{"stock": 1}], auth=SERVER)
    assert (nothing.status_code, nothing.json()["field"]) == (422, "[0].id")


def test_a_receipt_with_a_card_is_the_customers_and_one_without_nobodys(
    shop: tuple[Product, Path], tmp_path: Path
) -> None:
    product, _ = shop
    head = "Kasse;Bonnummer;Zeitpunkt;Kundenkarte;Artikelnummer;Menge;Einzelpreis\n"
    rows = "3;17;02.01.2026 10:15;K-77;mug;2;4,50\n3;18;02.01.2026 10:20;;mug;1;4,50\n"
    rows += "3;19;02.01.2026 10:25;K-77;mug;eins;4,50\n"
    (tmp_path / "bons.csv").write_text(head + rows, encoding="cp1252")
    done = imported(shop, tmp_path / "bons.csv")
    assert done.returncode == 2
    assert "2 orders and returns imported" in done.stdout
    assert "bons.csv:4: quantity: expected a number, got 'eins'" in done.stderr
    profile = "/v1/profiles/loyalty_card:K-77"
    wait(lambda: product.http.get(profile, auth=SERVER).json().get("traits", {}).get("orders") == 1)
    waiting = kept_rows(product)
    assert [(one["field"], one["count"]) for one in waiting] == [("rows.0.Menge", 1)]
    assert imported(shop, tmp_path / "bons.csv", "--again").returncode == 2
    time.sleep(0.5)
    assert [one["count"] for one in kept_rows(product)] == [1], "the same row waits once"
    drop = {"action": "drop", "field": "rows.*.Menge"}
    outcome = product.http.post(f"/v1/failed/{waiting[0]['cause']}/mend", json=drop, auth=SERVER).json()
    assert (outcome["admitted"], outcome["remaining"]) == (1, 0)
    wait(lambda: product.http.get(profile, auth=SERVER).json()["traits"]["orders"] == 2)


def kept_rows(product: Product) -> list[dict[str, Any]]:
    """Causes of rows of files that wait."""
    causes = product.http.get("/v1/failed", auth=SERVER).json()["groups"]
    return [one["group"] for one in causes if one["group"]["field"].startswith("rows.")]


def test_rows_may_come_by_http_and_only_from_servers(shop: tuple[Product, Path]) -> None:
    product, _ = shop
    row = {"invoice_id": "R1", "order_id": "o9", "date": "2026-02-03", "total": "12,50", "customer": "rita"}
    body = {"rows": [{"kind": "invoices", "rows": [row]}]}
    assert product.http.post("/v1/import/rows", json=body, auth=(WRITE_KEY, "")).status_code == 403
    answer = product.http.post("/v1/import/rows?strict=1", json=body, auth=SERVER)
    assert answer.json()["events"][0]["name"] == "Order Invoiced"
    wait(lambda: product.http.get("/v1/profiles/user_id:rita", auth=SERVER).status_code == 200)
    wrong = product.http.post("/v1/import/rows", json=[row], auth=SERVER)
    assert (wrong.status_code, wrong.json()["field"]) == (400, "body")
    unknown = product.http.post(
        "/v1/import/rows?strict=1", json={"rows": [{"kind": "fax", "rows": [row]}]}, auth=SERVER
    )
    assert (unknown.status_code, unknown.json()["field"]) == (422, "kind")


@pytest.mark.slow
def test_a_stopped_import_goes_on_and_every_order_counts_once(tmp_path: Path) -> None:
    folder = make_shop(tmp_path / "shop")
    count = 6_000
    rows = [f"o{n},ana,2026-01-{n % 28 + 1:02d} 10:00,1.50\n" for n in range(count)]
    (tmp_path / "orders.csv").write_text("order_id,customer_id,date,total\n" + "".join(rows), encoding="utf-8")
    command = [sys.executable, "-m", "regulars", "import", str(folder), str(tmp_path / "orders.csv")]
    journal = folder / "data" / "imports"
    for number in (signal.SIGKILL, signal.SIGINT):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        noted = {path.name: path.read_bytes() for path in journal.glob("*.json")} if journal.is_dir() else {}
        wait(lambda: any(path.read_bytes() != noted.get(path.name) for path in journal.glob("*.json")), 60)  # noqa: B023
        process.send_signal(number)
        _, said = process.communicate(timeout=60)
        if number == signal.SIGINT and process.returncode != 0:
            assert (process.returncode, "the same command goes on" in said) == (130, True), said
    done = regulars("import", folder, tmp_path / "orders.csv")
    assert done.returncode == 0, done.stderr
    assert "were sent by an earlier run" in done.stdout
    with Product(folder, folder / "data") as product:
        wait(lambda: product.http.get("/v1/profiles/user_id:ana", auth=SERVER).json()["traits"]["orders"] == count)


def test_a_dry_run_shows_the_rows_and_imports_nothing(tmp_path: Path) -> None:
    folder = make_shop(tmp_path / "shop")
    (folder / "identity.toml").write_text('[types.crm_id]\nkind = "person"\n', encoding="utf-8")
    (tmp_path / "kunden.csv").write_text("Kundennummer;Vorname;Nachname;Laune\n7;Zoë;Groß;gut\n", encoding="cp1252")
    guess = regulars("import", folder, tmp_path / "kunden.csv", "--guess")
    assert 'kind = "customers"' in guess.stdout
    assert '"Laune" = ""' in guess.stdout
    (tmp_path / "crm.toml").write_text(guess.stdout.replace('"Laune" = ""', '"Laune" = "trait:mood"'), encoding="utf-8")
    dry = regulars("import", folder, tmp_path / "kunden.csv", "--dry-run")
    assert (dry.returncode, "not used: Laune" in dry.stdout, '"Zoë"' in dry.stdout) == (0, True, True), dry.stderr
    assert not (folder / "data").exists()
    mapped = regulars("import", folder, tmp_path / "kunden.csv", "--mapping", tmp_path / "crm.toml", "--dry-run")
    assert '"mood": "gut"' in mapped.stdout


def test_the_help_names_every_kind_with_an_example() -> None:
    told = regulars("import", "--help").stdout
    for kind in ("merchant", "stock", "receipts", "invoices", "payments", "customers", "order-lines"):
        assert f"  {kind} " in told
    assert "regulars import my-shop feed.xml --complete" in told
