"""Google Analytics, call centre, programme, footfall and the like, sent over HTTP to a started shop."""

import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from regulars.testing import Product
from tests.acceptance.shop import FILES, SERVER_KEY, WRITE_KEY, make_shop, profile
from tests.fit_files import fit_file

pytestmark = pytest.mark.acceptance

SECRET = "ga-secret-of-the-shop"
MEASUREMENT = "G-SHOP1"
SOURCES = (
    FILES["sources.toml"].replace('origins = ["https://shop.example"]', f'app_ids = ["{MEASUREMENT}"]')
    + f"""
    [sources.analytics]
    kind = "server"
    key_sha256 = "{hashlib.sha256(SECRET.encode()).hexdigest()}"
    scopes = ["collect"]
    """
)
EVENTS = (
    FILES["events.toml"]
    + """
    [events."Page Viewed"]
    purpose = "contract"

    [events."Call Received"]
    purpose = "contract"

    [events."Zone Entered"]
    title = { en = "Zone entered" }

    [events."Zone Left"]
    title = { en = "Zone left" }

    [events."Activity Recorded"]
    purpose = "analytics"

    [events."Chat Ended"]
    purpose = "contract"

    [events."Product Reviewed"]
    purpose = "contract"
    """
)
CONSENT = (
    FILES["consent.toml"]
    + """
    [purposes.location]
    title = { en = "Where you are" }
    text = { de = "Wozu", en = "What for" }

    [purposes.conversations]
    title = { en = "What you wrote to us" }
    text = { de = "Wozu", en = "What for" }
    """
)
TRAITS = (
    FILES["traits.toml"]
    + """
    [traits.calls]
    kind = "count"
    events = ["Call Received"]

    [traits.visits]
    kind = "visits"
    events = ["Zone Entered", "Zone Left"]
    purpose = "location"

    [traits.spent]
    kind = "visits"
    events = ["Zone Entered", "Zone Left"]
    of = "dwell_seconds"
    purpose = "location"

    [traits.moved]
    kind = "sum"
    events = ["Activity Recorded"]
    of = "distance_m"
    where = { plausible = true }
    purpose = "analytics"
    """
)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """A shop that all of them report to."""
    root = tmp_path_factory.mktemp("touchpoints")
    folder = make_shop(root / "shop", sources=SOURCES, events=EVENTS, traits=TRAITS, consent=CONSENT)
    with Product(folder, root / "data", key=SERVER_KEY) as started:
        yield started


def send(shop: Product, kind: str, rows: Any, key: str = SERVER_KEY) -> int:
    return shop.http.post(f"/v1/touchpoints/{kind}", json=rows, auth=(key, "")).status_code


def iso(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")


def test_a_purchase_of_the_measurement_protocol_is_an_order_however_often_it_is_sent(shop: Product) -> None:
    item = {"item_id": "p1", "price": 10, "quantity": 2}
    params = {"transaction_id": "GA-1", "value": 20, "shipping": 5, "currency": "EUR", "items": [item]}
    body = {
        "client_id": "77.1", "user_id": "gina", "timestamp_micros": time.time_ns() // 1000 - 60_000_000,
        "events": [{"name": "purchase", "params": params}],
    }  # fmt: skip
    asked = {"measurement_id": MEASUREMENT, "api_secret": SECRET}
    for _ in range(2):
        answer = httpx.post(f"{shop.address}/mp/collect", params=asked, json=body)
        assert (answer.status_code, answer.content) == (204, b"")
    gina = profile(shop, "user_id:gina")
    assert (gina["traits"]["orders"], gina["traits"]["revenue"]) == (1, 2500)
    assert profile(shop, "anonymous_id:77.1")["profile"] == gina["profile"]


def test_the_debug_address_tells_what_is_wrong_and_stores_nothing(shop: Product) -> None:
    body = {"client_id": "77.2", "events": [{"name": "purchase", "params": {}}, {"name": "page_view"}]}
    answer = httpx.post(f"{shop.address}/debug/mp/collect", params={"api_secret": SECRET}, json=body)
    (message,) = answer.json()["validationMessages"]
    assert message["fieldPath"] == "events.0.params.transaction_id"
    assert message["validationCode"] == "MISSING_FIELD"
    shop.wait_folded()
    assert shop.http.get("/v1/profiles/anonymous_id:77.2").status_code == 404


def test_a_secret_of_nobody_is_refused(shop: Product) -> None:
    body = {"client_id": "1", "events": [{"name": "page_view"}]}
    for path, asked in (
        ("/mp/collect", {"api_secret": "else"}),
        ("/debug/mp/collect", {}),
        ("/g/collect", {"tid": "G-X"}),
    ):
        assert httpx.post(shop.address + path, params=asked, json=body).status_code == 401


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_the_web_tag_is_known_by_its_measurement_id(shop: Product, method: str) -> None:
    shared = {"v": "2", "tid": MEASUREMENT, "cid": f"88.{method}", "_p": "1", "_s": "1", "dl": "https://s.example/a"}
    line = "en=view_item&pr1=idp9~nmBell"
    content = None if method == "GET" else line
    asked = shared | (dict(one.split("=") for one in line.split("&")) if method == "GET" else {})
    answer = httpx.request(method, f"{shop.address}/g/collect", params=asked, content=content)
    assert answer.status_code == 204
    assert profile(shop, f"anonymous_id:88.{method}")["traits"]["views"] == 1


def test_what_was_on_air_is_noted_with_calls_and_orders(shop: Product) -> None:
    now = datetime.now(UTC)
    rows = [
        {"station": "Shop TV", "starts": iso(now - timedelta(minutes=20)), "ends": iso(now + timedelta(minutes=40)),
         "title": "Knives at eight", "product_ids": "k1, k2", "phone": "0800 111222"},
        {"Sender": "Radio 1", "Beginn": iso(now - timedelta(minutes=5)), "Dauer": 30, "spot_id": "s7",
         "Rufnummer": "0800 333444", "medium": "radio"},
    ]  # fmt: skip
    assert send(shop, "programme", rows) == 200
    shop.wait_folded()
    told = shop.http.get("/v1/programme/now").json()["on_air"]
    assert [one["station"] for one in told] == ["Radio 1", "Shop TV"]
    by_number = shop.http.get("/v1/programme/now", params={"dialled": "+49 800 111222"}).json()["on_air"]
    assert [(one["title"], one["product_ids"]) for one in by_number] == [("Knives at eight", ["k1", "k2"])]
    at = shop.http.get("/v1/programme/now", params={"at": iso(now - timedelta(hours=3))}).json()
    assert at["on_air"] == []

    call = {"caller": "+49 170 1112223", "DNIS": "0800333444", "call_id": "c-1", "time": iso(now), "duration": "95"}
    assert send(shop, "calls", call) == 200
    order = {
        "type": "track", "event": "Order Completed", "userId": "tanja", "messageId": "tv-1", "timestamp": iso(now),
        "properties": {"order_id": "TV-1", "total": 49, "currency": "EUR", "dialled_number": "0800111222"},
    }  # fmt: skip
    assert shop.http.post("/v1/track", json=order).status_code == 200
    caller = profile(shop, "phone:+491701112223")
    assert caller["traits"]["calls"] == 1
    for identifier, title in (("phone:+491701112223", "s7"), ("user_id:tanja", "Knives at eight")):
        timeline = shop.http.get(f"/v1/profiles/{identifier}/timeline").json()
        (event,) = timeline["events"]
        (aired,) = event["context"]["on_air"]
        assert title in (aired.get("title"), aired.get("spot_id"))


def test_a_schedule_that_comes_after_the_calls_says_what_was_on_air_then(shop: Product, tmp_path: Path) -> None:
    then = datetime.now(UTC).replace(microsecond=0) - timedelta(days=2)
    call = {"caller": "+49 170 5556667", "DNIS": "0800777", "call_id": "late-1", "time": iso(then), "duration": "60"}
    assert send(shop, "calls", call) == 200
    order = {
        "type": "track", "event": "Order Completed", "userId": "late-ana", "messageId": "tv-late",
        "timestamp": iso(then), "properties": {"order_id": "TV-LATE", "total": 20, "currency": "EUR"},
    }  # fmt: skip
    assert shop.http.post("/v1/track", json=order).status_code == 200
    shop.wait_folded()

    def aired() -> list[list[str]]:
        found = []
        for who in ("phone:+491705556667", "user_id:late-ana"):
            (event,) = shop.http.get(f"/v1/profiles/{who}/timeline").json()["events"]
            found.append([one["title"] for one in event["context"].get("on_air", ())])
        return found

    assert aired() == [[], []]
    toml = f"""
        station = "Night TV"
        [[programme]]
        starts = {iso(then - timedelta(minutes=30))}
        ends = {iso(then + timedelta(minutes=30))}
        title = "TITLE"
        """
    for title in ("Pans", "Pans and pots"):  # and again, put right
        (tmp_path / "schedule.toml").write_text(toml.replace("TITLE", title), encoding="utf-8")
        command = [sys.executable, "-m", "regulars", "import", str(shop.shop), str(tmp_path / "schedule.toml")]
        words = [*command, "--kind", "programme", "--data", str(shop.data)]
        done = subprocess.run(
            words,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            env={**os.environ, "REGULARS_KEY": SERVER_KEY},
        )
        assert done.returncode == 0, done.stderr
        shop.wait_folded()
        assert aired() == [[title], [title]]
    report = shop.http.get("/v1/privacy/access/user_id:late-ana")
    assert "Pans and pots" in report.text


def test_facts_of_the_shop_are_kept_without_a_person_and_the_last_word_counts(shop: Product) -> None:
    today = datetime.now(UTC).date().isoformat()
    row = {"Day": today, "Campaign": "May", "platform": "google", "Cost": "12,50", "Clicks": "40", "userId": "ana"}
    assert send(shop, "advertising", [row]) == 200
    assert send(shop, "advertising", {"rows": [row | {"Cost": "13,75"}]}) == 200
    count = {"store": "Köln", "time": iso(datetime.now(UTC) - timedelta(hours=1)), "in": 17, "out": 12, "minutes": 60}
    assert send(shop, "footfall", count) == 200
    assert (
        send(shop, "searches", {"date": today, "query": "kettle", "clicks": 3, "impressions": 90, "position": 4.2})
        == 200
    )
    shop.wait_folded()
    (told,) = shop.http.get("/v1/facts/advertising").json()["facts"]
    assert (told["campaign"], told["cost"], told["clicks"]) == ("May", 13.75, 40)
    (counted,) = shop.http.get("/v1/facts/footfall").json()["facts"]
    assert (counted["store_id"], counted["count_in"], counted["count_out"]) == ("Köln", 17, 12)
    assert shop.http.get("/v1/facts/searches").json()["facts"][0]["query"] == "kettle"
    assert shop.http.get("/v1/facts/weather").status_code == 404
    assert shop.http.get("/v1/profiles/user_id:ana").status_code == 404


def test_a_fact_of_the_shop_is_traced_like_every_event(shop: Product) -> None:
    row = {"event_id": "foot-1", "store": "Bonn", "time": iso(datetime.now(UTC)), "in": 1}
    assert send(shop, "footfall", row) == 200
    shop.wait_folded()
    trace = shop.http.get("/v1/trace/foot-1").json()
    assert trace["status"] == "admitted"
    assert "profile" not in trace


def test_rows_are_for_servers_and_a_bad_one_fails_alone(shop: Product) -> None:
    assert send(shop, "calls", [], key=WRITE_KEY) == 403
    assert send(shop, "calls", [], key="nobody") == 401
    answer = shop.http.post("/v1/touchpoints/calls", content=b"nonsense")
    assert answer.status_code == 400
    assert answer.json()["field"] == "body"
    good = {"phone": "+491709998887", "call_id": "c-9", "time": iso(datetime.now(UTC))}
    assert send(shop, "calls", [{"call_id": "c-8"}, good, 7]) == 200
    assert profile(shop, "phone:+491709998887")["traits"]["calls"] == 1
    causes = shop.http.get("/v1/failed").json()
    assert "user_id" in json.dumps(causes)


def consent(shop: Product, identifier: str, purposes: dict[str, bool]) -> None:
    kind, _, value = identifier.partition(":")
    call = {
        "type": "track", "event": "Consent Updated", "context": {"externalIds": [{"type": kind, "id": value}]},
        "timestamp": iso(datetime.now(UTC) - timedelta(days=2)), "properties": {"purposes": purposes},
    }  # fmt: skip
    assert shop.http.post("/v1/track", json=call).status_code == 200


def test_a_visit_that_comes_in_pieces_over_a_ten_minutes_mark_counts_once(shop: Product) -> None:
    """Two gateways hear one tag, each body is sent twice, and the last part comes first."""
    mark = (int(time.time()) // 600 - 6) * 600
    consent(shop, "beacon_device:tag-flaps", {"location": True})
    for body in ((60, 130), (-90, -30, 0), (30, 90), (60, 130), (-90, -30, 0)):
        rows = [
            {
                "beacon": "tag-flaps",
                "zone": "shoes",
                "store": "Bonn",
                "time": iso(datetime.fromtimestamp(mark + at, UTC)),
            }
            for at in body
        ]
        assert send(shop, "sightings", rows) == 200
    traits = profile(shop, "beacon_device:tag-flaps")["traits"]
    assert (traits["visits"], traits["spent"]) == (1, 220)


def test_who_entered_and_left_in_two_bodies_was_there_as_long_as_between_them(shop: Product) -> None:
    """An app posts each as it happens, without remembering the other, and the leaving arrives first."""
    consent(shop, "beacon_device:tag-app", {"location": True})
    start = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
    for what, after in (("left", 1500), ("entered", 0), ("left", 1500)):
        row = {"beacon": "tag-app", "zone": "shoes", "event": what, "time": iso(start + timedelta(seconds=after))}
        assert send(shop, "sightings", [row]) == 200
    traits = profile(shop, "beacon_device:tag-app")["traits"]
    assert (traits["visits"], traits["spent"]) == (1, 1500)


def test_sightings_count_for_those_who_agreed_to_tell_where_they_are(shop: Product) -> None:
    start = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
    consent(shop, "beacon_device:tag-yes", {"location": True})
    rows = [
        {"beacon": tag, "zone": "shoes", "store": "Bonn", "event": what, "time": iso(start + timedelta(seconds=after))}
        for tag in ("tag-yes", "tag-no")
        for what, after in (("entered", 0), ("left", 40), ("entered", 70), ("left", 300))
    ]
    assert send(shop, "sightings", rows) == 200
    assert send(shop, "sightings", rows) == 200
    agreed = profile(shop, "beacon_device:tag-yes")["traits"]
    assert (agreed["visits"], agreed["spent"]) == (1, 300)
    other = shop.http.get("/v1/profiles/beacon_device:tag-no")
    assert other.status_code == 404 or not other.json()["traits"]["visits"]
    timeline = shop.http.get("/v1/profiles/beacon_device:tag-no/timeline")
    assert timeline.status_code == 404 or timeline.json()["events"] == []


def test_a_sighting_with_a_position_is_refused_before_it_is_stored(shop: Product) -> None:
    row = {"beacon": "tag-yes", "zone": "shoes", "time": iso(datetime.now(UTC)), "Latitude": 50.7, "lon": 7.1}
    answer = shop.http.post("/v1/touchpoints/sightings", json=[row])
    assert (answer.status_code, answer.json()["field"]) == (400, "latitude")


def test_an_activity_counts_where_it_is_plausible(shop: Product) -> None:
    consent(shop, "user_id:rita", {"analytics": True})
    start = iso(datetime.now(UTC) - timedelta(hours=3))
    run = {"user_id": "rita", "start": start, "sport": "run", "duration": 3600, "distance_km": 10, "id": "r1"}
    fast = run | {"id": "r2", "duration": 60, "start": iso(datetime.now(UTC) - timedelta(hours=6))}
    assert send(shop, "activities", [run, fast]) == 200
    assert profile(shop, "user_id:rita")["traits"]["moved"] == 10_000


def test_what_was_said_in_a_chat_is_kept_with_consent_and_without_card_numbers(shop: Product) -> None:
    consent(shop, "user_id:cora", {"conversations": True})
    said = [{"by": "customer", "text": "My card is 4111 1111 1111 1111"}, {"by": "shop", "text": "Thank you"}]
    rows = [
        {"user_id": who, "chat_id": f"chat-{who}", "time": iso(datetime.now(UTC)), "messages": said}
        for who in ("cora", "dora")
    ]
    assert send(shop, "chats", rows) == 200
    shop.wait_folded()
    kept = {}
    for who in ("cora", "dora"):
        events = shop.http.get(f"/v1/profiles/user_id:{who}/timeline").json()["events"]
        kept[who] = {event["name"]: event["properties"] for event in events}
    assert kept["cora"]["Chat Transcribed"]["text"] == "customer: My card is [card]\nshop: Thank you"
    assert kept["dora"].keys() == {"Chat Ended"}
    assert kept["dora"]["Chat Ended"]["messages"] == 2
    for path in (shop.data / "log").iterdir():
        assert b"4111 1111" not in path.read_bytes()


def test_a_review_of_nobody_we_know_is_about_the_product_alone(shop: Product) -> None:
    rows = [
        {
            "user_id": "rosa",
            "id": "rev-1",
            "product_id": "p1",
            "stars": "5",
            "text": "Great, mail me: rosa@shop.example",
        },
        {"event_id": "rev-2", "product_id": "p1", "stars": 2, "time": iso(datetime.now(UTC))},
    ]
    assert send(shop, "reviews", rows) == 200
    shop.wait_folded()
    (event,) = shop.http.get("/v1/profiles/user_id:rosa/timeline").json()["events"]
    assert (event["properties"]["rating"], event["properties"]["review_body"]) == (5, "Great, mail me: [e-mail]")
    trace = shop.http.get("/v1/trace/rev-2").json()
    assert trace["status"] == "admitted"
    assert "profile" not in trace


def imported(shop: Product, kind: str, path: Path, *options: str) -> str:
    command = [sys.executable, "-m", "regulars", "import", str(shop.shop), str(path), "--kind", kind]
    command += ["--data", str(shop.data), "--key", SERVER_KEY, *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_files_of_watches_and_exports_come_in_by_the_command_line(shop: Product, tmp_path: Path) -> None:
    consent(shop, "user_id:fred", {"analytics": True})
    run = tmp_path / "run.fit"
    run.write_bytes(fit_file(start=datetime.now(UTC) - timedelta(hours=30), seconds=1800, metres=5_000))
    imported(shop, "activities", run, "--set", "user_id=fred")
    imported(shop, "activities", run, "--set", "user_id=fred", "--again")
    assert profile(shop, "user_id:fred")["traits"]["moved"] == 5_000
    row = {
        "event_name": "purchase", "event_timestamp": str(time.time_ns() // 1000), "user_pseudo_id": "99.1",
        "event_params": [{"key": "currency", "value": {"string_value": "EUR"}}],
        "ecommerce": {"transaction_id": "BQ-1", "purchase_revenue": 7.5}, "items": [{"item_id": "p1", "price": 7.5}],
    }  # fmt: skip
    export = tmp_path / "events.ndjson"
    export.write_text(json.dumps(row) + "\n", encoding="utf-8")
    imported(shop, "google-analytics", export)
    assert profile(shop, "anonymous_id:99.1")["traits"]["revenue"] == 750


def test_a_report_adds_facts_up(shop: Product) -> None:
    count = {"store": "Trier", "time": iso(datetime.now(UTC) - timedelta(hours=2)), "in": 5}
    assert (
        send(shop, "footfall", [count, count | {"in": 6, "time": iso(datetime.now(UTC) - timedelta(hours=1))}]) == 200
    )
    shop.wait_folded()
    command = [
        sys.executable,
        "-m",
        "regulars",
        "report",
        "facts",
        str(shop.shop),
        "footfall",
        "--data",
        str(shop.data),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert "Trier: count_in 11" in done.stdout
