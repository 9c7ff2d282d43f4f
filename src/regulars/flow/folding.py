"""The fold of profiles: what admitted events and changed orders of one profile after the other come to.

It needs nothing but the definitions and the stored records of these profiles, so that a share of a batch can be folded
by another process (`flow.shares`).
"""

from collections.abc import Callable, Iterable, Sequence

from regulars.core.event import ORDER_EVENTS, Event
from regulars.core.record import PERSON
from regulars.flow import visits
from regulars.flow.counts import note_refused
from regulars.flow.desk import Desk, Working
from regulars.flow.engine import Engine
from regulars.flow.facts import TELLING, learn_facts, now_known, preferences_of
from regulars.flow.machines import Judge
from regulars.flow.people import anchor_of
from regulars.profile import consent
from regulars.profile.orders import Change
from regulars.profile.statements import Said

#: The identifiers of a profile, and what is said for those of them that tell nothing (`profile.nobodys`).
Named = Callable[[int], tuple[Sequence[str], Sequence[Said]]]


class Rules:
    """What folding asks beside the engine; compiled once from the definitions."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.judge = Judge(engine.definitions)
        self.noting = visits.Noting(engine.definitions)


class Folder:
    """Folds profiles on a desk, and gathers what becomes of their events."""

    def __init__(self, rules: Rules, desk: Desk, named: Named, *, day: int, everything: bool) -> None:
        """`named` tells of profiles that may be new; `everything`: every segment is asked again, changed or not."""
        self.engine = rules.engine
        self.desk = desk
        self.day = day
        self.refused: dict[tuple[int, int], int] = {}  # place of an event -> code of `core.verdict`
        self.judged: dict[int, dict[int, Event]] = {}  # events of machines, by place
        self.steps: list[visits.Step] = []  # of visits that models learn from
        self._judge, self._noting = rules.judge, rules.noting
        self._named = named
        self._everything = everything

    def open(self, number: int, events: Sequence[Event]) -> Working:
        """The profile, made when it does not exist."""
        working = self.desk.find(number)
        if working is not None:
            return working
        first = min(event.time for event in events)
        keys, said = self._named(number)
        anchor = anchor_of(number, keys) or events[0].subject
        working = self.desk.open(number, anchor, time=first, day=self.day)
        person = self.desk.person(working)
        person.identifiers = sorted(keys)
        working.written.add(PERSON)
        if said:
            person.statements = list(said)
            self.engine.agree(working.hot, said, self.day)
        return working

    def fold(self, number: int, events: Sequence[Event], changes: Sequence[Change] = ()) -> None:
        """Take in events of a profile in the order in which they came, and the changes of its orders."""
        working = self.open(number, events)
        hot = working.hot
        since = hot.consent
        engine = self.engine
        admitting, limits = engine.admitting_purpose, engine.policy.limits
        add = self.desk.changes.add
        day_of = engine.calendar.day
        refused: set[int] = set()
        for at, event in enumerate(events):
            time, name = event.time, event.name
            # Refused events are seen, too: a consent that comes late must find that there is something to read again.
            if time < hot.first_seen:  # noqa: PLR1730 - a call of min costs more than the rest
                hot.first_seen = time
            if time > hot.last_seen:  # noqa: PLR1730
                hot.last_seen = time
            if event.source in limits:
                allowed = engine.admits_event(event, since)
            else:
                allowed = consent.allows(since, admitting(name), time)
            if allowed:
                add("events", day_of(time), name, 1)
            else:
                self.refused[event.offset, event.index] = note_refused(event, engine, self.desk.changes)
                refused.add(at)
        admitted = [event for at, event in enumerate(events) if at not in refused] if refused else list(events)
        if not admitted and not changes and not working.new:
            return
        admitted = self._judge.judge(hot, admitted, self.judged)
        self._noting.steps(hot, admitted, self.steps)
        if len(admitted) > 1:
            admitted.sort(key=lambda event: (event.time, event.message_id))
        parts: set[int] = set()
        told = False
        for name in {event.name for event in admitted}:
            parts.update(engine.fold.touched(name))
            if name in TELLING:
                told |= self._learn_facts(working, admitted)
        if changes:
            parts.update(engine.fold.touched(ORDER_EVENTS[0]))
        loaded = self.desk.load(working, parts)
        result = engine.fold.fold(hot, loaded, admitted, changes, since=since, day=self.day)
        self.desk.folded(working, result, day=self.day, everything=told or self._everything)

    def _learn_facts(self, working: Working, events: Iterable[Event]) -> bool:
        """Declared facts: of each the last in (time, message id) stays. Whether a preference is another one now."""
        person = self.desk.person(working)
        before = preferences_of(working.hot.facts)
        learn_facts(person.facts, events, self.engine.policy.origins, self.engine.unwanted)
        working.hot.facts = now_known(person.facts)
        working.written.add(PERSON)
        return preferences_of(working.hot.facts) != before
