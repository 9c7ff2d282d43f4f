"""A customer file with doubles: imported, linked by likeness, reviewed by staff, and taken apart again."""

import csv
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from regulars.testing import Product
from tests.acceptance.shop import SERVER_KEY, make_shop
from tests.unit.analyst.linking.people import file

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]

SERVER = (SERVER_KEY, "")
IDENTITY = '[types.crm_id]\nkind = "person"\n'
COLUMNS = {
    "Kundennummer": "id", "Vorname": "first", "Nachname": "last", "Geburtsdatum": "birth", "Straße": "street",
    "Hausnummer": "number", "PLZ": "postcode", "Ort": "city", "E-Mail": "email", "Telefon": "phone",
}  # fmt: skip


def regulars(*words: object) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "regulars", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


class Shop:
    """A running shop with an imported customer file."""

    def __init__(self, product: Product, folder: Path, doubles: set[tuple[int, int]], twins: tuple[int, int]) -> None:
        self.product, self.folder, self.doubles, self.twins = product, folder, doubles, twins
        self.browser = httpx.Client(base_url=product.address, timeout=60)

    def link(self) -> str:
        done = regulars("identity", "link", self.folder, "--data", self.product.data)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def one_person(self, pair: tuple[int, int]) -> bool:
        names = [self.product.http.get(f"/v1/profiles/crm_id:{n}", auth=SERVER).json()["profile"] for n in pair]
        return bool(names[0] == names[1])

    def sign_in(self) -> None:
        password = re.search(r"password (\S+)", self.product.printed())
        assert password is not None
        page = self.browser.get("/login").text
        data = {"csrf": token(page), "name": "admin", "password": password[1]}
        assert self.browser.post("/login", data=data).status_code == 303

    def answer(self, said: str, *, later: str = "") -> httpx.Response:
        page = self.browser.get("/console/duplicates", params={"later": later}).text
        pair = {side: re.findall(rf'name="{side}" value="([^"]+)"', page)[0] for side in ("a", "b")}
        data = {"csrf": token(page), **pair, "answer": said}
        return self.browser.post("/console/duplicates", data=data, follow_redirects=True)


def token(page: str) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', page)
    assert found is not None
    return found[1]


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    rows, doubles = file(80, 8)
    twins = len(rows), len(rows) + 1
    rows += [dict(rows[0], first="Rosalinde", last="Zwilling"), dict(rows[0], first="Balduin", last="Zwilling")]
    table = tmp_path / "kunden.csv"
    with table.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, delimiter=";")
        writer.writerow(COLUMNS)
        for place, row in enumerate(rows):
            writer.writerow({**row, "id": str(place)}[field] for field in COLUMNS.values())
    folder = make_shop(tmp_path / "shop")
    (folder / "identity.toml").write_text(IDENTITY, encoding="utf-8")
    with Product(folder, tmp_path / "data") as product:
        done = regulars("import", folder, table, "--kind", "customers", "--key", SERVER_KEY, "--data", product.data)
        assert done.returncode == 0, done.stderr
        assert f"{len(rows)} customers imported, 0 bad rows" in done.stdout
        product.wait_folded()
        made = Shop(product, folder, doubles, twins)
        yield made
        made.browser.close()


def test_doubles_are_linked_twins_are_asked_about_and_everything_can_be_taken_back(shop: Shop) -> None:
    assert not any(map(shop.one_person, shop.doubles))
    said = shop.link()
    assert f"{len(shop.doubles)} pairs linked" in said
    assert all(map(shop.one_person, shop.doubles))
    assert not shop.one_person(shop.twins)

    shop.sign_in()
    page = shop.browser.get("/console/duplicates").text
    assert "Rosalinde" in page
    assert "Balduin" in page
    shop.answer("reject")
    assert "Balduin" not in shop.browser.get("/console/duplicates").text
    assert "staff have said no" in shop.link()
    assert not shop.one_person(shop.twins)

    pair = min(shop.doubles)
    body = {"a": f"crm_id:{pair[0]}", "b": f"crm_id:{pair[1]}", "reason": "two people after all"}
    assert shop.product.http.post("/v1/privacy/unlink", json=body, auth=SERVER).status_code == 200
    assert not shop.one_person(pair)
    shop.link()
    assert not shop.one_person(pair)


def test_an_accepted_pair_becomes_one_person_and_the_look_is_recorded(shop: Shop) -> None:
    shop.link()
    shop.sign_in()
    shop.answer("later")
    assert not shop.one_person(shop.twins)
    shop.answer("accept", later="true")
    assert shop.one_person(shop.twins)
    looks = shop.browser.get("/console/access").text
    assert looks.count("possible duplicate") >= 4
    refused = shop.browser.post("/console/duplicates", data={"a": "x", "b": "y", "answer": "accept", "csrf": "forged"})
    assert refused.status_code == 403


def test_a_dry_run_changes_nothing(shop: Shop) -> None:
    done = regulars("identity", "link", shop.folder, "--data", shop.product.data, "--dry-run")
    assert f"would link {len(shop.doubles)} pairs and show 1 to staff" in done.stdout
    assert not any(map(shop.one_person, shop.doubles))


def test_a_customer_file_imported_twice_counts_once_and_a_file_without_ids_says_so(shop: Shop, tmp_path: Path) -> None:
    table = tmp_path / "kunden.csv"
    folder, data = shop.folder, shop.product.data
    again = regulars("import", folder, table, "--kind", "customers", "--key", SERVER_KEY, "--data", data, "--again")
    assert again.returncode == 0, again.stderr
    shop.product.wait_folded()
    events = shop.product.http.get("/v1/profiles/crm_id:3/timeline", auth=SERVER).json()
    assert len(events["events"]) == 1
    table.write_text("Vorname,Nachname\nAna,Lopez\n", encoding="utf-8")
    bad = regulars("import", folder, table, "--kind", "customers", "--key", SERVER_KEY, "--data", data)
    assert (bad.returncode, "record_id" in bad.stderr) == (2, True)
