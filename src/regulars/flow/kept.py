"""Which variants of products a customer kept, read from the traits that a shop keeps of them: what sizes fitted.

A trait of kind `affinity` over `Order Completed` whose key is the SKU of a line tells it: what went back has left it,
it needs its purpose, moves with its profile and is erased with it like every trait.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from regulars.core.definitions import Trait

_ORDERED = ("Order Completed",)
#: Path of the key.
_SKU = "products.sku"


class KeptTraits:
    """The traits of one version of the definitions that tell which variants were kept."""

    def __init__(self, traits: Iterable[Trait], slots: Mapping[str, int]) -> None:
        self._slots = [
            slots[trait.name]
            for trait in traits
            if trait.kind == "affinity"
            and trait.of == _SKU
            and tuple(trait.events) == _ORDERED
            and not trait.where
            and trait.name in slots
        ]

    def of(self, values: Sequence[Any]) -> tuple[str, ...]:
        """SKUs of the hot record's values, each once."""
        if not self._slots:
            return ()
        return tuple(dict.fromkeys(str(sku) for slot in self._slots for sku in values[slot] or ()))
