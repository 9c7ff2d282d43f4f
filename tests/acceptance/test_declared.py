"""Declared beats inferred, asked through the front door: profile, segments, decisions, access report and own page."""

import re
import time
from collections.abc import Iterator
from html import unescape
from typing import Any

import pytest

from regulars.testing import Product
from tests.acceptance.shop import FILES, PERSONAL, SERVER_KEY, WRITE_KEY, make_shop

pytestmark = pytest.mark.acceptance

EVENTS = FILES["events.toml"].replace('note = "text" }', 'note = "text", category = "text" }')
TRAITS = (
    FILES["traits.toml"]
    + """
    [traits.browsed]
    kind = "affinity"
    events = ["Product Viewed"]
    of = "category"
    half_life_days = 30
    interest = true
    purpose = "personalisation"
    title = { en = "Browsed", de = "Angesehen" }
    """
)
SEGMENTS = """
    [segments.bikers]
    purpose = "personalisation"
    when = "interest('Bikes') > 0.2"
    [segments.tea_drinkers]
    purpose = "personalisation"
    when = "interest('Tea') > 0.2"
    """
OFFERS = """
    [offers.bikes]
    purpose = "personalisation"
    placements = ["home"]
    when = "in_segment('bikers')"
    value = 900
    title = { en = "A new bike", de = "Ein neues Rad" }
    [offers.tea]
    purpose = "personalisation"
    placements = ["home"]
    when = "in_segment('tea_drinkers')"
    value = 1
    title = { en = "First flush", de = "Erste Ernte" }
    """
DECLARED = {"topics": ["Tea"], "not_again": ["category:Bikes"]}

SAID = {"Tea": (True, "declared"), "Bikes": (False, "declared")}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    root = tmp_path_factory.mktemp("declared")
    folder = make_shop(root / "shop", consent=PERSONAL, events=EVENTS, traits=TRAITS, segments=SEGMENTS)
    (folder / "placements.toml").write_text("[placements.home]\nexploration = 0.0\n", encoding="utf-8")
    (folder / "offers").mkdir()
    (folder / "offers" / "all.toml").write_text(OFFERS, encoding="utf-8")
    with Product(folder, root / "data") as product:
        product.http.auth = (SERVER_KEY, "")
        yield product


def send(product: Product, *calls: dict[str, Any], key: str = SERVER_KEY) -> None:
    product.http.post("/v1/batch", json={"batch": list(calls)}, auth=(key, "")).raise_for_status()
    product.wait_folded()


def known_by_looks(product: Product, who: dict[str, str], key: str = SERVER_KEY) -> None:
    """Somebody who looked at bikes all the time, which is all that is known."""
    name = next(iter(who.values()))
    yes = {"purposes": {"analytics": True, "personalisation": True}}
    calls = [{"type": "track", "event": "Consent Updated", "messageId": f"{name}-yes", "properties": yes, **who}]
    calls += [
        {"type": "track", "event": "Product Viewed", "messageId": f"{name}-{at}", **who,
         "properties": {"product_id": f"b{at}", "category": "Bikes"}}
        for at in range(8)
    ]  # fmt: skip
    send(product, *calls, key=key)


def profile(product: Product, key: str) -> dict[str, Any]:
    found: dict[str, Any] = product.http.get(f"/v1/profiles/{key}").raise_for_status().json()
    return found


def interests(product: Product, key: str) -> dict[str, tuple[bool, str]]:
    """By what: whether it counts as one, and who says so."""
    return {one["key"]: (one["strength"] > 0, one["origin"]) for one in profile(product, key)["interests"]}


def offer(product: Product, key: str = SERVER_KEY, **call: Any) -> str | None:
    answer = product.http.post("/v1/decide", json={"placements": ["home"], **call}, auth=(key, ""))
    found = answer.raise_for_status().json()["placements"]["home"]["offer"]
    return None if found is None else str(found["id"])


def wish(name: str, **who: str) -> dict[str, Any]:
    said = {"preferences": DECLARED}
    return {"type": "track", "event": "Preference Declared", "messageId": f"{name}-wish", "properties": said, **who}


def by_event(product: Product, user: str) -> None:
    send(product, wish(user, userId=user))


def by_staff(product: Product, user: str) -> None:
    body = {"identifier": f"user_id:{user}", "preferences": DECLARED, "reason": "said at the till"}
    product.http.post("/v1/privacy/preferences", json=body).raise_for_status()


def by_own_page(product: Product, user: str) -> None:
    body = {"action": "me", "identifier": f"user_id:{user}", "hours": 1}
    path = f"/me/{product.http.post('/v1/privacy/links', json=body).raise_for_status().json()['token']}"
    token = re.search(r'name="csrf" value="([^"]+)"', product.http.get(path).text)
    assert token
    form = {"csrf": token[1], "do": "wishes", "wish-topics": "Tea", "wish-not_again": "category:Bikes"}
    assert product.http.post(path, data=form).status_code == 303


@pytest.mark.parametrize("tell", [by_event, by_staff, by_own_page])
def test_what_a_customer_says_wins_everywhere_and_is_shown_as_said(shop: Product, tell: Any) -> None:
    user = tell.__name__
    known_by_looks(shop, {"userId": user})
    assert interests(shop, f"user_id:{user}") == {"Bikes": (True, "inferred")}
    assert profile(shop, f"user_id:{user}")["segments"] == ["bikers"]
    assert offer(shop, userId=user) == "bikes"
    tell(shop, user)
    assert interests(shop, f"user_id:{user}") == SAID
    assert profile(shop, f"user_id:{user}")["segments"] == ["tea_drinkers"]
    assert offer(shop, userId=user) == "tea"
    # More looks change nothing of it.
    look = {"type": "track", "event": "Product Viewed", "userId": user, "messageId": f"{user}-late",
            "properties": {"product_id": "b9", "category": "Bikes"}}  # fmt: skip
    send(shop, look)
    assert interests(shop, f"user_id:{user}") == SAID
    assert offer(shop, userId=user) == "tea"
    report = shop.http.get(f"/v1/privacy/access/user_id:{user}").raise_for_status().json()
    origins = {one["preference"]: one["origin"] for one in report["preferences"]}
    assert origins == dict.fromkeys(DECLARED, "staff" if tell is by_staff else "customer")


def test_a_browser_tells_by_the_sdk_and_the_call_that_brings_it_obeys(shop: Product) -> None:
    known_by_looks(shop, {"anonymousId": "phone"}, key=WRITE_KEY)
    assert offer(shop, WRITE_KEY, anonymousId="phone") == "bikes"
    assert offer(shop, WRITE_KEY, anonymousId="phone", events=[wish("phone")]) == "tea"
    end = time.monotonic() + 30  # what rides along is logged after the answer
    while interests(shop, "anonymous_id:phone") != SAID:
        assert time.monotonic() < end, "the wish that rode along is not in the profile"
        time.sleep(0.05)
    assert offer(shop, WRITE_KEY, anonymousId="phone") == "tea"


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", ("I am interested in: Tea", "Not these products again: category Bikes", "noted by our staff",
                "Browsed: Bikes 100%", "inferred", "what you said counts instead for: Bikes")),
        ("de", ("Das interessiert mich: Tea", "Diese Artikel nicht mehr: Kategorie Bikes", "vom Personal notiert",
                "Angesehen: Bikes 100%", "errechnet", "hier gilt stattdessen, was Sie gesagt haben: Bikes",
                "Herkunft: vom Personal notiert")),
    ],
)  # fmt: skip
def test_the_report_tells_apart_what_was_said_and_what_was_worked_out(
    shop: Product, language: str, words: tuple[str, ...]
) -> None:
    user = f"reader-{language}"
    known_by_looks(shop, {"userId": user})
    by_staff(shop, user)
    path = f"/v1/privacy/access/user_id:{user}"
    text = shop.http.get(path, params={"format": "html", "language": language}).raise_for_status().text
    seen = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", unescape(text)))
    assert [one for one in words if one not in seen] == []
    assert "category:Bikes" not in seen
    (trait,) = [one for one in shop.http.get(path).json()["traits"] if one["name"] == "browsed"]
    assert (trait["inferred"], trait["declared_instead"]) == (True, ["Bikes"])


def test_who_does_not_want_a_profile_is_chosen_for_by_nothing_and_begins_anew_afterwards(shop: Product) -> None:
    known_by_looks(shop, {"userId": "rea"})
    by_staff(shop, "rea")
    assert offer(shop, userId="rea") == "tea"
    body = {"identifier": "user_id:rea", "restricted": True, "reason": "wrote to us"}
    shop.http.post("/v1/privacy/restrict", json=body).raise_for_status()
    assert offer(shop, userId="rea") is None  # at once
    held = profile(shop, "user_id:rea")
    assert (held["segments"], held["consent"], held["traits"].get("browsed") or {}) == ([], {}, {})
    assert held["preferences"] == DECLARED  # the account keeps what its customer wrote into it
    # A yes that rides along opens nothing while the wish stands.
    yes = {"event": "Consent Updated", "properties": {"purposes": {"personalisation": True}}, "messageId": "rea-again"}
    assert offer(shop, userId="rea", events=[yes]) is None
    shop.wait_folded()
    assert offer(shop, userId="rea") is None
    shop.http.post("/v1/privacy/restrict", json={**body, "restricted": False}).raise_for_status()
    shop.wait_folded()
    assert not profile(shop, "user_id:rea")["traits"].get("browsed")  # nothing of before counts again
