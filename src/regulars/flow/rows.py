"""Rows of recommended items: from the trained models, from what is on the shelf, with a note when they are short."""

from collections.abc import Collection, Sequence
from typing import Any

import msgspec

from regulars.core.definitions import Placement
from regulars.flow.models import Serving
from regulars.flow.shelf import Shelf
from regulars.profile.purchases import triples
from regulars.recommend.blend import Blend
from regulars.recommend.model import Recommended, ScoringModel, Shopper
from regulars.recommend.training import TrainedSet

_MOST_ROWS = 200


class ItemRow(msgspec.Struct, frozen=True):
    """Items of one placement, and the codes of notes about them."""

    items: list[Recommended]
    notes: list[tuple[str, dict[str, Any]]]
    shared: bool = False  # the same list of items for many customers


NO_ROW = ItemRow([], [])


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

    def of(self, placement: Placement, shopper: Shopper, *, allowed: bool, day: int, shown: Collection[str]) -> ItemRow:
        """The row of a placement; `allowed`: the person's history may be used. None of `shown` is in it."""
        if not placement.recommend:
            return NO_ROW
        trained = self._models.trained
        if trained is None:
            return ItemRow([], [("no_model", {})])
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
