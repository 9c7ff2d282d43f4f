"""A person is erased while the shop is open: through the front door, in every file, and again after a backup."""

import gzip
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from regulars.adapters.log.reading import FileLogReader
from regulars.testing import Product
from tests.acceptance.shop import SERVER_KEY, WRITE_KEY, make_shop, viewed, views

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]

SERVER = (SERVER_KEY, "")
MAIL = "ana.winter@mail.example"
PHONE = "+491701234567"
QUICK = {"REGULARS_SEAL_SECONDS": "1", "REGULARS_PROFILE_TABLE_SECONDS": "1", "REGULARS_SEAL_RECORDS": "5"}


def regulars(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "regulars", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=180)


def track(message: str, user: str, **more: Any) -> dict[str, Any]:
    return viewed(message, user) | more


def order(number: str, user: str) -> dict[str, Any]:
    return {
        "type": "track", "event": "Order Completed", "messageId": f"order-{number}", "userId": user,
        "properties": {"order_id": number, "total": 20.5, "products": [{"product_id": "p1", "price": 20.5}]},
    }  # fmt: skip


def live(product: Product) -> None:
    """Ana and Bo, a tablet that both used, and events of Bo that name Ana."""
    ana, bo = "ana-4711-winter", "bo-0815-sommer"
    identify = {"type": "identify", "messageId": "i1", "userId": ana, "anonymousId": "ana-phone-device-1"}
    facts = {"traits": {"email": MAIL.upper(), "phone": "0049 170 1234567", "city": "Bern"}}
    batch = [
        identify | facts,
        track("a1", ana, anonymousId="tablet-in-the-shop-9", timestamp="2026-01-05T10:00:00Z"),
        track("t1", "", userId=None, anonymousId="tablet-in-the-shop-9", timestamp="2026-01-05T10:30:00Z"),
        track("b1", bo, anonymousId="tablet-in-the-shop-9", timestamp="2026-01-05T11:00:00Z"),
        track("t2", "", userId=None, anonymousId="tablet-in-the-shop-9", timestamp="2026-01-05T11:30:00Z"),
        {"type": "identify", "messageId": "i2", "userId": bo, "traits": {"friend": MAIL, "city": "Basel"}},
        order("o-ana", ana), order("o-bo", bo), track("a2", ana), track("b2", bo),
    ]  # fmt: skip
    body = gzip.compress(json.dumps({"batch": batch}).encode())
    headers = {"content-encoding": "gzip", "content-type": "application/json"}
    answer = product.http.post("/v1/batch", content=body, headers=headers, auth=SERVER)
    assert answer.status_code == 200, answer.text
    # A browser claims to be Ana; a call without a usable identifier that names her fails.
    claim = track("c1", ana, anonymousId="somebody-elses-browser")
    assert product.http.post("/v1/track", json=claim, auth=(WRITE_KEY, "")).status_code == 200
    failed = {"type": "track", "event": "Product Viewed", "messageId": "f1", "properties": {"note": MAIL}}
    assert product.http.post("/v1/track", json=failed, auth=SERVER).status_code == 200
    asked = {"userId": ana, "placements": ["home.hero"]}
    product.http.post("/v1/decide", json=asked, auth=SERVER)
    product.wait_folded()


def erase(http: httpx.Client, identifier: str = f"email:{MAIL}") -> dict[str, Any]:
    """Ask, wait, and give the certificate."""
    answer = http.post("/v1/privacy/erase", json={"identifier": identifier, "reason": f"{MAIL} asked"}, auth=SERVER)
    assert answer.status_code == 202, answer.text
    begun = answer.json()
    assert answer.headers["location"] == begun["certificate"]
    deadline = time.monotonic() + 90
    found: dict[str, Any] = {}
    while time.monotonic() < deadline:
        found = http.get(begun["certificate"], auth=SERVER).json()
        if found["done"]:
            return found
        time.sleep(0.05)
    raise AssertionError(found)


def spelled(data: Path) -> list[str]:
    """Files that hold the mail address or the number of Ana, raw."""
    wanted = (MAIL.encode(), PHONE.encode(), b"ana-4711-winter")
    paths = [path for path in data.rglob("*") if path.is_file()]
    return [f"{path}: {one!r}" for path in paths for one in wanted if one in path.read_bytes().lower()]


@pytest.fixture(scope="module")
def erased(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Product, dict[str, Any], Path]]:
    """A shop in which Ana was erased, and a backup from before."""
    root = tmp_path_factory.mktemp("erased")
    with Product(make_shop(root / "shop"), root / "data", environment=QUICK) as product:
        live(product)
        deadline = time.monotonic() + 60
        while not list((root / "data" / "lake").rglob("profile/*.parquet")):
            assert time.monotonic() < deadline, product.printed()
            time.sleep(0.05)
        done = regulars("backup", root / "shop", root / "backup", "--data", root / "data")
        assert done.returncode == 0, done.stderr
        before = product.http.get("/v1/profiles/user_id:bo-0815-sommer", auth=SERVER).json()
        certificate = erase(product.http)
        yield product, {**certificate, "bo_before": before}, root


def test_the_person_is_gone_and_the_certificate_counts_what_went(
    erased: tuple[Product, dict[str, Any], Path],
) -> None:
    product, certificate, _ = erased
    removed = certificate["erasure"]["removed"]
    assert (removed["profiles"], removed["orders"]) == (1, 1)
    assert removed["identifiers"] >= 4
    assert removed["lake_rows"] >= 4
    assert removed["log_events"] >= 4
    assert removed["failed"] == 1
    assert removed["lake_rows_of_others_changed"] >= 2
    for identifier in ("user_id:ana-4711-winter", f"email:{MAIL}", f"phone:{PHONE}", "anonymous_id:ana-phone-device-1"):
        assert product.http.get(f"/v1/profiles/{identifier}", auth=SERVER).status_code == 404
    told = json.dumps({name: certificate[name] for name in ("erasure", "remains")})
    assert MAIL not in told
    assert "ana-4711" not in told


def test_the_search_finds_what_is_planted_in_every_store_and_nothing_of_the_person(
    erased: tuple[Product, dict[str, Any], Path],
) -> None:
    _, certificate, root = erased
    checked = {one["store"]: one for one in certificate["erasure"]["checked"]}
    assert {"state", "log", "lake", "profile table", "models", "packed files", "other files"} <= checked.keys()
    assert all(one["planted"] > 0 for one in checked.values())
    assert certificate["erasure"]["left"] == []
    assert spelled(root / "data") == []
    assert spelled(root / "backup") != []


def test_others_are_as_they_were(erased: tuple[Product, dict[str, Any], Path]) -> None:
    product, certificate, _ = erased
    after = product.http.get("/v1/profiles/user_id:bo-0815-sommer", auth=SERVER).json()
    # All but what Bo's own facts told of Ana.
    before = certificate["bo_before"]
    assert before["facts"]["friend"] == MAIL
    # The tablet that both used has one holder left, as if Ana had never been there.
    known = sorted({*before["identifiers"], "anonymous_id:tablet-in-the-shop-9"})
    assert after == before | {"facts": before["facts"] | {"friend": ""}, "identifiers": known}
    events = product.http.get("/v1/profiles/user_id:bo-0815-sommer/timeline", auth=SERVER).json()["events"]
    assert {"b1", "b2", "i2", "order-o-bo"} <= {event["message_id"] for event in events}


def test_the_body_keeps_the_events_of_others_in_their_places(erased: tuple[Product, dict[str, Any], Path]) -> None:
    _, _, root = erased
    log = FileLogReader(root / "data" / "log")
    (batch,) = [json.loads(record.body) for record in log.read(0) if record.route == "batch"]
    log.close()
    kinds = [call.get("messageId", call["type"]) for call in batch["batch"]]
    assert kinds == ["erased", "erased", "erased", "b1", "t2", "i2", "erased", "order-o-bo", "erased", "b2"]
    assert batch["batch"][5]["traits"] == {"friend": "", "city": "Basel"}


def test_a_repeated_message_does_not_bring_the_person_back_and_a_new_one_starts_from_zero(
    erased: tuple[Product, dict[str, Any], Path],
) -> None:
    product, _, _ = erased
    product.http.post("/v1/track", json=track("a2", "ana-4711-winter"), auth=SERVER)
    product.wait_folded()
    assert product.http.get("/v1/profiles/user_id:ana-4711-winter", auth=SERVER).status_code == 404
    product.http.post("/v1/track", json=track("new", "ana-4711-winter"), auth=SERVER)
    product.wait_folded()
    assert views(product.http, "ana-4711-winter") == 1
    found = product.http.get("/v1/profiles/user_id:ana-4711-winter", auth=SERVER).json()
    assert found["traits"]["orders"] in (0, None)
    certificate = erase(product.http, "user_id:ana-4711-winter")
    assert certificate["erasure"]["removed"]["profiles"] == 1


def test_bad_requests_are_told_what_is_wrong(erased: tuple[Product, dict[str, Any], Path]) -> None:
    product, _, _ = erased
    answer = product.http.post("/v1/privacy/erase", json={"identifier": "nonsense"}, auth=SERVER)
    assert (answer.status_code, answer.json()["field"]) == (422, "identifier")
    assert product.http.get("/v1/privacy/erasures/none", auth=SERVER).status_code == 404
    assert product.http.post("/v1/privacy/erase", json={}, auth=(WRITE_KEY, "")).status_code == 403
    unknown = erase(product.http, "user_id:nobody-ever-seen")
    assert unknown["erasure"]["known"] is False


def test_the_command_line_erases_and_proves(tmp_path: Path) -> None:
    with Product(make_shop(tmp_path / "shop"), tmp_path / "data", environment=QUICK) as product:
        live(product)
        where = (tmp_path / "shop", f"email:{MAIL}")
        data = ("--data", tmp_path / "data")
        found = regulars("erase", *where, "--verify", *data)
        assert (found.returncode, "state.db: plain form" in found.stdout) == (1, True), found.stderr
        done = regulars("erase", *where, "--yes", "--reason", "asked by letter", *data)
        assert done.returncode == 0, done.stderr
        certificate = json.loads(done.stdout)
        assert certificate["erasure"]["reason"] == "asked by letter"
        assert certificate["erasure"]["by"] == "operator"
        clean = regulars("erase", *where, f"phone:{PHONE}", "user_id:ana-4711-winter", "--verify", *data)
        assert (clean.returncode, clean.stdout.splitlines()[-1]) == (0, "found: 0"), clean.stdout
        planted = tmp_path / "exports" / "all.csv.gz"
        planted.parent.mkdir()
        planted.write_bytes(gzip.compress(f"id;mail\n1;{MAIL}\n".encode()))
        exported = regulars("erase", *where, "--verify", "--in", planted.parent, *data)
        assert (exported.returncode, "all.csv.gz" in exported.stdout) == (1, True)
        assert regulars("erase", tmp_path / "shop", "nonsense", "--yes", *data).returncode == 2
    assert regulars("erase", *where, "--yes", *data).returncode == 2  # no server runs


def test_a_backup_from_before_forgets_again_before_it_serves(tmp_path: Path) -> None:
    first, second = tmp_path / "data", tmp_path / "again" / "data"
    with Product(make_shop(tmp_path / "shop"), first, environment=QUICK) as product:
        live(product)
        assert regulars("backup", tmp_path / "shop", tmp_path / "old", "--data", first).returncode == 0
        certificate = erase(product.http)["erasure"]
        nobody = erase(product.http, "user_id:nobody-ever-seen")["erasure"]
        assert regulars("backup", tmp_path / "shop", tmp_path / "new", "--data", first).returncode == 0
    wrong = regulars("restore", tmp_path / "old", tmp_path / "wrong", "--erasures", tmp_path / "shop")
    assert (wrong.returncode, "holds no ledger of erasures" in wrong.stderr) == (2, True), wrong.stderr
    done = regulars("restore", tmp_path / "old", tmp_path / "again", "--erasures", first)
    assert done.returncode == 0, done.stderr
    assert spelled(second) != []
    with Product(tmp_path / "again", second, environment=QUICK) as product:
        assert product.http.get(f"/v1/profiles/email:{MAIL}", auth=SERVER).status_code == 404
        assert product.http.get("/v1/profiles/user_id:bo-0815-sommer", auth=SERVER).status_code == 200
        found = {one["erasure"]["id"]: one for one in product.http.get("/v1/privacy/erasures", auth=SERVER).json()}
        again = found[certificate["id"]]["erasure"]
        assert (again["again"], again["phase"], again["left"]) == (True, "done", [])
        assert again["requested_at"] == certificate["requested_at"]
        assert all(one["planted"] > 0 for one in again["checked"])
        assert (found[nobody["id"]]["done"], found[nobody["id"]]["erasure"]["again"]) == (True, True)
        assert spelled(second) == []
    # The newer backup knows the erasures; a data folder with the ledger in it counts as empty.
    ledger = tmp_path / "third" / "data" / "erasures" / "ledger.jsonl"
    ledger.parent.mkdir(parents=True)
    ledger.write_bytes((first / "erasures" / "ledger.jsonl").read_bytes())
    assert regulars("restore", tmp_path / "new", tmp_path / "third").returncode == 0
    with Product(tmp_path / "third", tmp_path / "third" / "data", environment=QUICK) as product:
        listed = product.http.get("/v1/privacy/erasures", auth=SERVER).json()
        assert [one["erasure"]["again"] for one in listed] == [False, False]
