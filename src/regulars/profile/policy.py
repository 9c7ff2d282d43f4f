"""The policy of a source: what its events may be used for at most, whatever the customer agreed to.

A source may name purposes, ask for a consent that each event brings itself, or be a partner's. What contract and law
ask for needs no consent and stays; only a partner's events are for the partner's purpose and for nothing else.
"""

from collections.abc import Mapping
from typing import NamedTuple

from regulars.core.definitions import CONTRACT, Definitions, Source
from regulars.core.event import ALWAYS_KEPT, CONSENT, FIXED_PURPOSES, IDENTIFY, Event
from regulars.core.verdict import ADMITTED, NO_OWN_CONSENT, NOT_OF_SOURCE
from regulars.profile.best_source import BROWSER_RANK, GROUPS, PRODUCTS, ROLE_RANKS, USUAL_RANKS
from regulars.profile.hearing import Heard, hear
from regulars.profile.orders import Order

Since = Mapping[str, int]
#: How the marks of facts begin that a brand or a store of the shop told.
BRAND, STORE = "brand:", "store:"


class Limits(NamedTuple):
    """What the events of one source are for."""

    purposes: frozenset[str] | None  # at most these; None: any
    own: bool  # and of them only those to which the event itself brings a yes
    partner: str  # the purpose of the partner whose source it is, else ""
    agreed: str = ""  # what must be allowed, too: the purpose of the brand or store whose source it is


class Policy:
    """The policies of a shop's sources. `limits` has the sources that have one; all others are free."""

    def __init__(self, definitions: Definitions) -> None:
        self.lawful = frozenset(
            (CONTRACT, *(p.id for p in definitions.purposes if p.basis in ("contract", "legal_obligation")))
        )
        self._definitions = definitions
        bases = {purpose.id: purpose.basis for purpose in definitions.purposes}
        #: Purposes that a customer can say something about, and those of them to which an objection is enough.
        self.purposes = frozenset(p for p, basis in bases.items() if basis in ("consent", "legitimate_interest"))
        self.objectable = frozenset(p for p, basis in bases.items() if basis == "legitimate_interest")
        self.limits: dict[str, Limits] = {}
        for source in definitions.sources:
            if source.partner:
                purpose = f"partners:{source.partner}"
                self.limits[source.id] = Limits(frozenset({purpose}), source.consent == "required", purpose)
            elif source.purposes is not None or source.consent == "required" or source.own_purpose:
                own = source.own_purpose
                purposes = (
                    None if source.purposes is None else self.lawful | {*source.purposes, *([own] if own else [])}
                )
                self.limits[source.id] = Limits(purposes, source.consent == "required", "", own)
        #: Purpose of a partner -> the partner's sources: facts and traits of it come from nowhere else.
        self.partners: dict[str, tuple[str, ...]] = {}
        for source_id, one in sorted(self.limits.items()):
            if one.partner:
                self.partners[one.partner] = (*self.partners.get(one.partner, ()), source_id)
        #: Purpose of a brand or a store -> its sources.
        self.agreed: dict[str, tuple[str, ...]] = {}
        for source_id, one in sorted(self.limits.items()):
            if one.agreed:
                self.agreed[one.agreed] = (*self.agreed.get(one.agreed, ()), source_id)
        #: Source -> what the facts that it tells are marked with.
        self.origins = {one.id: mark for one in definitions.sources if (mark := _mark(one))}
        #: Mark of facts -> the consents that such facts rest on; sources of one brand may differ.
        self.consents_of: dict[str, frozenset[str]] = {}
        for source_id, mark in self.origins.items():
            limits = self.limits.get(source_id)
            asked = {limits.partner or limits.agreed} - {""} if limits is not None else set()
            if asked:
                self.consents_of[mark] = self.consents_of.get(mark, frozenset()) | asked
        #: Source -> its places among those that tell of orders; the others are as good as a server of the shop.
        self._order_ranks = {one.id: _ranks(one) for one in definitions.sources}
        shown = {placement.purpose for placement in definitions.placements if placement.recommend}
        self._recommending = shown - self.lawful

    def hear(self, event: Event) -> Heard:
        """What the event says about consent; a partner's can speak of nothing but the partner's own purpose."""
        one = self.limits.get(event.source)
        purposes = self.purposes & {one.partner} if one is not None and one.partner else self.purposes
        return hear(event, purposes, self._definitions.signals, objectable=self.objectable)

    def admitting(self, event: Event, purpose: str) -> str:
        """The purpose that admits an event; `purpose` is that of its name."""
        one = self.limits.get(event.source)
        return one.partner or purpose if one is not None else purpose

    def needed(self, event: Event, purpose: str) -> tuple[str, ...]:
        """All purposes that must be allowed for an event to be taken in; `purpose` is that of its name.

        What a brand or a store with a purpose of its own tells of somebody needs that, too; orders and what customers
        say themselves do not.
        """
        one = self.limits.get(event.source)
        if one is None or not one.agreed or (purpose in self.lawful and event.name != IDENTIFY):
            return (self.admitting(event, purpose),)
        return (purpose, one.agreed)

    def refusal(self, event: Event, purpose: str) -> int:
        """Why an event may not be taken in whatever its customer says (a code of `core.verdict`); ADMITTED when it may.

        `purpose` is that of its name. What it says about consent is heard all the same.
        """
        one = self.limits.get(event.source)
        if one is None:
            return ADMITTED
        if one.partner:
            if event.name in ALWAYS_KEPT and event.name not in (IDENTIFY, CONSENT):
                return NOT_OF_SOURCE  # orders, aliases and wishes are between the customer and the shop
            if event.name in FIXED_PURPOSES:
                return NOT_OF_SOURCE  # a consent to a partner is none to be followed or to be quoted
            purpose = one.partner
        elif one.purposes is not None and purpose not in one.purposes:
            return NOT_OF_SOURCE
        if one.own and purpose not in self.lawful and purpose not in (self.own(event) or ()):
            return NO_OWN_CONSENT
        return ADMITTED

    def own(self, event: Event) -> tuple[str, ...] | None:
        """The purposes to which the event itself brings a yes, where its source asks for that; else None."""
        one = self.limits.get(event.source)
        if one is None or not one.own:
            return None
        said: dict[str, bool] = {}
        for statement in self.hear(event).statements:
            said[statement.purpose] = statement.granted and said.get(statement.purpose, True)
        return tuple(sorted(purpose for purpose, granted in said.items() if granted))

    def order_ranks(self, event: Event) -> tuple[int, ...]:
        """How good the event's source is for each group of an order's fields (`best_source.GROUPS`)."""
        return self._order_ranks.get(event.source, ())

    def within(self, event: Event, since: Since) -> Since:
        """Of what the customer agreed to, what an event of a limited source may be used for."""
        one = self.limits[event.source]
        return self._agreed(_narrowed(since, self._most_of(one, self.own(event))), one)

    def within_order(self, order: Order, since: Since) -> tuple[Since, bool]:
        """The same for an order that limited sources tell of, and whether its lines may be recommended from."""
        found, lines = since, True
        for source, own in self.tellers(order):
            one = self.limits.get(source)
            if one is None:
                continue
            most = self._most_of(one, own)
            found = self._agreed(_narrowed(found, most), one)
            lines = lines and (most is None or self._recommending <= most)
            if one.agreed:
                start = since.get(one.agreed)
                lines = lines and start is not None and order.time is not None and order.time >= start
        return found, lines

    def changed(self, old: Order | None, new: Order) -> bool:
        """Whether more limited sources tell of the order than before: what was counted of it may be too much."""
        return bool(self.limits) and old is not None and self.tellers(old) != self.tellers(new)

    def tellers(self, order: Order) -> frozenset[tuple[str, tuple[str, ...] | None]]:
        """The limited sources that tell of an order, each with what its events agreed to."""
        told = order.versions
        return frozenset((one.source, one.own) for one in told if one.source in self.limits)

    def _agreed(self, since: Since, one: Limits) -> Since:
        """Beyond contract and law nothing counts before, or without, the yes to the brand or store."""
        if not one.agreed:
            return since
        start = since.get(one.agreed)
        return {
            purpose: begin if purpose in self.lawful else max(begin, start or 0)
            for purpose, begin in since.items()
            if start is not None or purpose in self.lawful
        }

    def _most_of(self, one: Limits, own: tuple[str, ...] | None) -> frozenset[str] | None:
        """All that events of a source may be used for; None: anything."""
        if not one.own:
            return one.purposes
        most = self.lawful.union(own or ())
        return most if one.purposes is None else most & one.purposes


def _mark(source: Source) -> str:
    """Whose the facts of a source are: a partner's purpose, a store, a brand; "" for nobody's in particular."""
    if source.partner:
        return f"partners:{source.partner}"
    if source.store:
        return STORE + source.store
    return BRAND + source.brand if source.brand else ""


def _ranks(source: Source) -> tuple[int, ...]:
    """Empty for the usual: no order needs to remember that."""
    usual = BROWSER_RANK if source.kind == "browser" else ROLE_RANKS[source.role]
    said: dict[str, int] = {str(group): rank for group, rank in source.ranks.items()}
    found = tuple(said.get(group, usual) for group in GROUPS)
    return () if found == USUAL_RANKS else found


def products_rank(source: Source) -> int:
    """How good a source's word is about what was ordered; the smallest is the best."""
    return (_ranks(source) or USUAL_RANKS)[PRODUCTS]


def _narrowed(since: Since, most: frozenset[str] | None) -> Since:
    return since if most is None else {purpose: start for purpose, start in since.items() if purpose in most}
