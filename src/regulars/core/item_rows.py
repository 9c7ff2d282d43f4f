"""What a merchandising rule may speak of beside the customer and the moment: one item of the catalogue.

The row of a rule is the row of the profile, then the store, then the cells of the item. So one condition may ask
`in_segment('regulars') and item.price < 2000`.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from regulars.core.catalog import CatalogItem
from regulars.core.condition import Name, Schema, Type
from regulars.core.merchandising import AttributeType
from regulars.core.schema import Rows

#: Begins the names of what is known of an item.
ITEM = "item."
STORE = "context.store"
#: Between the names of a category path.
SEPARATOR = " > "
#: What every catalogue has; amounts are minor units.
FIELDS: tuple[tuple[str, Type], ...] = (
    ("item.id", Type.TEXT),
    ("item.kind", Type.TEXT),
    ("item.title", Type.TEXT),
    ("item.category", Type.TEXT),
    ("item.brand", Type.TEXT),
    ("item.price", Type.NUMBER),
    ("item.margin", Type.NUMBER),
    ("item.margin_share", Type.NUMBER),
    ("item.stock", Type.NUMBER),
    ("item.age_days", Type.NUMBER),
)
AGE = "item.age_days"
_TYPES: dict[AttributeType, Type] = {"number": Type.NUMBER, "text": Type.TEXT, "boolean": Type.BOOLEAN}
_EPOCH = date(1970, 1, 1).toordinal()


class ItemRows:
    """The schema of rules, and the cells of items; compiled once from the definitions."""

    __slots__ = ("_attributes", "first", "schema", "width")

    def __init__(self, rows: Rows, attributes: Mapping[str, AttributeType]) -> None:
        of_profile = rows.schema
        self.width = of_profile.preference_slot + 1  # of the profile's row; the store stands behind it
        self.first = self.width + 1  # the item's first cell
        self._attributes = tuple(attributes.items())
        names = dict(of_profile.names)
        names[STORE] = Name(Type.TEXT, self.width)
        for at, (name, kind) in enumerate(FIELDS):
            names[name] = Name(kind, self.first + at)
        for at, (name, attribute) in enumerate(self._attributes):
            names[ITEM + name] = Name(_TYPES[attribute], self.first + len(FIELDS) + at)
        self.schema = Schema(
            names=names,
            segments=of_profile.segments,
            interests=of_profile.interests,
            segment_slot=of_profile.segment_slot,
            interest_slot=of_profile.interest_slot,
            preferences=of_profile.preferences,
            preference_slot=of_profile.preference_slot,
            goals=of_profile.goals,
        )

    def cells(self, item: CatalogItem, today: int) -> tuple[Any, ...]:
        """The cells of an item on a local day; what is not known is None."""
        profit = margin(item)
        price = item.price
        return (
            item.id,
            item.kind,
            item.title or None,
            SEPARATOR.join(item.category) or None,
            item.brand or None,
            price,
            profit,
            None if profit is None or not price else profit / price,
            stock(item),
            age_days(item, today),
            *(_attribute(item.attributes.get(name), kind) for name, kind in self._attributes),
        )

    @staticmethod
    def row(of_profile: Sequence[Any], store: str | None, cells: Sequence[Any]) -> list[Any]:
        """The row that a rule is tested on."""
        return [*of_profile, store, *cells]


def margin(item: CatalogItem) -> int | None:
    """What is left of the price after the cost, minor units; None where either is not known."""
    return None if item.price is None or item.cost is None else item.price - item.cost


def stock(item: CatalogItem) -> int | None:
    """Pieces of all variants of which it is known, else of the product."""
    known = [variant.stock for variant in item.variants if variant.stock is not None]
    return sum(known) if known else item.stock


def age_days(item: CatalogItem, today: int) -> int | None:
    """Days since the item came into the range; None where that is not known.

    >>> age_days(CatalogItem(id="a", since="1970-01-03"), 12)
    10
    """
    if not item.since:
        return None
    try:
        return today - (date.fromisoformat(item.since).toordinal() - _EPOCH)
    except ValueError:
        return None


def _attribute(value: object, kind: AttributeType) -> object:
    """The attribute as its declared type; None for what is none of it."""
    if kind == "boolean":
        if isinstance(value, bool):
            return value
        return {"true": True, "false": False, "1": True, "0": False}.get(str(value).strip().lower())
    if value is None or isinstance(value, bool | dict | list):
        return None
    if kind == "text":
        return str(value)
    try:
        number = float(str(value).replace(",", "."))
    except ValueError:
        return None
    return number if abs(number) < 1e300 else None  # NaN, too, is none
