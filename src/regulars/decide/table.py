"""The offers of a shop, compiled for deciding: what does not depend on the customer is worked out once a day."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from functools import cached_property
from typing import NamedTuple

from regulars.core.calendar import Calendar
from regulars.core.condition import Condition, compile_condition
from regulars.core.condition.schema import MOMENT
from regulars.core.condition.sieve import Sieve
from regulars.core.definitions import CONTRACT, Definitions, Offer, Placement
from regulars.core.errors import Rejected
from regulars.core.schema import Rows
from regulars.decide.gates import Gate, is_personal, schedule_gate

Test = Callable[[Sequence[object]], bool]
#: Names that a condition reads and that differ between the placements of one call.
OF_THE_PLACEMENT = frozenset({"context.placement", "context.channel"})
MOST_PLACEMENTS = 50  # in one call
_MOST_PLANS = 500
_MOST_STANDINGS = 64  # of one plan


def configuration_of(definitions: Definitions) -> str:
    """The version that indexes of offers belong to: while records are built anew, some offers wait."""
    return f"{definitions.version}.{definitions.record_version}"


class Plan(NamedTuple):
    """What one day's decisions for one tuple of placements have in common."""

    placements: tuple[Placement, ...]
    template: bytes  # a code for each offer: placement and schedule are settled here
    by_purpose: tuple[tuple[str, tuple[int, ...]], ...]  # purpose, its offers
    standings: dict[tuple[bool, ...], "Standing"]  # by the answers to the purposes, made when they are first needed
    per_placement: tuple[tuple[int, Test], ...]  # offers whose condition reads the placement
    stocked: tuple[tuple[int, str], ...]  # offers with a product
    limited: tuple[tuple[int, str, int, int], ...]  # offer, id, times, first instant that counts (ms)
    members: tuple[frozenset[int], ...]  # offers of each placement

    def standing(self, allowed: tuple[bool, ...]) -> "Standing":
        """What is settled once it is known which of the purposes of `by_purpose` are allowed."""
        found = self.standings.get(allowed)
        if found is None:
            codes = bytearray(self.template)
            tested = bytearray(len(codes))
            for yes, (_, offers) in zip(allowed, self.by_purpose, strict=True):
                for at in offers:
                    if not yes:
                        codes[at] = Gate.CONSENT
                    elif codes[at] == Gate.PASSED:
                        tested[at] = 1
            found = Standing(int.from_bytes(codes, "little"), int.from_bytes(tested, "little"))
            if len(self.standings) < _MOST_STANDINGS:
                self.standings[allowed] = found
        return found


class Standing(NamedTuple):
    """Whole numbers with one byte per offer, the first offer lowest."""

    codes: int  # settled by placement, schedule and consent
    tested: int  # 1 where the condition decides


class OfferTable:
    """Offers by index, in the order of the definitions. It does not change but for a cache of plans."""

    def __init__(
        self, definitions: Definitions, conditions: Mapping[str, Condition], rows: Rows, calendar: Calendar
    ) -> None:
        self.version = configuration_of(definitions)
        self.rows = rows
        self.calendar = calendar
        self.offers: tuple[Offer, ...] = definitions.offers
        self.index = {offer.id: at for at, offer in enumerate(self.offers)}
        self.placements = {placement.id: placement for placement in definitions.placements}
        self.conditions = [conditions.get(offer.id) for offer in self.offers]
        self.limited = frozenset(offer.id for offer in self.offers if offer.limit is not None)
        self._segments = {one.id: one.when for one in definitions.segments}
        self.kinds = {one.name: one.kind for one in definitions.traits}
        self._interests = tuple(one.name for one in definitions.traits if one.interest)
        self.personal = tuple(at for at, offer in enumerate(self.offers) if is_personal(offer))
        #: Those that ask more than what the moment is: a machine gets none of them.
        self.of_people = tuple(at for at in self.personal if not _asks_the_moment(self.offers[at], self.conditions[at]))
        #: Offers whose condition reads the placement: they have a code for each placement, after those of all offers.
        self.per_placement = tuple(
            at for at, condition in enumerate(self.conditions) if condition and condition.names & OF_THE_PLACEMENT
        )
        #: All other conditions, tested together.
        self.sieve = Sieve([None if at in self.per_placement else one for at, one in enumerate(self.conditions)])
        self._plans: dict[tuple[tuple[str, ...], int], Plan] = {}

    @cached_property
    def rests_on(self) -> tuple[frozenset[str], ...]:
        """By offer, the traits that its condition reads and their kinds, also through segments: `trait:…`, `kind:…`."""
        read: dict[str, frozenset[str]] = {}

        def of(condition: Condition | None) -> frozenset[str]:
            if condition is None:
                return frozenset()
            names = set(condition.names) & self.kinds.keys()
            names.update(self._interests if condition.interests else ())
            found = {f"trait:{one}" for one in names} | {f"kind:{self.kinds[one]}" for one in names}
            for segment in condition.segments:
                if segment not in read:
                    read[segment] = of(compile_condition(self._segments[segment], self.rows.schema))
                found |= read[segment]
            return frozenset(found)

        return tuple(of(condition) for condition in self.conditions)

    @cached_property
    def everybodys(self) -> frozenset[int]:
        """The offers that ask nothing about the customer."""
        return frozenset(range(len(self.offers))).difference(self.personal)

    def plan(self, placements: Sequence[str], day: int) -> Plan:
        """The plan for these placements on a local day; raises Rejected for unknown or repeated ones."""
        key = (tuple(placements), day)
        plan = self._plans.get(key)
        if plan is None:
            if len(self._plans) >= _MOST_PLANS:
                self._plans.clear()
            plan = self._plans[key] = self._make(key[0], day)
        return plan

    def _make(self, names: tuple[str, ...], day: int) -> Plan:
        found = tuple(self._placement(name, place, names) for place, name in enumerate(names))
        showing = {placement.id for placement in found if placement.offers}
        today = self.calendar.date(day)
        codes = [_standing(offer, showing, today) for offer in self.offers]
        momentary = set(self.per_placement)
        by_purpose: dict[str, list[int]] = {}
        for at, code in enumerate(codes):
            if code == Gate.PASSED:
                by_purpose.setdefault(self.offers[at].purpose, []).append(at)
                if at in momentary:
                    codes[at] = Gate.PER_PLACEMENT
        open_offers = [at for at, code in enumerate(codes) if code in (Gate.PASSED, Gate.PER_PLACEMENT)]
        return Plan(
            placements=found,
            template=bytes(codes),
            by_purpose=tuple(
                (purpose, tuple(members))
                for purpose, members in sorted(by_purpose.items(), key=lambda item: item[0] != CONTRACT)
            ),
            standings={},
            per_placement=tuple(self._tests(at for at in open_offers if at in momentary)),
            stocked=tuple((at, product) for at in open_offers if (product := self.offers[at].product) is not None),
            limited=tuple(
                (at, self.offers[at].id, limit.times, self.calendar.start(day - limit.days + 1))
                for at in open_offers
                if (limit := self.offers[at].limit) is not None
            ),
            members=tuple(
                frozenset(at for at in open_offers if placement.offers and placement.id in self.offers[at].placements)
                for placement in found
            ),
        )

    def _tests(self, members: Iterable[int]) -> list[tuple[int, Test]]:
        return [(at, condition.test) for at in members if (condition := self.conditions[at]) is not None]

    def _placement(self, name: str, place: int, names: Sequence[str]) -> Placement:
        placement = self.placements.get(name)
        if placement is None:
            known = ", ".join(sorted(self.placements)) or "none; add placements.toml"
            raise Rejected(
                f"there is no placement {name!r}; known are {known}",
                field=f"placements[{place}]",
                expected=known,
                got=name,
            )
        if name in names[:place]:
            raise Rejected(
                f"placement {name!r} is asked for twice; ask once", field=f"placements[{place}]", expected="each once"
            )
        return placement


def _asks_the_moment(offer: Offer, condition: Condition | None) -> bool:
    """Whether an offer rests on the contract and asks nothing but where and when it is."""
    if offer.purpose != CONTRACT or condition is None:
        return False
    return not condition.segments and not condition.interests and all(n.startswith(MOMENT) for n in condition.names)


def _standing(offer: Offer, showing: set[str], today: date) -> Gate:
    if showing.isdisjoint(offer.placements):
        return Gate.PLACEMENT
    return Gate.PASSED if schedule_gate(offer, today) is None else Gate.SCHEDULE
