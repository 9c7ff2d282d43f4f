"""What models learn from: order lines as columns, and the catalogue that names their items."""

from collections.abc import Iterable
from typing import TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from regulars.core.errors import Rejected

Int32 = NDArray[np.int32]
Int64 = NDArray[np.int64]
Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
Mask = NDArray[np.bool_]
Integers = TypeVar("Integers", Int32, Int64)

#: Category of an item whose category is not known.
NO_CATEGORY = ""


class Catalogue(msgspec.Struct, frozen=True, eq=False):
    """Products by position: strings outside, int32 inside. Item `i` is `ids[i]`, of `categories[category[i]]`."""

    ids: tuple[str, ...]
    categories: tuple[str, ...]
    category: Int32
    position: dict[str, int]

    @classmethod
    def of(cls, products: Iterable[tuple[str, str]]) -> "Catalogue":
        """The catalogue of (product id, category) pairs; an empty category means that it is not known.

        >>> Catalogue.of([("oats", "cereal"), ("milk", "dairy")]).position["milk"]
        1
        """
        ids: list[str] = []
        numbers: dict[str, int] = {}
        category: list[int] = []
        for product, name in products:
            ids.append(product)
            category.append(numbers.setdefault(name, len(numbers)))
        position = {product: number for number, product in enumerate(ids)}
        if len(position) != len(ids):
            twice = next(product for number, product in enumerate(ids) if position[product] != number)
            raise Rejected(f"product {twice!r} is listed twice in the catalogue; keep one row per product", field="id")
        return cls(tuple(ids), tuple(numbers), np.asarray(category, np.int32), position)

    def __len__(self) -> int:
        return len(self.ids)

    def encode(self, products: Iterable[str]) -> Int32:
        """Positions of the products; those that the catalogue does not hold are left out."""
        get = self.position.get
        return np.asarray([number for product in products if (number := get(product)) is not None], np.int32)

    def mask(self, products: Iterable[str]) -> Mask:
        """True for the products, by position: what a row may show, for instance what is in stock."""
        result = np.zeros(len(self), np.bool_)
        result[self.encode(products)] = True
        return result

    def category_of(self, item: int) -> str:
        """The category name of an item."""
        return self.categories[int(self.category[item])]


class Interactions(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """Order lines as columns of one length. Days are shop-local day numbers since 1970-01-01."""

    person: Int32
    item: Int32
    basket: Int32
    day: Int32
    quantity: Int32
    unit_price: Int64  # minor units of the shop's currency

    def __post_init__(self) -> None:
        lengths = {name: len(getattr(self, name)) for name in self.__struct_fields__}
        if len(set(lengths.values())) > 1:
            raise Rejected(f"columns of order lines differ in length: {lengths}; give one value per line to each")
        for name in ("person", "item", "basket"):
            column: Int32 = getattr(self, name)
            if len(column) and int(column.min()) < 0:
                raise Rejected(f"column {name!r} holds {int(column.min())}; positions start at 0", field=name)

    def __len__(self) -> int:
        return len(self.item)

    def where(self, chosen: Mask) -> "Interactions":
        """The chosen lines."""
        return Interactions(**{name: getattr(self, name)[chosen] for name in self.__struct_fields__})

    def before(self, day: int) -> "Interactions":
        """Lines of days before `day`."""
        return self.where(self.day < day)

    def since(self, day: int) -> "Interactions":
        """Lines of `day` and after."""
        return self.where(self.day >= day)

    @property
    def last_day(self) -> int:
        """The latest day with a line."""
        return int(self.day.max()) if len(self.day) else 0


def check_items(interactions: Interactions, catalogue: Catalogue) -> None:
    """Refuse lines whose item the catalogue does not have."""
    if len(interactions) and (highest := int(interactions.item.max())) >= len(catalogue):
        raise Rejected(
            f"an order line names item {highest}, the catalogue has {len(catalogue)} items; "
            "add the missing products to the catalogue or leave out their lines",
            field="item",
        )


def distinct_pairs(first: Int32 | Int64, second: Int32 | Int64) -> tuple[Int32, Int32]:
    """Distinct (first, second) pairs, sorted by first, then second; neither is negative."""
    keys = distinct((first.astype(np.int64) << 32) | second)
    return (keys >> 32).astype(np.int32), (keys & 0xFFFFFFFF).astype(np.int32)


def distinct(values: Integers) -> Integers:
    """Distinct values, ascending. Takes a third of numpy's own time at the sizes of one shopper."""
    ordered = values.copy()
    ordered.sort()
    return ordered[changes(ordered)]


def changes(values: Int32 | Int64) -> Mask:
    """True where a value differs from the one before it; the first does."""
    result = np.empty(len(values), np.bool_)
    result[:1] = True
    np.not_equal(values[1:], values[:-1], out=result[1:])
    return result


def runs(values: Int32 | Int64) -> tuple[Int64, Int64]:
    """Where runs of equal values start, and how long they are."""
    starts = np.flatnonzero(changes(values))
    ends = np.empty_like(starts)
    ends[:-1] = starts[1:]
    ends[-1:] = len(values)
    return starts, ends - starts


def frequent(keys: Int64, least: int) -> tuple[Int64, Int64]:
    """Distinct keys that come `least` times or more, ascending, and how often; sorts the keys that it is given.

    >>> found, times = frequent(np.asarray([7, 3, 7, 7, 3, 5]), 2)
    >>> found.tolist(), times.tolist()
    ([3, 7], [2, 3])
    """
    keys.sort()
    starts, lengths = runs(keys)
    enough = lengths >= least
    return keys[starts[enough]], lengths[enough]
