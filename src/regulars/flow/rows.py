"""Rows of recommended items: from the trained models, by the shop's rules, with a note when they are short."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np

from regulars.core.definitions import Placement
from regulars.core.merchandising import Recommend, Step, searches, steps_of
from regulars.core.preferences import TooClose, Unwanted, within
from regulars.flow.filling import Asked, Filling, Moment
from regulars.flow.merchandise import Merchandise, Standing
from regulars.flow.models import Serving
from regulars.flow.shelf import Shelf
from regulars.profile.purchases import triples
from regulars.recommend.interactions import Catalogue
from regulars.recommend.model import ReasonCode, Recommended, Shopper
from regulars.recommend.popular import Popular
from regulars.recommend.search import answers_search

_MOST_ROWS = 200
#: How often a row is filled again before it becomes everybody's.
_ATTEMPTS = 6
#: What everybody gets whose history may not be used.
_POPULAR = (Step(((Popular.name, 1.0),)),)
_FROM_PURCHASES = (
    ReasonCode.BOUGHT_TOGETHER.value,
    ReasonCode.COMPLEMENT.value,
    ReasonCode.ALTERNATIVE.value,
    ReasonCode.BUNDLE.value,
    ReasonCode.VARIANT.value,
    ReasonCode.SIMILAR.value,
    ReasonCode.GUIDE.value,
)
#: Kinds of trait -> reasons for items that say the same of a customer.
_REASONS_OF: dict[str, tuple[str, ...]] = {
    "affinity": (
        ReasonCode.CATEGORY.value,
        ReasonCode.NEW_ARRIVAL.value,
        ReasonCode.LEFT_BEHIND.value,
        ReasonCode.GUIDE.value,
        ReasonCode.SIMILAR.value,
    ),
    "count": (ReasonCode.BOUGHT_OFTEN.value,),
    "sum": (ReasonCode.BOUGHT_OFTEN.value,),
    "distinct": _FROM_PURCHASES,
    "last": _FROM_PURCHASES,
    "days_since": (ReasonCode.OWN_RHYTHM.value,),
    "lifecycle": (ReasonCode.OWN_RHYTHM.value,),
}


class ItemRow(msgspec.Struct, frozen=True):
    """Items of one placement, the codes of notes about them, and how they came there, for the record."""

    items: list[Recommended]
    notes: list[tuple[str, dict[str, Any]]]
    shared: bool = False  # the same list of items for many customers
    personal: bool = False  # the customer's own history was used
    moved: list[list[int]] = []  # by slot, the places of the rules that moved the item; empty: none
    propensities: list[float] = []  # by slot; empty: certain
    pool: bytes = b""
    removed: dict[int, list[str]] = {}  # rule by its place (-1: the placement's filter) -> items that it took out


NO_ROW = ItemRow([], [])


class Wishes(NamedTuple):
    """What the customer declared away."""

    refused: Unwanted | None = None
    close: TooClose | None = None
    reasons: frozenset[str] = frozenset()  # codes of reasons that rest on what came too close


NO_WISHES = Wishes()


class ItemRows:
    """Builds rows."""

    def __init__(self, models: Serving, shelf: Shelf, merchandise: Merchandise | None = None) -> None:
        self._models = models
        self._shelf = shelf
        self._merchandise = merchandise
        self._filling = Filling(shelf)
        self._everybodys: dict[tuple[Any, ...], ItemRow] = {}

    @property
    def version(self) -> str:
        """The version of the models that serve, "" without any."""
        standing = self._standing()
        return self._models.version if standing is None else standing.models

    def of(
        self,
        placement: Placement,
        shopper: Shopper,
        *,
        allowed: bool,
        day: int,
        shown: Collection[str],
        wishes: Wishes = NO_WISHES,
        moment: Moment | None = None,
    ) -> ItemRow:
        """The row of a placement; `allowed`: the person's history may be used. None of `shown` is in it.

        Nothing that the wishes declare away is in it, and no reason is given that came too close. `moment` is what
        rules look at; without it they see a customer of whom nothing is known.
        """
        if not placement.recommend:
            return NO_ROW
        standing = self._standing()
        trained = self._models.trained if standing is None else standing.trained
        untrained = self._models.trained is None and not searches(placement.recommend)
        if trained is None or untrained:
            return ItemRow([], [("no_model", {})])
        moment = moment or Moment(day)
        if moment.search is not None and not searches(placement.recommend):
            moment = moment._replace(search=None)  # another row of the page that was searched on
        asked = Asked(placement, trained, standing, moment)
        if wishes == NO_WISHES:
            return self._of(asked, shopper, allowed=allowed, shown=shown)
        return self._wanted(asked, shopper, wishes, allowed=allowed, shown=shown)

    def _standing(self) -> Standing | None:
        return None if self._merchandise is None else self._merchandise.standing

    def _wanted(
        self, asked: Asked, shopper: Shopper, wishes: Wishes, *, allowed: bool, shown: Collection[str]
    ) -> ItemRow:
        """A row filled again without what is not wanted; where that does not end, the one of everybody, cut."""
        closed = wishes.close is not None and asked.placement.id in wishes.close.placements
        hidden = {*shown, *_of_categories(asked.trained.known, wishes.refused)}
        asked = asked._replace(moment=asked.moment._replace(refused=wishes.refused))
        personal = allowed and not closed
        row = NO_ROW
        for attempt in range(_ATTEMPTS + 1):
            personal = personal and attempt < _ATTEMPTS
            who = shopper if personal else Shopper()
            row = self._of(asked, who, allowed=allowed if personal else False, shown=hidden)
            out = self._unwanted(row.items, wishes.refused, wishes.reasons)
            if not out:
                break
            hidden |= out
        unwanted = self._unwanted(row.items, wishes.refused, wishes.reasons)
        kept = [slot for slot, one in enumerate(row.items) if one.item not in unwanted]
        notes = [one for one in row.notes if not allowed or not one[0].startswith("no_consent")]
        close = "too_close.search" if asked.moment.search is not None else "too_close"
        notes += [(close, {})] if allowed and not personal else []
        notes += [("not_wanted", {})] if wishes.refused is not None else []
        return msgspec.structs.replace(
            row,
            items=[row.items[slot] for slot in kept],
            notes=notes,
            shared=False,
            moved=[row.moved[slot] for slot in kept] if row.moved else [],
            propensities=[row.propensities[slot] for slot in kept] if row.propensities else [],
        )

    def _unwanted(self, items: Sequence[Recommended], refused: Unwanted | None, codes: Collection[str]) -> set[str]:
        found = {one.item for one in items if any(reason.code in codes for reason in one.reasons)} if codes else set()
        if refused is not None:
            goods = self._shelf.goods([one.item for one in items])
            found |= {one.item for one in items if refused.item(one.item, *goods.get(one.item, ()))}
        return found

    def _of(self, asked: Asked, shopper: Shopper, *, allowed: bool, shown: Collection[str]) -> ItemRow:
        known = shopper.purchases or shopper.basket or shopper.viewed or shopper.left or shopper.session
        only_new = bool(shopper.seen) and not asked.placement.review
        if allowed and (known or only_new):
            return self._row(asked, shopper, shown, allowed=True)
        # Of whom nothing is known, or nothing may be used, not even the basket: they all get the same row.
        if not allowed:
            asked = asked._replace(moment=asked.moment.without_history())
        key = self._key(asked, allowed, shown)
        row = None if key is None else self._everybodys.get(key)
        if row is None:
            row = self._row(asked, Shopper(), shown, allowed=allowed)
            if key is not None:
                if len(self._everybodys) >= _MOST_ROWS:
                    self._everybodys.clear()
                row = self._everybodys[key] = msgspec.structs.replace(row, shared=True)
        return row

    def _key(self, asked: Asked, allowed: bool, shown: Collection[str]) -> tuple[Any, ...] | None:  # noqa: FBT001
        """What everybody's row depends on; None where rules look at this customer, or the row is drawn."""
        place, standing = asked.placement, asked.standing
        if place.explore or asked.moment.refused is not None or asked.moment.search is not None:
            return None
        holding: tuple[Any, ...] = ()
        if standing is not None:
            found = self._filling.everybodys(place, standing, asked.moment)
            if found is None:
                return None
            holding = (standing.version, *found)
        models = self._models.version if standing is None else standing.models
        newer = 0 if asked.trained.newer is None else asked.trained.newer.version
        return (models, newer, self._shelf.version, place.id, allowed, asked.moment.day, frozenset(shown), *holding)

    def _row(self, asked: Asked, shopper: Shopper, shown: Collection[str], *, allowed: bool) -> ItemRow:
        place = asked.placement
        steps = steps_of(place.recommend) if allowed else _everybodys(place.recommend)
        filled = self._filling.fill(asked, shopper, steps, shown)
        everybodys = "no_consent.search" if asked.moment.search is not None else "no_consent"
        notes = filled.notes if allowed else [(everybodys, {"purpose": place.purpose}), *filled.notes]
        return ItemRow(
            filled.items,
            notes,
            personal=allowed,
            moved=filled.moved,
            propensities=filled.propensities,
            pool=filled.pool,
            removed=filled.removed,
        )


def _everybodys(recommend: Recommend) -> tuple[Step, ...]:
    """What fills a row for everybody alike: what is popular; of a search what was found, in an order for everybody."""
    if not searches(recommend):
        return _POPULAR
    return tuple(step if answers_search(step) else _POPULAR[0] for step in steps_of(recommend))


def too_close_reasons(close: TooClose | None, kinds: Mapping[str, str]) -> frozenset[str]:
    """The codes of reasons for items that rest on what came too close; `kinds` are those of the shop's traits.

    >>> close = TooClose(traits=frozenset({"aisles"}), reasons=frozenset({"own_rhythm"}))
    >>> sorted(too_close_reasons(close, {"aisles": "affinity"}))
    ['category', 'guide', 'left_behind', 'new_arrival', 'own_rhythm', 'similar']
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


def shopper_of(
    purchases: Sequence[Any],
    basket: Sequence[str],
    viewed: Sequence[str],
    left: Sequence[tuple[str, str, float]] = (),
    session: Sequence[str] = (),
    seen: Sequence[str] = (),
    kept: Sequence[str] = (),
) -> Shopper:
    """The shopper of a PURCHASES part; `left` and `kept` are what `flow.left` and `flow.kept` find in the traits."""
    return Shopper(
        purchases=list(triples(purchases)),
        basket=tuple(basket),
        viewed=tuple(viewed),
        left=left,
        session=tuple(session),
        seen=tuple(seen),
        kept=tuple(kept),
    )
