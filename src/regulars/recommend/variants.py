"""New colours and seasonal variants of what was bought and kept, in the size that fitted."""

from collections.abc import Mapping
from typing import ClassVar, NamedTuple

import numpy as np

from regulars.recommend.assortment import UNKNOWN, Assortment
from regulars.recommend.interactions import Int32
from regulars.recommend.material import AssortmentModel
from regulars.recommend.model import Reason, ReasonCode, Reasons, Scored
from regulars.recommend.seeds import NO_SCORES
from regulars.recommend.visit import Visit

HALF_LIFE_DAYS = 180.0
NEW_DAYS = 60  # a variant that came into the range lately counts up to twice
UNFIT = 0.3  # a variant of which no size is known, where the size that fitted is


class _Kept(NamedTuple):
    """What the shopper kept of one style."""

    item: int
    last: int
    worth: float


class Variants(AssortmentModel):
    """Others of a style of which one was kept.

    A style counts by what was kept of it, fading, less what went back: where as much went back as was kept, its cut or
    cloth does not suit. Sizes that fitted are those of kept products of the same category; a variant that is known to
    come in none of them is none.
    """

    name: ClassVar[str] = "variants"

    def __init__(self, assortment: Assortment) -> None:
        super().__init__(assortment)
        told = np.flatnonzero((assortment.style != UNKNOWN) & assortment.products)
        order = told[np.argsort(assortment.style[told], kind="stable")]
        self._styles = assortment.style[order]
        self._items = order.astype(np.int32)

    def score(self, visit: Visit) -> Scored:
        """Variants of what was kept, by how much the style is liked and how new the variant is."""
        found: dict[int, float] = {}
        hidden = {*visit.own.tolist(), *visit.returned.tolist(), *visit.basket.tolist()}
        liked = self._liked(visit)
        sizes = self._sizes(visit) if liked else {}
        for style, kept in liked.items():
            for item in self._of_style(style).tolist():
                if item not in hidden and (fit := self._fit(item, sizes)) > 0:
                    found[item] = kept.worth * fit * self._newness(item, visit.day)
        if not found:
            return NO_SCORES
        items = np.asarray(sorted(found), np.int32)
        return Scored(items, np.asarray([found[item] for item in items.tolist()], np.float64))

    def reasons(self, visit: Visit, items: Int32) -> list[Reasons]:
        """What was kept, and how the variant differs from it."""
        liked = self._liked(visit)
        sizes = self._sizes(visit)
        hidden = {*visit.own.tolist(), *visit.returned.tolist(), *visit.basket.tolist()}
        return [
            self._reason(item, liked, sizes) if item not in hidden and self._fit(item, sizes) > 0 else ()
            for item in items.tolist()
        ]

    def _reason(self, item: int, liked: Mapping[int, _Kept], sizes: Mapping[int, set[int]]) -> Reasons:
        kept = liked.get(int(self.assortment.style[item]))
        if kept is None:
            return ()
        told: dict[str, str | int | float] = {"item": self.catalogue.ids[kept.item], "from": "history"}
        for key, numbers, names in (
            ("colour", self.assortment.colour, "colours"),
            ("season", self.assortment.season, "seasons"),
        ):
            if numbers[item] != numbers[kept.item] and (name := self.assortment.name(names, int(numbers[item]))):
                told[key] = name
        fitting = sorted(
            sizes.get(int(self.catalogue.category[item]), set()) & set(self.assortment.sizes[item].tolist())
        )
        if fitting:
            told["size"] = self.assortment.name("size_names", fitting[0])
        return (Reason(ReasonCode.VARIANT, told),)

    def _liked(self, visit: Visit) -> dict[int, _Kept]:
        """Styles of which more was kept than went back."""
        found: dict[int, _Kept] = {}
        back = set(visit.returned.tolist())
        for item, last, since in zip(visit.own.tolist(), visit.last.tolist(), visit.days_since.tolist(), strict=True):
            style = int(self.assortment.style[item])
            if style == UNKNOWN or item in back:
                continue
            worth = 2 ** (-since / HALF_LIFE_DAYS)
            before = found.get(style)
            total = worth + (before.worth if before else 0.0)
            latest = before is None or last > before.last
            found[style] = _Kept(item, last, total) if before is None or latest else before._replace(worth=total)
        for item in back:
            style = int(self.assortment.style[item])
            if style in found:
                found[style] = found[style]._replace(worth=found[style].worth - 1.0)
        return {style: kept for style, kept in found.items() if kept.worth > 0}

    def _sizes(self, visit: Visit) -> dict[int, set[int]]:
        """By category the sizes of what was kept: of the variant that was bought, or of a product of one size alone."""
        found: dict[int, set[int]] = {}
        back = set(visit.returned.tolist())
        for item in visit.own.tolist():
            if item in back:
                continue
            sizes = self.assortment.sizes_of(item, visit.kept) or self.assortment.only_size(item)
            if sizes:
                found.setdefault(int(self.catalogue.category[item]), set()).update(sizes)
        return found

    def _fit(self, item: int, sizes: Mapping[int, set[int]]) -> float:
        fitting = sizes.get(int(self.catalogue.category[item]))
        if not fitting:
            return 1.0
        has = self.assortment.sizes[item].tolist()
        if not has:
            return UNFIT
        return 1.0 if fitting.intersection(has) else 0.0

    def _newness(self, item: int, day: int) -> float:
        since = int(self.assortment.since[item])
        return 1.0 if since < 0 else 1.0 + max(0.0, 1 - max(day - since, 0) / NEW_DAYS)

    def _of_style(self, style: int) -> Int32:
        begin, end = np.searchsorted(self._styles, [style, style + 1])
        return self._items[begin:end]
