from regulars.core.definitions import Trait
from regulars.flow.left import LeftTraits


def trait(name: str, *events: str, of: str = "product_id", kind: str = "affinity") -> Trait:
    return Trait(name=name, kind=kind, events=events, of=of)  # type: ignore[arg-type]  # one is no affinity on purpose


TRAITS = (
    trait("viewed", "Product Viewed"),
    trait("added", "Product Added"),
    trait("removed", "Product Removed"),
    trait("mixed", "Product Viewed", "Product Added"),
    trait("aisles", "Product Viewed", of="category"),
    trait("views", "Product Viewed", kind="count"),
    trait("bought", "Order Completed", of="products.product_id"),
)
SLOTS = {one.name: slot for slot, one in enumerate(TRAITS)}


def test_traits_of_single_products_tell_what_was_left() -> None:
    values = [{"tea": 0.6, "milk": 0.4}, {"jam": 1.0}, None, {"tea": 1.0}, {"Food": 1.0}, 3, {"rice": 1.0}]
    assert LeftTraits(TRAITS, SLOTS).of(values) == [
        ("tea", "viewed", 0.6), ("milk", "viewed", 0.4), ("jam", "basket", 1.0),
    ]  # fmt: skip


def test_what_was_taken_out_lies_in_the_basket_no_more() -> None:
    values = [None, {"jam": 0.5, "tea": 0.5}, {"jam": 1.0}, None, None, 0, None]
    assert LeftTraits(TRAITS, SLOTS).of(values) == [("tea", "basket", 0.5), ("jam", "removed", 1.0)]
