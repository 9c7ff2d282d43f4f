from regulars.core.definitions import Trait
from regulars.flow.kept import KeptTraits


def trait(name: str, *events: str, of: str = "products.sku", kind: str = "affinity", **more: object) -> Trait:
    return Trait(name=name, kind=kind, events=events, of=of, **more)  # type: ignore[arg-type]


TRAITS = (
    trait("kept", "Order Completed"),
    trait("told_twice", "Order Completed"),
    trait("returns", "Order Refunded"),
    trait("mixed", "Order Completed", "Order Refunded"),
    trait("products", "Order Completed", of="products.product_id"),
    trait("of_one_brand", "Order Completed", where={"products.brand": "Acme"}),
    trait("how_many", "Order Completed", kind="count"),
)
SLOTS = {one.name: slot for slot, one in enumerate(TRAITS)}


def test_traits_of_lines_of_orders_tell_which_variants_were_kept() -> None:
    values = [{"red-m": 0.6}, {"red-m": 0.5, "blue-m": 0.5}, {"red-l": 1.0}, {"x": 1.0}, {"red": 1.0}, {"y": 1.0}, 3]
    assert KeptTraits(TRAITS, SLOTS).of(values) == ("red-m", "blue-m")
    assert KeptTraits(TRAITS, SLOTS).of([None] * len(TRAITS)) == ()
    assert KeptTraits((), {}).of(values) == ()
