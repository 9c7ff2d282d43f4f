"""Rows of recommended items: from the trained models, from what is on the shelf, with a note when they are short."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np

from regulars.core.definitions import Placement
from regulars.core.preferences import TooClose, Unwanted, within
from regulars.flow.models import Serving
from regulars.flow.shelf import Shelf
from regulars.profile.purchases import triples
from regulars.recommend.blend import Blend
from regulars.recommend.interactions import Catalogue
from regulars.recommend.model import ReasonCode, Recommended, ScoringModel, Shopper
from regulars.recommend.training import TrainedSet

_MOST_ROWS = 200
#: How often a row is filled again before it becomes everybody's.
_ATTEMPTS = 6
#: Kinds of trait -> reasons for items that say the same of a customer.
_REASONS_OF: dict[str, tuple[str, ...]] = {
    "affinity": (ReasonCode.CATEGORY.value,),
    "count": (ReasonCode.BOUGHT_OFTEN.value,),
    "sum": (ReasonCode.BOUGHT_OFTEN.value,),
    "distinct": (ReasonCode.BOUGHT_TOGETHER.value,),
    "last": (ReasonCode.BOUGHT_TOGETHER.value,),
    "days_since": (ReasonCode.OWN_RHYTHM.value,),
    "lifecycle": (ReasonCode.OWN_RHYTHM.value,),
}


class ItemRow(msgspec.Struct, frozen=True):
    """Items of one placement, and the codes of notes about them."""

    items: list[Recommended]
    notes: list[tuple[str, dict[str, Any]]]
    shared: bool = False  # the same list of items for many customers


NO_ROW = ItemRow([], [])


class Wishes(NamedTuple):
    """What the customer declared away."""

    refused: Unwanted | None = None
    close: TooClose | None = None
    reasons: frozenset[str] = frozenset()  # codes of reasons that rest on what came too close


NO_WISHES = Wishes()


class ItemRows:
    """Builds rows."""

    def __init__(self, models: Serving, shelf: Shelf) -> None:
        self._models = models
        self._shelf = shelf
        self._everybodys: dict[tuple[Any, ...], ItemRow] = {}

    @property
    def version(self) -> str:
        """The version of the models that serve, "" without any."""
        return self._models.version

    def of(
        self,
        placement: Placement,
        shopper: Shopper,
        *,
        allowed: bool,
        day: int,
        shown: Collection[str],
        wishes: Wishes = NO_WISHES,
    ) -> ItemRow:
        """The row of a placement; `allowed`: the person's history may be used. None of `shown` is in it.

        Nothing that the wishes declare away is in it, and no reason is given that came too close.
        """
        if not placement.recommend:
            return NO_ROW
        trained = self._models.trained
        if trained is None:
            return ItemRow([], [("no_model", {})])
        if wishes == NO_WISHES:
            return self._of(trained, placement, shopper, allowed=allowed, day=day, shown=shown)
        return self._wanted(trained, placement, shopper, wishes, allowed=allowed, day=day, shown=shown)

    def _wanted(
        self,
        trained: TrainedSet,
        placement: Placement,
        shopper: Shopper,
        wishes: Wishes,
        *,
        allowed: bool,
        day: int,
        shown: Collection[str],
    ) -> ItemRow:
        """A row filled again without what is not wanted; where that does not end, the one of everybody, cut."""
        closed = wishes.close is not None and placement.id in wishes.close.placements
        hidden = {*shown, *_of_categories(trained.catalogue, wishes.refused)}
        personal = allowed and not closed
        row = NO_ROW
        for attempt in range(_ATTEMPTS + 1):
            personal = personal and attempt < _ATTEMPTS
            who = shopper if personal else Shopper()
            row = self._of(trained, placement, who, allowed=allowed if personal else False, day=day, shown=hidden)
            out = self._unwanted(row.items, wishes.refused, wishes.reasons)
            if not out:
                break
            hidden |= out
        items = [one for one in row.items if one.item not in self._unwanted(row.items, wishes.refused, wishes.reasons)]
        notes = [one for one in row.notes if not allowed or one[0] != "no_consent"]
        notes += [("too_close", {})] if allowed and not personal else []
        notes += [("not_wanted", {})] if wishes.refused is not None else []
        return ItemRow(items, notes)

    def _unwanted(self, items: Sequence[Recommended], refused: Unwanted | None, codes: Collection[str]) -> set[str]:
        found = {one.item for one in items if any(reason.code in codes for reason in one.reasons)} if codes else set()
        if refused is not None:
            goods = self._shelf.goods([one.item for one in items])
            found |= {one.item for one in items if refused.item(one.item, *goods.get(one.item, ()))}
        return found

    def _of(
        self,
        trained: TrainedSet,
        placement: Placement,
        shopper: Shopper,
        *,
        allowed: bool,
        day: int,
        shown: Collection[str],
    ) -> ItemRow:
        if allowed and (shopper.purchases or shopper.basket or shopper.viewed):
            return self._row(trained, placement, shopper, day, shown)
        # Of whom nothing is known, or nothing may be used, not even the basket: they all get the same row.
        key = (self._models.version, self._shelf.version, placement.id, allowed, day, frozenset(shown))
        row = self._everybodys.get(key)
        if row is None:
            if len(self._everybodys) >= _MOST_ROWS:
                self._everybodys.clear()
            if allowed:
                row = self._row(trained, placement, Shopper(), day, shown)
            else:
                row = self._popular(trained, placement, day, shown)
            row = self._everybodys[key] = ItemRow(row.items, row.notes, shared=True)
        return row

    def _row(
        self, trained: TrainedSet, placement: Placement, shopper: Shopper, day: int, shown: Collection[str]
    ) -> ItemRow:
        asked = placement.items
        mask = self._shelf.allowed(trained.catalogue)
        model = _model(trained, placement.recommend)
        if isinstance(model, Blend):
            row = model.row(shopper, n=asked, day=day, exclude=shown, allowed=mask)
            why = "" if row.shortfall is None else str(row.shortfall)
            return ItemRow(row.items, _short(len(row.items), asked, why))
        items = model.recommend(shopper, n=asked, day=day, exclude=shown, allowed=mask)
        return ItemRow(items, _short(len(items), asked, "no_more", placement.recommend))

    def _popular(self, trained: TrainedSet, placement: Placement, day: int, shown: Collection[str]) -> ItemRow:
        mask = self._shelf.allowed(trained.catalogue)
        items = trained.models.popular.recommend(Shopper(), n=placement.items, day=day, exclude=shown, allowed=mask)
        notes: list[tuple[str, dict[str, Any]]] = [("no_consent", {"purpose": placement.purpose})]
        return ItemRow(items, notes + _short(len(items), placement.items, "filtered"))


def too_close_reasons(close: TooClose | None, kinds: Mapping[str, str]) -> frozenset[str]:
    """The codes of reasons for items that rest on what came too close; `kinds` are those of the shop's traits.

    >>> close = TooClose(traits=frozenset({"aisles"}), reasons=frozenset({"own_rhythm"}))
    >>> sorted(too_close_reasons(close, {"aisles": "affinity"}))
    ['category', 'own_rhythm']
    """
    if close is None:
        return frozenset()
    met = {*close.kinds, *(kinds[one] for one in close.traits if one in kinds)}
    return close.reasons.union(*(_REASONS_OF.get(kind, ()) for kind in met))


def _of_categories(catalogue: Catalogue, refused: Unwanted | None) -> set[str]:
    """The items of categories that are refused, as the models know them."""
    if refused is None or not refused.categories:
        return set()
    numbers = [at for at, name in enumerate(catalogue.categories) if within(name, refused.categories)]
    return {catalogue.ids[at] for at in np.flatnonzero(np.isin(catalogue.category, numbers)).tolist()}


def shopper_of(purchases: Sequence[Any], basket: Sequence[str], viewed: Sequence[str]) -> Shopper:
    """The shopper of a PURCHASES part."""
    return Shopper(purchases=list(triples(purchases)), basket=tuple(basket), viewed=tuple(viewed))


def _model(trained: TrainedSet, name: str) -> ScoringModel:
    if name == "blend":
        return trained.blend
    model: ScoringModel = getattr(trained.models, name)  # names are checked when the shop folder is loaded
    return model


def _short(count: int, asked: int, why: str, model: str = "") -> list[tuple[str, dict[str, Any]]]:
    return [(f"short.{why}", {"count": count, "asked": asked, "model": model})] if count < asked else []
