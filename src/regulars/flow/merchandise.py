"""What rules look at, kept in memory beside the models: products, masks, and what a reaction to each is worth.

`refresh` runs in a thread beside; decisions take the newest whole `Standing`, which is never changed in place.
"""

import threading
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, cast

import msgspec
import numpy as np

from regulars.core.catalog import CatalogItem
from regulars.core.definitions import Definitions, Placement
from regulars.core.item_rows import AGE, FIELDS, ItemRows
from regulars.core.merchandising import searches, steps_of
from regulars.core.schema import Rows
from regulars.core.state import COUNTER, StateReader
from regulars.recommend.goods import Facts, Goods, Lot
from regulars.recommend.interactions import Catalogue, Float64
from regulars.recommend.ranked.learned import RANKER
from regulars.recommend.rules import Compiled, SharedMasks, compile_filter, compile_rules, reads_age
from regulars.recommend.training import TrainedSet, without_lines

#: Counter by item: how often it was put into a row, of shops that let new items be drawn.
PUT_IN_ROWS = "item_in_row"
#: An item counts as new for so many days, and as rarely shown below so many rows.
NEW_DAYS, RARELY = 30, 100
#: New and rarely shown items that are kept ready.
MOST_FRESH = 2_000
#: How often exposures are counted again, refreshes.
COUNT_EVERY = 60
_TITLE = 2
_decode = msgspec.msgpack.Decoder(CatalogItem).decode


class Compilation:
    """The rules of one version of the definitions, compiled."""

    def __init__(self, definitions: Definitions, rows: Rows) -> None:
        self.rows = ItemRows(rows, definitions.attributes)
        self.attributes = tuple(definitions.attributes)
        self.width = len(FIELDS) + len(self.attributes)
        self.rules: tuple[Compiled, ...] = compile_rules(definitions.rules, self.rows)
        self.filters: dict[str, Compiled] = {
            one.id: own
            for one in definitions.placements
            if one.recommend and (own := compile_filter(one, self.rows)) is not None
        }
        self.tested: tuple[Compiled, ...] = (*self.rules, *self.filters.values())
        self.placements = tuple(one for one in definitions.placements if one.recommend)
        self.explores = any(one.explore for one in definitions.placements if one.recommend)
        values = any(one.objective not in ("click", "order") for one in definitions.placements if one.recommend)
        self.searches = any(searches(one.recommend) for one in definitions.placements)
        named = {name for one in self.placements for step in steps_of(one.recommend) for name, _ in step.models}
        self.ranks = RANKER in named
        #: Whether anything looks at products beyond what the models know.
        self.needed = bool(self.tested) or self.explores or values or self.searches or self.ranks
        self.reads_exposures = any(one.rule.kind == "no_repeat" for one in self.rules)
        names = {name for one in self.tested if one.condition is not None for name in one.condition.names}
        self.reads_titles = "item.title" in names
        self.changes_by_day = reads_age(self.tested) or self.explores or self.ranks or AGE in names

    def reads_shown(self, placement: Placement) -> bool:
        """Whether a row of the placement depends on what was shown before."""
        return bool(placement.recommend) and any(
            one.rule.kind == "no_repeat"
            and (not one.rule.placements or placement.id in one.rule.placements)
            and (not one.rule.channels or placement.channel in one.rule.channels)
            for one in self.rules
        )


class Standing:
    """Everything of one moment that rows are made with; the models are those that the positions belong to."""

    def __init__(
        self, compiled: Compilation, trained: TrainedSet, models: str, goods: Goods, masks: SharedMasks, version: int
    ) -> None:
        self.compiled = compiled
        self.trained = trained
        self.models = models  # their version
        self.goods = goods
        self.masks = masks
        self.version = version
        self.fresh: tuple[int, ...] = ()
        self._worth: dict[tuple[str, float], Float64 | None] = {}

    def prepare(self) -> None:
        """Work out beside serving what a first customer would wait for."""
        self.masks.prepare()
        if self.compiled.ranks:
            _ = self.goods.prices, self.goods.margin_shares, self.goods.stocks, self.goods.ages
        for placement in self.compiled.placements:
            self.worth(placement)

    def worth(self, placement: Placement) -> Float64 | None:
        """What a reaction to each item is worth; None where all are alike, or nothing is known."""
        key = (placement.objective, placement.margin_weight)
        if placement.objective in ("click", "order"):
            return None
        if key not in self._worth:
            found = worth_of(self.trained, self.goods, session=placement.objective == "session_margin")
            self._worth[key] = None if found is None else weighted(found, placement.margin_weight)
        return self._worth[key]


class Merchandise:
    """One per process. The shelf tells it of products as it reads them."""

    def __init__(self, state: StateReader) -> None:
        self._state = state
        self._known: dict[str, Facts] = {}
        self._changed: set[str] = set()
        self._compiled: Compilation | None = None
        self._day = -1
        self._until_count = 0
        self._exposures: Mapping[str, int] = {}
        self._version = 0
        self._lock = threading.Lock()  # a standing is built by one thread
        self._intern = lru_cache(maxsize=20_000)(str)  # categories and brands are many items' own
        self.standing: Standing | None = None

    def use(self, compiled: Compilation, day: int) -> bool:
        """Go by other rules from the next `refresh` on; whether every product has to be read again for them."""
        with self._lock:
            before = self._compiled
            self._compiled = compiled
            again = compiled.needed and (
                before is None
                or not before.needed
                or before.attributes != compiled.attributes
                or before.reads_titles != compiled.reads_titles
            )
            if again:
                self._known.clear()
            self._day = day if self._day < 0 else self._day
            return again

    def passes_to(self, day: int) -> bool:
        """Note the local day; whether every product has to be read again because rules look at ages."""
        if day == self._day:
            return False
        self._day = day
        return self._compiled is not None and self._compiled.needed and self._compiled.changes_by_day

    def take(self, rows: Iterable[tuple[str, bytes]]) -> None:
        """Products as they are now."""
        compiled = self._compiled
        if compiled is None or not compiled.needed:
            return
        for identifier, data in rows:
            self._known[identifier] = self._facts(_decode(data), compiled)
            self._changed.add(identifier)

    def refresh(self, trained: TrainedSet | None, models: str) -> Standing | None:
        """What stands now, built anew as far as anything changed; None where nothing looks at it."""
        with self._lock:
            compiled = self._compiled
            if trained is None and compiled is not None and compiled.searches:
                trained = _untrained()  # what is searched for is found before the first order
            if compiled is None or not compiled.needed or trained is None:
                self.standing = None
                return None
            before = self.standing
            same = before is not None and before.compiled is compiled and before.trained is trained
            counted = compiled.explores and self._count()
            changed, self._changed = self._changed, set()
            if before is not None and same and not changed and not counted:
                return before
            standing = self._partly(before, changed) if before is not None and same else None
            as_before = standing is not None and before is not None and not counted
            if standing is None:
                goods = Goods(
                    trained.known, self._known, attributes=compiled.attributes, width=compiled.width, day=self._day
                )
                masks = SharedMasks(goods, compiled.tested, compiled.rows.first)
                standing = Standing(compiled, trained, models, goods, masks, self._next())
            if as_before and before is not None:
                standing.fresh = before.fresh  # counted again now and then: every item is looked at for it
            elif compiled.explores:
                standing.fresh = self._fresh(standing.goods)
            standing.prepare()
            self.standing = standing
            return standing

    def _partly(self, before: Standing, changed: set[str]) -> Standing | None:
        if not changed:
            return Standing(before.compiled, before.trained, before.models, before.goods, before.masks, self._next())
        found = before.goods.changed(self._known, changed)
        if found is None:
            return None
        goods, places = found
        compiled = before.compiled
        masks = SharedMasks(goods, compiled.tested, compiled.rows.first, before.masks, places)
        return Standing(compiled, before.trained, before.models, goods, masks, self._next())

    def _next(self) -> int:
        self._version += 1
        return self._version

    def _count(self) -> bool:
        """Count now and then how often items were put into rows."""
        self._until_count -= 1
        if self._until_count > 0:
            return False
        self._until_count = COUNT_EVERY
        rows = self._state.select(COUNTER, {"name": PUT_IN_ROWS, "day": 0})
        self._exposures = {str(row[2]): cast(int, row[3]) for row in rows}
        return True

    def _fresh(self, goods: Goods) -> tuple[int, ...]:
        """New and rarely shown items that are known to the catalogue, the least shown first."""
        age = len(FIELDS) - 1
        counts = self._exposures
        found = [
            (shown, at)
            for at, (name, cells) in enumerate(zip(goods.ids, goods.cells, strict=True))
            if name in self._known
            and cells[1] == "product"
            and ((shown := counts.get(name, 0)) < RARELY or (cells[age] is not None and cells[age] < NEW_DAYS))
        ]
        found.sort()
        return tuple(at for _, at in found[:MOST_FRESH])

    def _facts(self, item: CatalogItem, compiled: Compilation) -> Facts:
        cells: list[Any] = list(compiled.rows.cells(item, self._day))
        if not compiled.reads_titles:
            cells[_TITLE] = None
        for at in (_TITLE - 1, _TITLE + 1, _TITLE + 2):
            if cells[at] is not None:
                cells[at] = self._intern(cells[at])
        return Facts(tuple(cells), tuple(Lot(one.attributes, one.stock) for one in item.variants))


@lru_cache(maxsize=1)
def _untrained() -> TrainedSet:
    return without_lines(Catalogue.of(()))


def worth_of(trained: TrainedSet, goods: Goods, *, session: bool) -> Float64 | None:
    """Margin of one piece, minor units; of the rest of the session, too, what its neighbours in the basket bring.

    Where the margin is not known it is the median share of the known ones, times the price; without a price the median
    margin. None where no margin is known at all.
    """
    margins, prices, shares = goods.margins, goods.prices, goods.margin_shares
    known = ~np.isnan(margins)
    if not known.any():
        return None
    share = float(np.median(shares[~np.isnan(shares)])) if (~np.isnan(shares)).any() else 0.0
    found = np.where(known, margins, np.where(np.isnan(prices), float(np.median(margins[known])), prices * share))
    per_day = trained.models.popular.per_day
    if session and per_day > 0:
        count = len(trained.catalogue)
        held = np.minimum(trained.models.popular.rate.astype(np.float64) / per_day, 1.0)
        follow_up = trained.models.bought_together.follow_up(held, np.maximum(found[:count], 0.0))
        found = found.copy()
        found[:count] += follow_up
    return cast(Float64, found)


def weighted(worth: Float64, weight: float) -> Float64:
    """Worth raised to a weight; what costs more than it brings stays below zero.

    >>> weighted(np.asarray([4.0, -4.0]), 0.5).tolist()
    [2.0, -2.0]
    """
    return cast(Float64, np.sign(worth) * np.abs(worth) ** weight)
