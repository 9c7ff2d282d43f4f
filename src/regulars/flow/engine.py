"""A shop's definitions, compiled once for everything that folds or decides."""

from collections.abc import Iterable, Mapping

import msgspec

from regulars.collect.identifiers import Identifiers
from regulars.collect.segment import Decoder
from regulars.core.calendar import Calendar
from regulars.core.condition import Condition, Schema, compile_condition
from regulars.core.definitions import CONTRACT, Definitions, Preference, Purpose
from regulars.core.errors import Misconfigured
from regulars.core.event import ALWAYS_KEPT, FIXED_PURPOSES, IDENTIFY, SHOP_FACTS, STAFF, VOUCHED_BY, Event
from regulars.core.identifier import is_person
from regulars.core.item_rows import ItemRows
from regulars.core.lake import Drop
from regulars.core.record import Hot, due_day
from regulars.core.schema import Rows, thresholds
from regulars.core.sensitive import detector
from regulars.core.verdict import ADMITTED
from regulars.profile import consent
from regulars.profile.consent import Effect
from regulars.profile.fold import Fold
from regulars.profile.hearing import Heard
from regulars.profile.policy import Policy
from regulars.profile.statements import Said, union
from regulars.understand.lifecycle import Lifecycle
from regulars.understand.segments import SegmentSet

#: What admits an event of a name that is in no plan.
UNPLANNED = "analytics"


class Engine:
    """Decoder, fold, segments and offer conditions of one version of the definitions."""

    def __init__(self, definitions: Definitions) -> None:
        self.definitions = definitions
        self.calendar = Calendar(definitions.shop.time_zone)
        self.decoder = Decoder(definitions)
        self.identifiers = Identifiers(definitions.identity)
        self.rows = Rows(definitions)
        self.segments = SegmentSet(definitions, self.rows)
        self.offers: dict[str, Condition] = {
            offer.id: compile_condition(offer.when, self.rows.schema, where=f"offers: offers.{offer.id}.when")
            for offer in definitions.offers
            if offer.when
        }
        conditions = [*self.segments.conditions.values(), *self.offers.values()]
        computed = {"lifecycle": Lifecycle(definitions.shop.typical_gap_days)}
        self.policy = Policy(definitions)
        #: Whether a text tells of something sensitive: no wish keeps it, for wishes have no purpose to agree to.
        self.unwanted = detector(definitions.sensitive).unwanted
        self.fold = Fold(definitions, self.calendar, computed, thresholds=thresholds(conditions), policy=self.policy)
        self.plain_decoder = Decoder(without_plan(definitions), again=True)
        self.terms = consent.terms_of(definitions.purposes)
        self._slots = {purpose: terms.slot for purpose, terms in self.terms.items() if terms.expires is not None}
        self.purposes = self.policy.purposes  # that a customer can say something about
        self._servers = frozenset((STAFF, *(one.id for one in definitions.sources if one.kind == "server")))
        self.source_ids = frozenset((STAFF, *(one.id for one in definitions.sources)))
        self._admitting = {event.name: event.purpose for event in definitions.events}
        self._admitting.update(dict.fromkeys((*ALWAYS_KEPT, *SHOP_FACTS), CONTRACT))
        self._admitting.update(FIXED_PURPOSES)
        #: Purpose -> which events it admits, as what is taken out of the lake when it ends.
        self.admits = _admits(self._admitting, self.policy)
        self.lifecycle_slot: int | None = next(
            (slot for slot, trait in enumerate(definitions.traits) if trait.kind == "lifecycle"), None
        )

        #: Ending a purpose is more than clearing its traits where its events feed traits of these other purposes.
        self._fed: dict[str, set[str]] = {}
        for trait in definitions.traits:
            for event in trait.events:
                if (admitting := self.admitting_purpose(event)) not in (CONTRACT, trait.purpose):
                    self._fed.setdefault(admitting, set()).add(trait.purpose)
        for purpose in (*self.policy.partners, *self.policy.agreed):  # facts, too, come from such events
            self._fed[purpose] = {CONTRACT}

    def trusts(self, event: Event) -> bool:
        """Whether a server sent the event: a public key's subject is no person, unless a token vouches for it."""
        if event.source in self._servers:
            return True
        return is_person(event.subject, self.definitions.identity) and VOUCHED_BY not in event.context

    def ends_more(self, effect: Effect) -> bool:
        """Whether a change of consent asks for the history: clearing the traits of a purpose would leave too much."""
        return bool(effect.refold) or any(not self._fed.get(one, set()) <= effect.clear for one in effect.clear)

    def hear(self, event: Event) -> Heard:
        """What the event says about consent."""
        return self.policy.hear(event)

    def union(self, known: Iterable[Said], heard: Iterable[Said]) -> list[Said]:
        """The statements that can still matter."""
        return union(known, heard, self._slots)

    def agree(self, hot: Hot, statements: Iterable[Said], day: int) -> None:
        """What the statements come to on local day `day`, into the hot record."""
        found = consent.standing(statements, self.terms, self._start(day))
        hot.consent, hot.restricted = found.since, found.restricted
        hot.lapses = 0 if found.lapses is None else self.calendar.day(found.lapses - 1) + 1

    def _start(self, day: int) -> int:
        """The instant at which a day begins (ms); nobody asks where nothing lapses."""
        return self.calendar.start(day) if self._slots else 0

    def due_day(self, hot: Hot) -> int:
        """The first local day on which time alone may change the record or end the profile; 0 = never.

        A profile that could not go on its day is looked at again on the next. Nobody is let go who asked to be
        restricted: restriction means that data are held, and not used.
        """
        due, days = due_day(hot), self.definitions.retention.inactive_profile_days
        if days is None or hot.restricted:
            return due
        ends = max(self.calendar.day(hot.last_seen) + days + 1, hot.day + 1)
        return min(due, ends) if due else ends

    def admitting_purpose(self, event_name: str) -> str:
        """The consent purpose that lets an event of this name into the lake; "contract" asks nobody."""
        return self._admitting.get(event_name, UNPLANNED)

    def plans(self, event_name: str) -> bool:
        """Whether the tracking plan, or Regulars itself, knows events of this name."""
        return event_name in self._admitting

    def admitting(self, event: Event) -> str:
        """The purpose that lets this event into the lake: that of its name, or of the partner who sent it."""
        return self.policy.admitting(event, self._admitting.get(event.name, UNPLANNED))

    def needed(self, event: Event) -> tuple[str, ...]:
        """All purposes that must be allowed for this event to be taken in."""
        return self.policy.needed(event, self._admitting.get(event.name, UNPLANNED))

    def refusal(self, event: Event) -> int:
        """Why the policy of its source refuses the event whatever its customer says; ADMITTED when it does not."""
        return self.policy.refusal(event, self._admitting.get(event.name, UNPLANNED))

    def admits_event(self, event: Event, since: Mapping[str, int]) -> bool:
        """Whether this consent (purpose -> since, ms) and the policy of its source let the event in."""
        if event.source in self.policy.limits:
            allowed = all(consent.allows(since, purpose, event.time) for purpose in self.needed(event))
            return allowed and self.refusal(event) == ADMITTED
        return consent.allows(since, self._admitting.get(event.name, UNPLANNED), event.time)


def _admits(admitting: Mapping[str, str], policy: Policy) -> dict[str, Drop]:
    found: dict[str, list[str]] = {}
    for name, purpose in sorted(admitting.items()):
        if purpose != CONTRACT:
            found.setdefault(purpose, []).append(name)
    others = tuple(sorted(name for name, purpose in admitting.items() if purpose != UNPLANNED))
    partners = tuple(sorted(source for sources in policy.partners.values() for source in sources))
    drops = {purpose: Drop(("",), tuple(names), except_sources=partners) for purpose, names in found.items()}
    drops[UNPLANNED] = Drop(("",), except_names=others, except_sources=partners)
    drops |= {purpose: Drop(("",), sources=sources) for purpose, sources in policy.partners.items()}
    lawful = tuple(sorted(name for name, purpose in admitting.items() if purpose in policy.lawful and name != IDENTIFY))
    for purpose, sources in policy.agreed.items():
        drops[purpose] = Drop(("",), except_names=lawful, sources=sources)
    return drops


def without_plan(definitions: Definitions) -> Definitions:
    """The same without what the tracking plan refuses: to read again what was taken in under an earlier plan."""
    replace = msgspec.structs.replace
    return replace(
        definitions,
        strict_plan=False,
        preferences=(),
        events=tuple(replace(event, schema={}) for event in definitions.events),
    )


def with_record_definitions(current: Definitions, stored: Definitions) -> Definitions:
    """`current`, but what profile records are built from as in `stored`: what serves until a back-fill is through.

    New types of event are taken in at once. An offer whose condition asks for what the records do not have yet waits.
    """
    purposes = {event.name: event.purpose for event in stored.events}
    replace = msgspec.structs.replace
    served = replace(
        current,
        shop=replace(
            current.shop,
            time_zone=stored.shop.time_zone,
            currency=stored.shop.currency,
            typical_gap_days=stored.shop.typical_gap_days,
        ),
        traits=stored.traits,
        segments=stored.segments,
        preferences=_preferences_as_in(current, stored),
        retention=replace(current.retention, inactive_profile_days=stored.retention.inactive_profile_days),
        events=tuple(replace(event, purpose=purposes.get(event.name, event.purpose)) for event in current.events),
        purposes=_purposes_as_in(current, stored),
        record_version=stored.record_version,
    )
    rows = Rows(served)
    items = ItemRows(rows, served.attributes).schema if served.rules else rows.schema
    return replace(
        served,
        offers=tuple(offer for offer in served.offers if _compiles(offer.when, rows.schema)),
        rules=tuple(rule for rule in served.rules if _compiles(rule.when, items)),
    )


def _preferences_as_in(current: Definitions, stored: Definitions) -> tuple[Preference, ...]:
    """What the segments that serve may ask about, and what is new."""
    known = {one.id for one in stored.preferences}
    return (*stored.preferences, *(one for one in current.preferences if one.id not in known))


def _purposes_as_in(current: Definitions, stored: Definitions) -> tuple[Purpose, ...]:
    """The purposes of now, with the terms of those that serve; the words are those of now."""
    before = {purpose.id: purpose for purpose in stored.purposes}
    words = ("title", "text", "texts", "benefit", "channel", "sensitive", "demo_share")
    return tuple(
        msgspec.structs.replace(before[one.id], **{word: getattr(one, word) for word in words})
        if one.id in before
        else one
        for one in current.purposes
    )


def _compiles(when: str, schema: Schema) -> bool:
    if not when:
        return True
    try:
        compile_condition(when, schema)
    except Misconfigured:
        return False
    return True
