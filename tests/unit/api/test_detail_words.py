"""Whatever the built-in vocabulary can say of an event, a customer reads in German and in English."""

from regulars.api.access_values import Speaker
from regulars.api.detail_words import DETAILS
from regulars.collect import ga4_shop
from regulars.collect.files import KINDS
from regulars.collect.files.touch import WHEN, WHOM
from regulars.collect.names import HISTORICAL
from regulars.core.definitions import Definitions, Fact, Shop
from regulars.core.event import BUILT_IN_EVENTS, SHOP_FACTS
from regulars.runtime.event_names import event_title

#: The Segment e-commerce spec v2, pages included: https://segment.com/docs/connections/spec/ecommerce/v2/
_SPEC = """
    query list_id category products product_id sku name brand variant price quantity coupon position url image_url
    filters sorts type value promotion_id creative cart_id order_id affiliation revenue shipping tax discount currency
    checkout_id step shipping_method payment_method subtotal total coupon_id coupon_name reason wishlist_id
    wishlist_name share_via share_message recipient review_id review_body rating path referrer search title keywords
"""
_OWN = "purposes method text_version facts preferences origin by placement decision_id withheld plausible doubts"
#: Of a person, not of an event: identifiers and times are told apart, records of customers become facts.
ELSEWHERE = {*WHOM, *WHEN, "record_id"}


def canonical_fields() -> set[str]:
    told = [
        kind
        for kind in KINDS.values()
        if kind.into == "events" and kind.event not in SHOP_FACTS and kind.name not in ("customers", "google-analytics")
    ]
    found = {field for kind in told for field in kind.columns} - ELSEWHERE - {"event"}
    renamed = {new for names in ga4_shop._RENAMED.values() for new in names.values()}  # noqa: SLF001
    return found | renamed | {*_SPEC.split(), *_OWN.split()}


def test_no_canonical_field_is_without_words_in_both_languages() -> None:
    assert sorted(canonical_fields() - DETAILS.keys()) == []
    assert not [name for name, (german, english) in DETAILS.items() if not german or not english or "_" in german]


def test_no_canonical_event_is_without_a_german_name() -> None:
    told = {kind.event for kind in KINDS.values() if kind.event}
    names = {*BUILT_IN_EVENTS, *HISTORICAL.values(), *ga4_shop.NAMES.values(), *told} - {*SHOP_FACTS}
    assert sorted(name for name in names if event_title({}, name, "de") == name) == []


def test_a_detail_of_the_shops_own_has_the_title_of_its_fact_or_is_written_readably() -> None:
    shop = Definitions(shop=Shop(name="Corner"), facts=(Fact(id="petName", title={"de": "Name des Tieres"}),))
    told = {"petName": "Bello", "shoeSizeEU": 44, "image_url": "https://shop.example/tent.jpg"}
    assert Speaker(shop, "de").details(told)[0] == "Name des Tieres: Bello"
    assert Speaker(shop, "de").details(told)[1].startswith("Shoe size EU: ")
    assert Speaker(shop, "de").details(told)[2].startswith("Adresse des Bildes: ")
