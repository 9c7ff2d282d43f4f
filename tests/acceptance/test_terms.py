"""Terms through the front door: what is kept for some days and what was allowed for some is gone when they are over."""

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from regulars.testing import Product
from tests.acceptance.shop import FILES, SERVER_KEY, make_shop
from tests.acceptance.test_withdrawal_files import wait_for

pytestmark = pytest.mark.acceptance

NOON = 1_772_366_400_000  # 2026-03-01T12:00Z, ms
DAY = 86_400_000
CONSENT = """
    [purposes.analytics]
    title = { en = "Understanding our shop", de = "Unseren Laden verstehen" }
    expires_days = 10
    benefit = { with = { en = "We notice.", de = "Wir merken es." }, without = { en = "As all.", de = "Wie alle." } }
    [[purposes.analytics.texts]]
    version = "2025-01"
    text = { en = "Old", de = "Alt" }
    [[purposes.analytics.texts]]
    version = "2026-03"
    text = { en = "New", de = "Neu" }
    [purposes.news]
    text = { en = "News", de = "Neues" }
    channel = "email"
    double_opt_in = true
    """
TRAITS = FILES["traits.toml"] + (
    '\n[traits.likes]\nkind = "count"\nevents = ["Product Liked"]\npurpose = "analytics"\n'
    '\n[traits.liked_products]\nkind = "distinct"\nof = "product_id"\nevents = ["Product Liked"]\nkeep_days = 3\n'
    'purpose = "analytics"\n'
)
EVENTS = FILES["events.toml"].replace(
    "properties = { product_id = \"id\" }\n", "properties = { product_id = \"id\", mood = \"text\" }\n"
)  # fmt: skip
OFFER = '[offers.liker]\npurpose = "contract"\nplacements = ["home"]\nvalue = 1\nwhen = "likes >= 1"\n'


def test_what_is_kept_or_allowed_for_some_days_is_gone_after_them(tmp_path: Path) -> None:
    shop = make_shop(
        tmp_path / "shop",
        shop=FILES["shop.toml"] + 'clock = "records"\n[retention]\nfailed_days = 2\n',
        events=EVENTS.replace('[events."Product Viewed"]', '[events."Product Viewed"]\nkeep_days = 3'),
        consent=CONSENT,
        traits=TRAITS.replace("[traits.views]", "[traits.views]\nwindow_days = 2"),
    )
    (shop / "placements.toml").write_text("[placements.home]\nexploration = 0.0\n", encoding="utf-8")
    (shop / "offers").mkdir()
    (shop / "offers" / "one.toml").write_text(OFFER, encoding="utf-8")
    with Product(shop, tmp_path / "data", environment={"REGULARS_SEAL_SECONDS": "1"}) as product:
        product.http.auth = (SERVER_KEY, "")
        passes(product, 0)
        told = [
            ("Consent Updated", {"purposes": {"analytics": True}, "method": "banner", "text_version": "2026-03"}),
            ("Product Liked", {"product_id": "p1", "mood": "glad"}),
            ("Product Viewed", {"product_id": "p1"}),
        ]
        batch = [
            {
                "type": "track", "event": name, "userId": "ana", "messageId": f"m{at}", "properties": properties,
                "timestamp": datetime.fromtimestamp(NOON / 1000 + at, UTC).isoformat(),
            }
            for at, (name, properties) in enumerate(told)
        ]  # fmt: skip
        product.http.post("/v1/import", json={"batch": batch}).raise_for_status()
        product.wait_folded(seconds=30)
        assert {name: traits(product)[name] for name in ("views", "likes", "liked_products")} == {
            "views": 1, "likes": 1, "liked_products": 1,
        }  # fmt: skip
        assert decided(product) == "liker"
        names = [name for name, _ in told]
        wait_for(product.data, {("user_id:ana", name) for name in names})

        passes(product, 4)  # the term of the views and of one trait is over
        assert (traits(product)["likes"], traits(product)["liked_products"]) == (1, 0)
        wait_for(product.data, {("user_id:ana", name) for name in names[:2]})
        found = privacy_report(product)
        (source,) = found["found"]["sources"]
        (liked,) = [one for one in source["events"] if one["name"] == "Product Liked"]
        assert source["id"] == "till"
        assert {one["name"]: one["used_for"] for one in liked["fields"]} == {
            "product_id": ["trait liked_products"], "mood": [],
        }  # fmt: skip
        terms = {one["name"]: (one["purpose"], one["keep_days"]) for one in found["events"]}
        assert terms["Product Viewed"] == ("contract", 3)

        passes(product, 12)  # so is the consent
        assert not traits(product).get("likes")
        assert decided(product) is None
        wait_for(product.data, {("user_id:ana", "Consent Updated")})
        told_now = product.http.get("/v1/privacy/consent/user_id:ana").raise_for_status().json()
        (now,) = [one for one in told_now["now"] if one["purpose"] == "analytics"]
        assert (now["state"], now["allowed"]) == ("lapsed", False)
        assert told_now["history"][0]["evidence"]["text_version"] == "2026-03"  # what was said stays as proof


def test_each_purpose_is_asked_for_in_the_words_of_its_newest_text(tmp_path: Path) -> None:
    with Product(make_shop(tmp_path / "shop", consent=CONSENT), tmp_path / "data") as product:
        for language, text, good, without in (
            ("de", "Neu", "Wir merken es.", "Wie alle."),
            ("en", "New", "We notice.", "As all."),
        ):
            told = product.http.get("/v1/consent/texts", params={"language": language}).raise_for_status().json()
            asked = {one["id"]: one for one in told["purposes"]}
            one = asked["analytics"]
            assert (one["text"], one["version"]) == (text, "2026-03")
            assert (one["with"], one["without"]) == (good, without)
            assert (one["answers"], one["preselected"], one["basis"]) == ([True, False], None, "consent")
            assert (asked["news"]["double_opt_in"], one["expires_days"]) == (True, 10)


def test_a_no_holds_for_the_call_that_brings_it_and_for_the_next_one_after_it_was_noted(tmp_path: Path) -> None:
    shop = make_shop(tmp_path / "shop", consent=CONSENT, traits=TRAITS)
    (shop / "placements.toml").write_text("[placements.home]\nexploration = 0.0\n", encoding="utf-8")
    (shop / "offers").mkdir()
    offer = '[offers.asking]\npurpose = "analytics"\nplacements = ["home"]\nvalue = 2\n'
    (shop / "offers" / "both.toml").write_text(OFFER + offer, encoding="utf-8")
    with Product(shop, tmp_path / "data") as product:
        product.http.auth = (SERVER_KEY, "")
        yes = {"type": "track", "event": "Consent Updated", "properties": {"purposes": {"analytics": True}}}
        likes = {"type": "track", "event": "Product Liked", "properties": {"product_id": "p1"}}
        for user in ("ana", "ben"):
            batch = [{**one, "userId": user, "messageId": f"{user}-{at}"} for at, one in enumerate((yes, likes))]
            product.http.post("/v1/batch", json={"batch": batch}).raise_for_status()
        product.wait_folded(seconds=30)
        assert (decided(product), decided(product, "ben")) == ("asking", "asking")
        no = {"event": "Consent Updated", "properties": {"purposes": {"analytics": False}}}
        assert decided(product, events=[no]) is None
        said = {"identifier": "user_id:ben", "purpose": "analytics", "granted": False, "reason": "by phone"}
        product.http.post("/v1/privacy/consent", json=said).raise_for_status()
        assert decided(product, "ben") is None  # at once, without waiting
        product.wait_folded(seconds=30)
        assert (decided(product), decided(product, "ben")) == (None, None)


def passes(product: Product, days: int) -> None:
    """The shop's clock says that so many days have passed since noon of the first."""
    product.http.post("/v1/clock", json={"time": NOON + days * DAY}).raise_for_status()


def traits(product: Product) -> dict[str, Any]:
    found: dict[str, Any] = product.http.get("/v1/profiles/user_id:ana").raise_for_status().json()["traits"]
    return found


def decided(product: Product, user: str = "ana", **more: Any) -> str | None:
    call = {"placements": ["home"], "userId": user, **more}
    offer = product.http.post("/v1/decide", json=call).raise_for_status().json()["placements"]["home"]["offer"]
    return None if offer is None else str(offer["id"])


def privacy_report(product: Product) -> dict[str, Any]:
    command = [sys.executable, "-m", "regulars", "report", "privacy", str(product.shop), "--data", str(product.data)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    found: dict[str, Any] = json.loads(done.stdout)
    return found
