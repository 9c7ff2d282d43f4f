"""Every model that looks at the assortment answers where a placement names it, over HTTP."""

import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from regulars.flow.models import point, recommend_folder
from regulars.recommend.store import save
from regulars.recommend.training import Settings, train
from regulars.testing import Product
from tests.acceptance.shop import PERSONAL, SERVER_KEY, make_shop
from tests.unit.recommend.outfitter import CATALOGUE, GOODS, sales

pytestmark = pytest.mark.acceptance

TRAITS = """
[traits.looked_at]
kind = "affinity"
events = ["Product Viewed"]
of = "product_id"
half_life_days = 14
purpose = "personalisation"

[traits.variants_kept]
kind = "affinity"
events = ["Order Completed"]
of = "products.sku"
half_life_days = 365
purpose = "personalisation"
"""
MODELS = ("left_behind", "new_arrivals", "variants", "complements", "alternatives", "bundles", "similar", "guides")


def shop_folder(folder: Path) -> Path:
    make_shop(folder, consent=PERSONAL)
    with (folder / "traits.toml").open("a", encoding="utf-8") as file:
        file.write(TRAITS)
    row = '[placements."{0}"]\noffers = false\nrecommend = "{0}"\nitems = 5\npurpose = "personalisation"\n'
    (folder / "placements.toml").write_text("\n".join(map(row.format, MODELS)), encoding="utf-8")
    return folder


def ask(
    product: Product, language: str, *, of: tuple[str, ...] = MODELS, **body: Any
) -> dict[str, list[tuple[str, str, str]]]:
    """By placement (item, code of its first reason, sentence)."""
    told = product.http.post("/v1/decide", json={"placements": list(of), "language": language, **body})
    told.raise_for_status()
    return {
        name: [(one["id"], one["reasons"][0]["code"], one["reasons"][0]["text"]) for one in slot["items"]]
        for name, slot in told.json()["placements"].items()
    }


def test_each_model_answers_with_its_reason_in_both_languages(tmp_path: Path) -> None:
    with Product(shop_folder(tmp_path / "shop"), tmp_path / "data") as product:
        product.http.auth = (SERVER_KEY, "")
        folder = recommend_folder(tmp_path / "data" / "models")
        folder.mkdir(parents=True)
        save(train(sales(), CATALOGUE, Settings(holdout_days=0), goods=GOODS), folder / "v1", trained_at=1)
        point(tmp_path / "data" / "models", "v1")
        items = [{"id": name, "title": name.replace("_", " ").title()} for name in CATALOGUE.ids]
        product.http.post("/v1/catalog/items", json=items).raise_for_status()
        lines = [{"product_id": name, "quantity": 1, "price": 1.5} for name in ("camera_a", "shirt_red_m")]
        order = {"order_id": "o1", "total": 3.0, "currency": "EUR", "products": lines}
        calls = [
            {"event": "Consent Updated", "properties": {"purposes": {"personalisation": True}}},
            {"event": "Order Completed", "properties": order},
            {"event": "Product Viewed", "properties": {"product_id": "socks"}},
        ]
        batch = [{"type": "track", "messageId": f"m{at}", "userId": "ana", **one} for at, one in enumerate(calls)]
        product.http.post("/v1/batch", json={"batch": batch}).raise_for_status()
        product.wait_folded()
        told = ask(product, "en", userId="ana")
        deadline = time.monotonic() + 20
        while not told["complements"] and time.monotonic() < deadline:  # the models are looked for now and then
            time.sleep(0.1)
            told = ask(product, "en", userId="ana")
        assert told["left_behind"] == [("socks", "left_behind", "You looked at this")]
        assert ("bag", "complement", "Made for Camera A, which you bought") in told["complements"]
        assert told["variants"] == [("shirt_blue_m", "variant", "Shirt Red M, now in blue, in your size M")]
        assert told["guides"][0] == ("how_to_shoot", "guide", "For Camera A, which you bought")
        assert told["similar"][0][:2] == ("camera_b", "similar")
        german = ask(product, "de", of=("bundles", "variants"), userId="ana", basket=["tripod"])
        assert ("bag", "bundle", "Ein Set mit Tripod im Warenkorb") in german["bundles"]
        assert german["variants"][0][2] == "Shirt Red M, jetzt in blue, in Ihrer Größe M"
        viewing = {"type": "track", "event": "Product Viewed", "properties": {"product_id": "camera_b"}}
        riding = ask(product, "en", userId="ana", events=[viewing])
        assert riding["left_behind"][0][0] in {"socks", "camera_b"}
        assert {one[0] for one in riding["left_behind"]} == {"socks", "camera_b"}, "the event rides along"
        withdrawn = {"event": "Consent Updated", "properties": {"purposes": {"personalisation": False}}}
        no = [{"type": "track", "messageId": "no", "userId": "ana", **withdrawn}]
        product.http.post("/v1/batch", json={"batch": no}).raise_for_status()
        product.wait_folded()
        codes = {code for row in ask(product, "en", userId="ana", basket=["tripod"]).values() for _, code, _ in row}
        assert codes <= {"popular", "filled_up", "trending"}, "without consent everybody's row"


def test_a_product_that_came_after_the_training_is_named_within_seconds(tmp_path: Path) -> None:
    with Product(shop_folder(tmp_path / "shop"), tmp_path / "data") as product:
        product.http.auth = (SERVER_KEY, "")
        folder = recommend_folder(tmp_path / "data" / "models")
        folder.mkdir(parents=True)
        save(train(sales(), CATALOGUE, Settings(holdout_days=0), goods=GOODS), folder / "v1", trained_at=1)
        point(tmp_path / "data" / "models", "v1")
        said = {"purposes": {"personalisation": True}}
        lines = [{"product_id": "shirt_red_m", "quantity": 1, "price": 3.0}]
        order = {"order_id": "o1", "total": 3.0, "currency": "EUR", "products": lines}
        calls = [("Consent Updated", said), ("Order Completed", order)]
        batch = [
            {"type": "track", "messageId": name, "userId": "ana", "event": name, "properties": properties}
            for name, properties in calls
        ]
        product.http.post("/v1/batch", json={"batch": batch}).raise_for_status()
        product.wait_folded()

        def row(model: str, viewed: str, language: str = "en") -> list[tuple[str, str, str]]:
            # One placement a call: what one shows the next one does not repeat.
            event = {"event": "Product Viewed", "properties": {"product_id": viewed}}
            return ask(product, language, of=(model,), userId="ana", events=[event])[model]

        def named(model: str, viewed: str) -> set[str]:
            return {one for one, _, _ in row(model, viewed)}

        deadline = time.monotonic() + 20
        while "camera_b" not in named("similar", "camera_a") and time.monotonic() < deadline:
            time.sleep(0.1)
        camera = {"title": "Spiegelreflex Kamera 30", "category": ["Photo", "Cameras"], "brand": "Optik"}
        items: list[dict[str, Any]] = [
            {"id": "camera_c", **camera},
            {"id": "camera_d", **camera, "title": "Kamera Spiegelreflex 32"},
            {"id": "how_to_zoom", "title": "Zoom", "kind": "article", "products": ["camera_a", "camera_c"]},
        ]
        began = time.monotonic()
        product.http.post("/v1/catalog/items", json=items).raise_for_status()
        while "camera_c" not in named("similar", "camera_a"):
            assert time.monotonic() - began < 10, "a second, where nothing else is going on"
            time.sleep(0.05)
        assert {"camera_c", "camera_d"} <= named("new_arrivals", "camera_a")
        assert "how_to_zoom" in named("guides", "camera_a")
        # One that nobody bought or looked at before is what others are like, too.
        assert {"camera_a", "camera_b", "camera_d"} <= named("similar", "camera_c")
        texts = [text for one, _, text in row("similar", "camera_c", "de") if one == "camera_d"]
        assert texts == ["Ähnlich wie Spiegelreflex Kamera 30"]
        product.http.post("/v1/catalog/items", json=[{**items[1], "active": False}]).raise_for_status()
        until = time.monotonic() + 15
        while "camera_d" in named("similar", "camera_a"):
            assert time.monotonic() < until, "sold no more, and still shown"
            time.sleep(0.05)


def test_of_two_sizes_that_were_ordered_the_one_that_was_kept_is_offered_in_another_colour(tmp_path: Path) -> None:
    sizes = {"shirt_red_m": "ML", "shirt_blue_m": "M", "shirt_green_l": "L"}
    items: list[dict[str, Any]] = [
        {
            "id": name,
            "title": f"Shirt {name.split('_')[1]}",
            "attributes": {"style": "shirt", "colour": name.split("_")[1]},
            "variants": [{"sku": f"{name}-{size}", "attributes": {"size": size}, "stock": 3} for size in of],
        }
        for name, of in sizes.items()
    ]
    with Product(shop_folder(tmp_path / "shop"), tmp_path / "data") as product:
        product.http.auth = (SERVER_KEY, "")
        product.http.post("/v1/catalog/items", json=items).raise_for_status()
        goods = GOODS | {
            name: msgspec.structs.replace(
                GOODS[name], sizes=tuple(of), skus=tuple((f"{name}-{size}", size) for size in of)
            )
            for name, of in sizes.items()
        }
        folder = recommend_folder(tmp_path / "data" / "models")
        folder.mkdir(parents=True)
        save(train(sales(), CATALOGUE, Settings(holdout_days=0), goods=goods), folder / "v1", trained_at=1)
        point(tmp_path / "data" / "models", "v1")
        lines = [
            {"product_id": "shirt_red_m", "sku": f"shirt_red_m-{size}", "quantity": 1, "price": 9} for size in "ML"
        ]
        order = {"order_id": "o1", "total": 18, "currency": "EUR", "products": lines}

        def told(person: str, *calls: tuple[str, dict[str, Any]]) -> None:
            said = ("Consent Updated", {"purposes": {"personalisation": True}})
            batch = [
                {"type": "track", "messageId": f"{person}{name}", "userId": person, "event": name, "properties": one}
                for name, one in (said, *calls)
            ]
            product.http.post("/v1/batch", json={"batch": batch}).raise_for_status()
            product.wait_folded()

        def row(person: str) -> list[tuple[str, str]]:
            return [(item, text) for item, _, text in ask(product, "en", of=("variants",), userId=person)["variants"]]

        told("ana", ("Order Completed", order), ("Order Refunded", {"order_id": "o1", "products": lines[1:]}))
        told("bo", ("Order Completed", order | {"order_id": "o2"}))
        deadline = time.monotonic() + 20
        while not row("ana") and time.monotonic() < deadline:
            time.sleep(0.1)
        assert row("ana") == [("shirt_blue_m", "Shirt red, now in blue, in your size M")], "L went back"
        assert {item for item, _ in row("bo")} == {"shirt_blue_m", "shirt_green_l"}, "both were kept"
