"""What consent managers say, told over HTTP: each signal is heard, only answers count, and the proof names it."""

import json
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from regulars.testing import Product
from tests.acceptance.shop import PERSONAL, SERVER_KEY, make_shop

pytestmark = pytest.mark.acceptance

CONSENT = (
    PERSONAL
    + """
    [signals.segment]
    C0002 = ["analytics"]
    C0004 = ["personalisation"]
    [signals.google]
    analytics_storage = ["analytics"]
    ad_user_data = ["personalisation"]
    ad_personalization = ["personalisation"]
    [signals.tcf]
    vendor = 1
    purposes = { "8" = ["analytics"], "3" = ["personalisation"], "4" = ["personalisation"] }
    """
)
VECTORS = json.loads((Path(__file__).parents[1] / "unit" / "profile" / "tcf_vectors.json").read_text())
NUMBERS = count()
Said = dict[str, bool]
BOTH: Said = {"analytics": True, "personalisation": True}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    root = tmp_path_factory.mktemp("signals")
    with Product(make_shop(root / "shop", consent=CONSENT), root / "data") as product:
        product.http.auth = (SERVER_KEY, "")
        yield product


def tell(product: Product, *contexts: dict[str, Any]) -> str:
    """A customer whose events carry these contexts, one after the other; the user id."""
    user = f"user-{next(NUMBERS)}"
    calls = [
        {"type": "track", "event": "Product Liked", "userId": user, "messageId": f"{user}-{at}", "context": context,
         "properties": {"product_id": "p1"}}
        for at, context in enumerate(contexts)
    ]  # fmt: skip
    for call in calls:
        product.http.post("/v1/batch", json={"batch": [call]}).raise_for_status()
    product.wait_folded()
    return user


def heard(product: Product, user: str) -> tuple[Said, list[dict[str, Any]]]:
    """What counts as said, by purpose, and the proofs, newest first. Whoever said nothing is known to nobody."""
    answer = product.http.get(f"/v1/privacy/consent/user_id:{user}")
    if answer.status_code == 404:
        return {}, []
    told = answer.raise_for_status().json()
    last: Said = {}
    for one in reversed(told["history"]):
        last[one["purpose"]] = one["granted"]
    allowed = {one["purpose"] for one in told["now"] if one["allowed"]}
    assert allowed == {purpose for purpose, granted in last.items() if granted}
    return last, [one["evidence"] for one in told["history"]]


def google(**words: str) -> dict[str, Any]:
    return {"google_consent": words}


def segment(**words: object) -> dict[str, Any]:
    return {"consent": {"categoryPreferences": words, "version": "cmp-7"}}


@pytest.mark.parametrize(
    ("context", "said"),
    [
        (segment(C0002=True, C0004=False), {"analytics": True, "personalisation": False}),
        (segment(analytics=True), {"analytics": True}),  # a purpose by its own name
        (segment(C0002="true", C0004=1), {}),  # only true is a yes
        (segment(C0009=True), {}),
        (google(analytics_storage="granted"), {"analytics": True}),
        (google(analytics_storage="denied"), {"analytics": False}),
        (google(ad_user_data="granted"), {}),  # the purpose needs both words
        (google(ad_user_data="granted", ad_personalization="granted"), {"personalisation": True}),
        (google(ad_user_data="granted", ad_personalization="denied"), {"personalisation": False}),
        (google(analytics_storage="perhaps"), {}),
        # In this order: storage for ads and for analytics, data of users, personalised ads.
        (google(gcd="13r3r3r3r5"), BOTH),
        (google(gcd="13n3n3n3n5"), BOTH),
        (google(gcd="13v3v3v3v5"), BOTH),
        (google(gcd="13q3q3q3q5"), dict.fromkeys(BOTH, False)),
        (google(gcd="13m3m3m3m5"), dict.fromkeys(BOTH, False)),
        (google(gcd="13u3u3u3u5"), dict.fromkeys(BOTH, False)),
        (google(gcd="13t3t3t3t5"), {}),  # granted by default
        (google(gcd="13p3p3p3p5"), {}),  # denied by default
        (google(gcd="13l3l3l3l1"), {}),  # nobody set anything
        (google(gcs="G111"), {}),
        (google(gcs="G100"), {"analytics": False}),
        (segment(C0002=True) | google(analytics_storage="denied"), {"analytics": False}),
        (google(analytics_storage="granted") | segment(C0002=False), {"analytics": False}),
    ],
)
def test_only_an_answer_counts_and_of_two_the_no(shop: Product, context: dict[str, Any], said: Said) -> None:
    found, evidence = heard(shop, tell(shop, context))
    assert found == said
    methods = {"consent": "segment", "google_consent": "google"}
    for one in evidence:
        assert set(one["method"].split("+")) <= {methods[name] for name in context}
        assert one["source"] == "till"
        assert one.get("text_version") == ("cmp-7" if "consent" in context else None)


@pytest.mark.parametrize("key", ["tcf", "object", "consent"])
def test_strings_of_consent_managers_mean_what_their_own_decoder_says(shop: Product, key: str) -> None:
    kinds: dict[tuple[bool, bool], str] = {}
    for vector in VECTORS:
        yes, vendor = set(vector["consents"]), 1 in vector["vendor_consents"]
        kinds.setdefault((vendor and 8 in yes, vendor and {3, 4} <= yes), vector["text"])
    assert {(True, True), (False, False)} <= kinds.keys()
    for (analytics, personalisation), text in kinds.items():
        context: dict[str, Any] = {"tcf": text}
        if key != "tcf":
            context = {"tcf": {"tcString": text}} if key == "object" else {"consent": {"tcString": text}}
        found, evidence = heard(shop, tell(shop, context))
        assert found == {"analytics": analytics, "personalisation": personalisation}
        assert {one["method"] for one in evidence} == {"tcf"}


def test_a_no_that_rides_along_ends_what_was_and_a_repeated_yes_renews_nothing_of_it(shop: Product) -> None:
    user = tell(shop, segment(C0002=True), segment(C0002=True))
    assert shop.http.get(f"/v1/profiles/user_id:{user}").json()["consent"].keys() == {"analytics"}
    assert heard(shop, user)[0] == {"analytics": True}
    user = tell(shop, segment(C0002=True), google(gcd="13q3q3q3q5"), google(gcd="13t3t3t3t5"))
    assert heard(shop, user)[0]["analytics"] is False


def test_what_cannot_be_read_is_told_to_the_shop_and_the_event_is_taken_in(shop: Product) -> None:
    user = tell(shop, {"tcf": "no string"} | segment(C0002=True), google(gcd="13x3r3r3r5"))
    assert heard(shop, user)[0] == {"analytics": True}
    groups = [one["group"] for one in shop.http.get("/v1/failed").raise_for_status().json()["groups"]]
    fields = {one["field"].partition(":")[0] for one in groups if "unreadable_consent" in one.values()}
    assert {"gcd", "tcf"} <= fields
    assert shop.http.get(f"/v1/profiles/user_id:{user}/timeline").raise_for_status().json()["events"]


def test_a_browser_speaks_for_itself_alone(shop: Product) -> None:
    user = tell(shop, segment(C0002=False))
    call = {"type": "track", "event": "Product Liked", "userId": user, "anonymousId": "stranger", "messageId": "s1",
            "properties": {"product_id": "p1"}, "context": segment(C0002=True)}  # fmt: skip
    answer = shop.http.post(
        "/v1/batch", json={"batch": [call], "writeKey": "wk_acceptance"}, auth=("wk_acceptance", "")
    )
    answer.raise_for_status()
    shop.wait_folded()
    assert heard(shop, user)[0] == {"analytics": False}
    told = shop.http.get("/v1/privacy/consent/anonymous_id:stranger").raise_for_status().json()
    assert [one["granted"] for one in told["history"]] == [True]
