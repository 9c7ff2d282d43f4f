"""What a decision tells its caller: offers and items with titles, prices and reasons in the customer's language."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from regulars.core.catalog import CatalogItem
from regulars.core.definitions import Offer
from regulars.core.merchandising import Rule
from regulars.core.record import profile_name
from regulars.decide.arbitration import propensities
from regulars.decide.decide import Slot
from regulars.decide.gates import Gate
from regulars.decide.replay import suppressions
from regulars.decide.table import OfferTable
from regulars.decide.words import STAFF_NOTES, is_due, item_reason, sentence
from regulars.flow.on_decide import Answer, OnDecide
from regulars.flow.rows import ItemRow
from regulars.recommend.model import ReasonCode, Recommended

#: Sentences and rows that are kept ready.
_MOST_REASONS, _MOST_ROWS = 20_000, 200


class Reason(msgspec.Struct, frozen=True):
    """A code for programs and a sentence for people."""

    code: str
    text: str


class Price(msgspec.Struct, frozen=True):
    """Minor units of a currency."""

    minor: int
    currency: str


class ToldItem(msgspec.Struct, frozen=True, omit_defaults=True):
    """A recommended item."""

    id: str
    title: str = ""
    price: Price | None = None
    link: str = ""
    image: str = ""
    reasons: list[Reason] = []


class ToldOffer(msgspec.Struct, frozen=True):
    """An offer in one language."""

    id: str
    title: str
    text: str
    link: str
    image: str


#: Arguments of reasons that their sentences depend on, beside category, count and item.
_TOLD = ("from", "how", "times", "brand", "colour", "season", "size")


class ToldCandidate(msgspec.Struct, frozen=True):
    """An offer that could have been chosen; `score` is in minor units."""

    offer: str
    score: float
    propensity: float


class ToldSuppression(msgspec.Struct, frozen=True, omit_defaults=True):
    """An offer that was not shown, and why; `clauses` explains a condition clause by clause."""

    offer: str
    gate: str
    detail: str
    text: str
    clauses: Any = None


class ToldRule(msgspec.Struct, frozen=True):
    """What a merchandising rule did to a row, for staff."""

    rule: str
    kind: str
    items: list[str]
    text: str


class ToldSlot(msgspec.Struct, omit_defaults=True):
    """One placement. Probabilities are for servers; candidates, suppressions and rules for those who ask to explain."""

    offer: msgspec.UnsetType | ToldOffer | None = msgspec.UNSET
    reasons: list[Reason] = []
    items: msgspec.UnsetType | list[ToldItem] = msgspec.UNSET
    notes: list[Reason] = []
    item_propensities: msgspec.UnsetType | list[float] = msgspec.UNSET
    rules: msgspec.UnsetType | list[ToldRule] = msgspec.UNSET
    propensity: msgspec.UnsetType | float = msgspec.UNSET
    explored: msgspec.UnsetType | bool = msgspec.UNSET
    candidates: msgspec.UnsetType | list[ToldCandidate] = msgspec.UNSET
    suppressions: msgspec.UnsetType | list[ToldSuppression] = msgspec.UNSET


class Told(msgspec.Struct, omit_defaults=True):
    """The body of an answer."""

    decision_id: str
    language: str
    placements: dict[str, ToldSlot]
    profile: msgspec.UnsetType | str = msgspec.UNSET


class Teller:
    """Turns decisions into answers."""

    def __init__(self, deciding: OnDecide) -> None:
        self._deciding = deciding
        self._languages = deciding.engine.definitions.shop.languages
        self._offers: dict[tuple[str, int, str], ToldOffer] = {}
        self._reasons: dict[tuple[object, ...], Reason] = {}
        self._rows: dict[tuple[int, str, int], tuple[list[Recommended], list[ToldItem]]] = {}
        self._changes = -1  # of the shelf, that `_rows` were made with

    def tell(self, answer: Answer, language: str, *, verified: bool, explain: bool = False) -> Told:
        """The answer; `verified` callers are told probabilities, and with `explain` every suppression."""
        slots: dict[str, ToldSlot] = {}
        for place, slot in enumerate(answer.decided.slots):
            placement = answer.plan.placements[place]
            row = answer.rows[place]
            told = slots[slot.placement] = ToldSlot()
            if row.notes:
                told.notes = [
                    Reason(code, sentence(code, arguments, language))
                    for code, arguments in row.notes
                    if verified or code not in STAFF_NOTES
                ]
            if placement.offers:
                self._tell_offer(told, slot, answer, place, language)
            if placement.recommend:
                told.items = self._items(row, language, answer.now)
                if verified and row.propensities:
                    told.item_propensities = row.propensities
                if verified and explain and (row.removed or row.moved):
                    told.rules = self._ruled(row, language)
            if verified and placement.offers:
                told.propensity, told.explored = slot.chosen.propensity, slot.chosen.explored
            if verified and explain and placement.offers:
                told.candidates = [
                    ToldCandidate(self._deciding.table.offers[at].id, answer.scores[at], propensity)
                    for at, propensity in propensities(slot.candidates, slot.chosen)
                ]
                told.suppressions = self._suppressions(answer, place, language)
        told_all = Told(answer.id, language, slots)
        if verified:
            told_all.profile = profile_name(answer.customer.number)
        return told_all

    def _tell_offer(self, told: ToldSlot, slot: Slot, answer: Answer, place: int, language: str) -> None:
        chosen = slot.chosen
        if chosen.offer < 0:
            told.offer = None
            code = "no_offer" if _is_made(self._deciding.table, slot.placement) else "no_offer_made"
            told.notes.append(Reason(code, sentence(code, {}, language)))
            return
        told.offer = self._offer(chosen.offer, language)
        code = "explored" if chosen.explored else "best_offer" if len(slot.candidates) > 1 else "only_offer"
        told.reasons = [self._reason(code, {"count": len(slot.candidates)}, {}, language)]
        if chosen.offer in answer.decided.unknown_stock:
            told.notes.append(Reason("stock_unknown", sentence("stock_unknown", {}, language)))

    def _offer(self, at: int, language: str) -> ToldOffer:
        key = (self._deciding.table.version, at, language)
        known = self._offers.get(key)
        if known is None:
            offer: Offer = self._deciding.table.offers[at]
            known = self._offers[key] = ToldOffer(
                offer.id,
                in_language(offer.title, language, self._languages) or offer.id,
                in_language(offer.text, language, self._languages),
                offer.link,
                offer.image,
            )
        return known

    def _suppressions(self, answer: Answer, place: int, language: str) -> list[ToldSuppression]:
        table = self._deciding.table
        placement = answer.plan.placements[place]
        row = None if answer.row is None else list(answer.row)
        if row is not None:
            names = table.rows.schema.names
            row[names["context.channel"].slot] = placement.channel
            row[names["context.placement"].slot] = placement.id
        found = []
        for one in suppressions(table, answer.decided, place):
            condition = table.conditions[table.index[one.offer]]
            asked = one.gate == Gate.ELIGIBILITY.name.lower() and condition is not None and row is not None
            clauses = msgspec.to_builtins(condition.explain(row)) if asked and condition and row else None
            text = sentence(f"gate.{one.gate}", {"detail": one.detail}, language)
            found.append(ToldSuppression(one.offer, one.gate, one.detail, text, clauses))
        return found

    def _ruled(self, row: ItemRow, language: str) -> list[ToldRule]:
        """What each rule did: what it took out, then what it moved."""
        did: dict[int, list[str]] = {at: list(items) for at, items in row.removed.items() if at >= 0}
        for one, rules in zip(row.items, row.moved, strict=True) if row.moved else ():
            for at in rules:
                did.setdefault(at, []).append(one.item)
        return [
            ruled(self._deciding.rules.rules[at].rule, items, language, self._languages) for at, items in did.items()
        ]

    def _items(self, row: ItemRow, language: str, now: int) -> list[ToldItem]:
        """The items of a row. The row that everybody without consent gets is told once."""
        if not row.shared:
            return self._tell_items(row.items, language, now)
        changes = self._deciding.shelf.changes
        if changes != self._changes:
            self._changes = changes
            self._rows.clear()
        key = (id(row.items), language, now // 60_000)  # a reduction begins and ends with a minute
        known = self._rows.get(key)
        if known is None or known[0] is not row.items:
            if len(self._rows) >= _MOST_ROWS:
                self._rows.clear()
            known = self._rows[key] = row.items, self._tell_items(row.items, language, now)
        return known[1]

    def _tell_items(self, shown: list[Recommended], language: str, now: int) -> list[ToldItem]:
        spoken = {
            str(other) for one in shown for reason in one.reasons if (other := reason.arguments.get("item")) is not None
        }
        items = self._deciding.shelf.items({*(one.item for one in shown), *spoken})
        titles = {one: items[one].title for one in spoken if one in items}
        return [
            _item(
                one.item,
                items.get(one.item),
                [self._reason(r.code, r.arguments, titles, language) for r in one.reasons],
                now,
            )
            for one in shown
        ]

    def _rule_reason(self, rule: str, language: str) -> str:
        """What the shop's rule says to customers."""
        for one in self._deciding.rules.rules:
            if one.rule.id == rule:
                return in_language(one.rule.reason, language, self._languages)
        return ""

    def _reason(self, code: str, arguments: Mapping[str, Any], titles: Mapping[str, str], language: str) -> Reason:
        """The reason in words; the same ones come again and again."""
        said = arguments.get("item")
        if code == ReasonCode.RULE:
            text = self._rule_reason(str(arguments.get("rule")), language)
            return Reason(str(code), text or sentence(code, {}, language))
        key = (
            code,
            language,
            arguments.get("category"),
            arguments.get("count"),
            *map(arguments.get, _TOLD),
            is_due(arguments),
            None if said is None else titles.get(str(said)),
        )
        known = self._reasons.get(key)
        if known is None:
            if len(self._reasons) >= _MOST_REASONS:
                self._reasons.clear()
            known = self._reasons[key] = Reason(str(code), item_reason(code, arguments, titles, language))
        return known


def ruled(rule: Rule, items: Sequence[str], language: str, known: Sequence[str]) -> ToldRule:
    """What a rule did to some items, in words for staff."""
    name = in_language(rule.title, language, known) or rule.id
    text = sentence(f"ruled.{rule.kind}", {"rule": name, "items": ", ".join(items)}, language)
    return ToldRule(rule.id, rule.kind, list(items), text)


def in_language(texts: Mapping[str, str], language: str, known: Sequence[str]) -> str:
    """The text in the language, or in the first language of the shop that it has.

    >>> in_language({"en": "Hello"}, "de", ("de", "en"))
    'Hello'
    """
    for one in (language, *known):
        if one in texts:
            return texts[one]
    return next(iter(texts.values()), "")


def _item(identifier: str, item: CatalogItem | None, reasons: list[Reason], now: int) -> ToldItem:
    if item is None:  # the models know it, the catalogue does not
        return ToldItem(identifier, reasons=reasons)
    minor = item.price_at(now)
    price = None if minor is None else Price(minor, item.currency)
    return ToldItem(item.id, item.title, price, item.link, item.image, reasons)


def _is_made(table: OfferTable, placement: str) -> bool:
    return any(placement in offer.placements for offer in table.offers)
