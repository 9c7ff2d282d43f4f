from regulars.core.catalog import CatalogItem, Variant
from regulars.flow.goods_told import goods_of


def test_german_compounds_and_umlauts_share_their_words() -> None:
    found = goods_of(
        [
            CatalogItem(id="a", title="Kinderfahrräder"),
            CatalogItem(id="b", title="Fahrrad für Kinder"),
            CatalogItem(id="c", title="Kaffeemühle"),
        ]
    )
    shared = set(found["a"].terms) & set(found["b"].terms)
    assert {"fahrrad", "kind"} <= shared
    assert not set(found["a"].terms) & set(found["c"].terms)


def test_products_that_differ_in_colour_alone_are_one_style() -> None:
    red, blue, other = (
        CatalogItem(id=name, brand="Acme", category=("Shirts",), title=title, attributes={"colour": colour})
        for name, title, colour in (
            ("r", "Hemd Basic Rot", "rot"),
            ("b", "Hemd Basic Blau", "blau"),
            ("o", "Hut", "rot"),
        )
    )
    found = goods_of([red, blue, other])
    assert found["r"].style == found["b"].style != ""
    assert found["o"].style == "", "a title without a colour tells of no style"
    named = goods_of([CatalogItem(id="x", title="Hut", attributes={"item_group_id": 7})])
    assert named["x"].style == "/7"


def test_sizes_are_those_that_can_be_bought() -> None:
    variants = (
        Variant(sku="s", attributes={"size": "S"}, stock=0),
        Variant(sku="m", attributes={"size": "M"}, stock=2),
    )
    found = goods_of([CatalogItem(id="x", variants=variants, since="1970-01-11", attributes={"phase": "Nachher"})])["x"]
    assert found.sizes == ("M",)
    assert found.skus == (("s", "S"), ("m", "M")), "what was sold out since was bought once"
    assert found.since == 10
    assert found.phase == "after"
    assert goods_of([CatalogItem(id="x", since="soon")])["x"].since is None
