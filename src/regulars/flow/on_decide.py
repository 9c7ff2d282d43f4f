"""Decide: one snapshot, what rides along laid over it, gates and arbitration, rows, and one compact record.

`OnDecide.decide` answers at once and hands back the records that make the decision lasting; its caller appends them in
one go. Between the two nothing waits, so calls that run side by side see each other's reservations.
"""

import os
import threading
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import cast

import msgspec

from regulars.core.definitions import Placement, Source
from regulars.core.log import DECISION, EVENTS, NewRecord
from regulars.core.merchandising import searches
from regulars.core.preferences import too_close, unwanted
from regulars.core.record import Hot
from regulars.core.state import CLOCK, COUNTER, FOLDED, StateReader
from regulars.decide.call import Call
from regulars.decide.decide import Decided, Facts, decide, row_of
from regulars.decide.gates import allows
from regulars.decide.identity import RANDOM_BYTES, decision_id
from regulars.decide.reach import Tally, shown_items
from regulars.decide.records import Circumstances, to_record
from regulars.decide.reservations import Reservation, Reservations
from regulars.decide.scoring import Responses, scores
from regulars.decide.table import OfferTable, Plan
from regulars.flow import generation
from regulars.flow.customer import Customer, Customers, asking
from regulars.flow.engine import Engine
from regulars.flow.exposures import exposable, pack_within, row_records, seen_rows
from regulars.flow.filling import Moment
from regulars.flow.kept import KeptTraits
from regulars.flow.left import LeftTraits
from regulars.flow.machines import asks_as_machine
from regulars.flow.merchandise import Compilation, Merchandise
from regulars.flow.models import Serving
from regulars.flow.moments import Moments, Sound, nothing_known
from regulars.flow.riding import Visit, products_in, refuse_stray, riding_with, store_of, vouched_by
from regulars.flow.rows import ItemRow, ItemRows, Wishes, shopper_of, too_close_reasons
from regulars.flow.shelf import Shelf
from regulars.flow.visits import Visits, steps_of
from regulars.recommend.model import Shopper
from regulars.recommend.search import Search

#: How long the folded offset is taken from memory, and how often counts of responses are read again; ms.
OFFSET_MS, RESPONSES_MS = 50, 60_000
#: After so long without a `refresh` a decision follows a switch of definitions by itself, while the old rows last; ms.
FOLLOW_MS = 2_000
SHOWN, ANSWERED = "offer_shown", "offer_answered"  # counters by offer


class Outcome(msgspec.Struct):
    """A decision: what the caller is told in `answer`, and what must be appended to the log, in this order."""

    id: str
    answer: "Answer"
    records: list[NewRecord]
    reservation: Reservation | None = None
    token_refused: str = ""  # why the call's token verified nothing


class Answer(msgspec.Struct, frozen=True):
    """Everything about one decision; `api` and the console choose what of it they show."""

    id: str
    customer: Customer
    plan: Plan
    decided: Decided
    rows: list[ItemRow]
    scores: list[float]
    row: list[object] | None = None  # what conditions were tested on, when an explanation was asked for
    now: int = 0  # ms


class _Compiled(msgspec.Struct, frozen=True):
    """What calls are decided by, of one generation of definitions and records."""

    engine: Engine
    table: OfferTable
    customers: Customers
    rules: Compilation
    left: LeftTraits
    kept: KeptTraits
    asks: frozenset[str]  # names that conditions of offers, rules and placements read


class OnDecide:
    """One per process. `monotonic` gives milliseconds that never go back."""

    engine: Engine
    table: OfferTable
    customers: Customers
    rules: Compilation
    left: LeftTraits
    kept: KeptTraits

    def __init__(
        self,
        serving: generation.Serving,
        state: StateReader,
        models: Serving,
        *,
        monotonic: Callable[[], int],
        sound: Sound = nothing_known,
    ) -> None:
        self._serving = serving
        self.merchandise = Merchandise(state)
        self.shelf = Shelf(state, self.merchandise)
        self.reservations = Reservations()
        self._moments = Moments(state, sound)
        self._latest = 0  # of the shop's clock, as calls told it; ms
        self.visits = Visits(state)
        self._state = state
        self._models = models
        self._rows = ItemRows(models, self.shelf, self.merchandise)
        self._monotonic = monotonic
        self._encode = msgspec.msgpack.Encoder().encode
        self._folded = 0
        self._folded_at = -OFFSET_MS
        self._responses = Responses()
        self._responses_at = -RESPONSES_MS
        self._scores: list[float] = []
        self._following = threading.Lock()  # a switch is followed by one thread
        self._followed_at = -FOLLOW_MS
        self._prepared: deque[_Compiled] = deque()  # by whichever thread, used by the one that decides
        self._use(self._compile())

    def decide(
        self, call: Call, source: Source, *, now: int, agent: str = "", signs: str = "", record: bool = True,
        explain: bool = False, search: Search | None = None,
    ) -> Outcome:  # fmt: skip
        """Decide a call at `now` (the shop's clock, ms). Without `record` nothing is reserved: it is only a look.

        `agent` is what called over HTTP, by its own words; `signs` what the door saw of it; `search` is what was found
        for the call's query.
        """
        self._keep_up()
        vouched, refused = vouched_by(self.engine, call, source, now)
        who = asking(
            self.engine,
            verified=source.kind == "server",
            user_id=call.user_id,
            anonymous_id=call.anonymous_id,
            identifier=call.identifier,
            vouched=vouched,
        )
        day = self.engine.calendar.day(now)
        plan = self.table.plan(call.placements, day)
        refuse_stray(call, plan)
        folded = self._look_at_state(now)
        riding, body = riding_with(self.engine, call, source, who, now=now, signs=signs)
        recommends = any(placement.recommend for placement in plan.placements)
        reads_reach = bool(plan.limited) or any(self.rules.reads_shown(placement) for placement in plan.placements)
        customer = self.customers.read(who, riding, now=now, day=day, purchases=recommends, reach=reads_reach)
        hot = customer.hot
        hot.machine = asks_as_machine(call, source, agent, who, riding, hot, now=now, signs=signs)
        hot.paces = None
        identifier = decision_id(now, os.urandom(RANDOM_BYTES))
        hot.moment = self._moments.at(now, call.context.get("station"))
        begun, seen = self.visits.both(who.keys, now) if recommends and customer.personal else ((), ())
        visit = Visit(call.products(), riding, store_of(call), begun, seen, search)
        answer = self._answer(identifier, customer, plan, visit, now=now, day=day, explain=explain)
        records = [NewRecord(EVENTS, source.id, "batch", now, body, signs)] if body and record else []
        if not record:
            return Outcome(identifier, answer, records, token_refused=refused)
        about = Circumstances(
            id=identifier,
            time=now,
            profile=customer.number,
            configuration=self.table.version,
            models=self._models_version(),
            offset=folded,
            riding=[event.message_id for event in riding],
        )
        items = [[one.item for one in row.items] for row in answer.rows]
        record_of = to_record(answer.decided, about, hot, self._encode(hot), items)
        packed = pack_within(record_of, row_records(answer.rows, visit.store))
        records.append(NewRecord(DECISION, source.id, "", now, packed))
        limited = [] if hot.machine else self._limited(answer.decided)
        rows = exposable(identifier, plan, answer.rows) if self.rules.reads_exposures and not hot.machine else []
        reservation = None
        if limited or rows:
            reservation = self.reservations.reserve(customer.number, identifier, limited, time=now, rows=rows)
        return Outcome(identifier, answer, records, reservation, refused)

    def preview(
        self, number: int, placements: Sequence[str], *, now: int, search: Search | None = None, nobodys: bool = False
    ) -> Answer:
        """What placements would show a profile now, with the row of the conditions. Nothing is recorded.

        `nobodys`: rows as everybody gets them who did not agree.
        """
        self._keep_up()
        day = self.engine.calendar.day(now)
        plan = self.table.plan(placements, day)
        self._look_at_state(now)
        customer = self.customers.of(number, True, "", (), now=now, day=day)
        customer.hot.moment = self._moments.at(now)
        return self._answer(
            decision_id(now, os.urandom(RANDOM_BYTES)), customer, plan, Visit(search=search, nobodys=nobodys),
            now=now, day=day, explain=True,
        )  # fmt: skip

    def refresh(self) -> None:
        """Look for other definitions, new models and changed products; slow, so for a thread beside, now and then."""
        with self._following:
            self._followed_at = self._monotonic()
            if self._serving.refresh():
                self._prepared.append(self._compile())
        self.visits.follow()  # before the models: who is not marked as forgotten any more is in none of the newest
        self._models.refresh()
        newest = self._prepared[-1] if self._prepared else self._compiled
        self._moments.use(newest.asks)
        clock = max(self._latest, cast(int, self._state.meta(CLOCK) or 0))
        self._moments.refresh(monotonic=self._monotonic(), now=clock)
        self._models.follow(self.visits)
        again = self.shelf.newcomers.follow(self._models.loaded)
        if self._rules_of_now() or self.merchandise.passes_to(self._today()) or again:
            self.shelf.read_again()
        while self.shelf.refresh():
            pass
        self._models.trained = self.shelf.newcomers.known(self._today())
        self.merchandise.refresh(self._models.trained, self._models.version)

    def _rules_of_now(self) -> bool:
        """Let products be looked at by the newest rules; whether all of them have to be read again for that."""
        newest = self._prepared[-1].rules if self._prepared else self.rules
        return self.merchandise.use(newest, self._today())

    def _today(self) -> int:
        return self.engine.calendar.day(cast(int, self._state.meta(CLOCK) or 0))

    def _keep_up(self) -> None:
        """Decide by what `refresh` has prepared; without it, or when it is late, follow a switch here and now."""
        if self._monotonic() - self._followed_at >= FOLLOW_MS and self._following.acquire(blocking=False):
            try:
                if self._serving.refresh():
                    self._prepared.append(self._compile())
            finally:
                self._following.release()
        while self._prepared:
            self._use(self._prepared.popleft())

    def _compile(self) -> "_Compiled":
        """The definitions and the generation of records that serve now; some tenths of a second for many offers."""
        engine = Engine(self._serving.definitions)
        table = OfferTable(engine.definitions, engine.offers, engine.rows, engine.calendar)
        rules = Compilation(engine.definitions, engine.rows)
        customers = Customers(engine, self._state, self._serving.tables.part)
        conditions = [*table.conditions, *(one.condition for one in rules.tested)]
        asks = frozenset(name for one in conditions if one is not None for name in one.names)
        traits, slots = engine.definitions.traits, engine.fold.slots
        left, kept = LeftTraits(traits, slots), KeptTraits(traits, slots)
        return _Compiled(engine, table, customers, rules, left, kept, asks)

    def _use(self, compiled: "_Compiled") -> None:
        self._compiled = compiled
        self.engine, self.table, self.customers = compiled.engine, compiled.table, compiled.customers
        self.rules, self.left, self.kept = compiled.rules, compiled.left, compiled.kept
        self._scores = scores(self.table.offers, self._responses)

    # Steps ------------------------------------------------------------------------------------------------------

    def _answer(
        self,
        identifier: str,
        customer: Customer,
        plan: Plan,
        visit: Visit,
        *,
        now: int,
        day: int,
        explain: bool,
    ) -> Answer:
        hot = customer.hot
        tally = Tally(customer.reach, self.reservations.of(customer.number), now=now)
        stock = self.shelf.in_stock({product for _, product in plan.stocked}) if plan.stocked else {}
        refused, close = unwanted(hot.facts), too_close(hot.facts)
        goods = self.shelf.goods({product for _, product in plan.stocked}) if refused is not None else {}
        facts = Facts(hot, now, tally, stock, goods)
        decided = decide(self.table, self._scores, plan, facts, identifier)
        rows: list[ItemRow] = []
        shopper: Shopper | None = None
        moment = Moment(day)
        declared = list(refused.products) if refused is not None else []
        shown = list(declared)
        for placement in plan.placements:
            if placement.recommend and shopper is None:
                viewed, added = products_in(visit.events)
                left = self.left.of(hot.values) if not hot.restricted else []
                kept = self.kept.of(hot.values) if not hot.restricted else ()
                session = [*visit.begun, *(step[3] for event in visit.events for step in steps_of(event))]
                basket = [*visit.basket, *added]
                shopper = shopper_of(customer.purchases, basket, viewed, left, session, visit.seen, kept)
                moment = self._moment(facts, customer, visit, decided.seed)
            row = self._rows.of(
                placement,
                shopper or Shopper(),
                allowed=not (visit.nobodys or hot.restricted or hot.machine)
                and allows(hot.consent, placement.purpose, now),
                day=day,
                # What is asked for is found, though it stands elsewhere on the page.
                shown=declared if visit.search is not None and searches(placement.recommend) else shown,
                wishes=Wishes(refused, close, too_close_reasons(close, self.table.kinds)),
                moment=moment,
            )
            shown += [one.item for one in row.items]
            rows.append(row)
        told = row_of(self.table, facts) if explain else None
        return Answer(identifier, customer, plan, decided, rows, self._scores, told, now)

    def _moment(self, facts: Facts, customer: Customer, visit: Visit, seed: int) -> Moment:
        """What rules look at. Of somebody who does not want to be profiled they see nothing personal."""
        day = self.engine.calendar.day(facts.now)
        hot = facts.hot
        if not self.rules.needed:
            return Moment(day, seed=seed, explores=not hot.machine)
        models = self._models.trained is not None or self.rules.searches
        if self.merchandise.standing is None and models:
            self.refresh()  # nobody has looked yet: no row is made without the rules
        if hot.restricted:
            blank = msgspec.structs.replace(hot, values=[None] * len(hot.values), segments=[], facts={})
            facts = msgspec.structs.replace(facts, hot=blank)
        rows: dict[str, list[object]] = {}

        def row(placement: Placement) -> list[object]:
            if placement.id not in rows:
                rows[placement.id] = row_of(self.table, facts, placement.id, placement.channel)
            return rows[placement.id]

        shown: list[tuple[str, str, int]] = []
        if self.rules.reads_exposures:
            own = self.reservations.rows_of(customer.number)
            told = shown_items(customer.reach, own, seen_rows(visit.events), counts=partial(self._may_use, hot))
            shown = [(channel, item, day - self.engine.calendar.day(at)) for channel, item, at in told]
        explores = not hot.machine
        return Moment(day, row, facts.hot.facts, visit.store or None, shown, seed, None, explores, visit.search)

    def _may_use(self, hot: Hot, placement: str, time: int) -> bool:
        """Whether what was shown at a placement counts: a consent that ended and was given anew begins from zero."""
        known = self.table.placements.get(placement)
        return known is not None and allows(hot.consent, known.purpose, time)

    def _look_at_state(self, now: int) -> int:
        """Note how far folding is, so that folded reservations count from the state; the offset, at most 50 ms old."""
        moment = self._monotonic()
        self._latest = now
        if moment - self._folded_at >= OFFSET_MS:
            self._folded = cast(int, self._state.meta(FOLDED) or 0)
            self._folded_at = moment
            self.visits.follow(few=True)
            self.reservations.forget(folded=self._folded, now=now)
        if moment - self._responses_at >= RESPONSES_MS:
            self._responses_at = moment
            self._read_responses()
        return self._folded

    def _read_responses(self) -> None:
        counts = [
            {str(row[2]): cast(int, row[3]) for row in self._state.select(COUNTER, {"name": name, "day": 0})}
            for name in (SHOWN, ANSWERED)
        ]
        if any(counts):
            version = f"r{sum(counts[0].values())}.{sum(counts[1].values())}"
            self._responses = Responses(version, counts[0], counts[1])
            self._scores = scores(self.table.offers, self._responses)

    def _models_version(self) -> str:
        models, responses = self._rows.version, self._responses.version
        return f"{models}+{responses}" if responses else models

    def _limited(self, decided: Decided) -> list[str]:
        offers, limited = self.table.offers, self.table.limited
        chosen = [offers[slot.chosen.offer].id for slot in decided.slots if slot.chosen.offer >= 0]
        return [offer for offer in chosen if offer in limited]
