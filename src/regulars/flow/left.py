"""What a customer took up and did not buy, read from the traits that a shop keeps of single products.

A trait of kind `affinity` whose key is the product tells it: it fades, needs its purpose, moves with its profile and is
erased with it like every trait. Its events say what was done.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from regulars.core.definitions import Trait

#: Event -> what was done with the product.
WAYS = {
    "Product Viewed": "viewed",
    "Product Added": "basket",
    "Product Removed": "removed",
    "Product Added to Wishlist": "wished",
}
#: Paths of the key.
_PRODUCT = ("product_id", "products.product_id")


class LeftTraits:
    """The traits of one version of the definitions that tell what was left behind."""

    def __init__(self, traits: Iterable[Trait], slots: Mapping[str, int]) -> None:
        self._slots = [
            (slots[trait.name], ways.pop())
            for trait in traits
            if trait.kind == "affinity"
            and trait.of in _PRODUCT
            and trait.name in slots
            and len(ways := {WAYS.get(event, "") for event in trait.events}) == 1
            and "" not in ways
        ]

    def of(self, values: Sequence[Any]) -> list[tuple[str, str, float]]:
        """(product, what was done, share of all that this was done with) of the hot record's values.

        What was taken out of the basket lies in it no more.
        """
        found = [
            (product, how, float(share)) for slot, how in self._slots for product, share in (values[slot] or {}).items()
        ]
        removed = {product for product, how, _ in found if how == "removed"}
        return [one for one in found if one[1] != "basket" or one[0] not in removed]
