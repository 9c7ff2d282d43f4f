"""Tracking health: what arrives otherwise than usual, what that costs, and whether the tracking of a goal is sound."""

from collections.abc import Iterable, Mapping
from typing import Any, cast

import msgspec

from regulars.collect import tracking_words as words
from regulars.collect.findings import Arrivals, Finding, SourceHealth, State, worst
from regulars.collect.tracking import Watch
from regulars.core.calendar import Calendar
from regulars.core.definitions import Definitions, Goal
from regulars.core.event import ORDER_EVENTS
from regulars.core.money import Money
from regulars.core.state import COUNTER, StateReader
from regulars.flow.arrivals import GOAL, read
from regulars.flow.undeclared_places import UNDECLARED, with_undeclared
from regulars.shop.data_use import data_use
from regulars.shop.data_use_page import use_in_words

#: Where the words of a finding are told at length; an anchor of the page is its code.
HOWTO = "howto/mend-tracking.md"
#: Days of orders that say what an order is worth.
_WORTH_DAYS = 28
_MOST_AFFECTED = 12
#: An event of which fewer are empty is sound for a goal that reads the property.
_HOURS_OF_LEARNING = 14 * 24


class Trouble(msgspec.Struct, frozen=True, kw_only=True):
    """A finding with what it costs and how to mend it."""

    finding: Finding
    since: int  # UTC ms
    missing: int  # events that were expected and did not come
    extra: int  # events beyond the expected
    money: Money | None  # of orders that nothing can be credited with, or that are missing
    affects: list[str]  # traits, segments, offers, orders and recommendations that use the event or the property
    says: str
    cost: str
    mend: str
    howto: str


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """A source as the page shows it."""

    health: SourceHealth
    troubles: list[Trouble]


class Soundness(msgspec.Struct, frozen=True, kw_only=True):
    """Whether what is told of a goal can be relied on."""

    goal: str
    event: str
    state: State
    reasons: list[str]


class FieldUse(msgspec.Struct, frozen=True, kw_only=True):
    """A property of an event: how often it is empty, and what it is used for."""

    source: str
    event: str
    field: str
    empty_share: float | None  # of the last seven days; None where nothing came
    trend: list[float]  # share by day, the last fourteen
    used_for: list[str]


class Tracking(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that tracking health says of a moment."""

    state: State
    at: int  # UTC ms
    sources: list[Source]
    troubles: list[Trouble]
    goals: list[Soundness]


class TrackingHealth:
    """Tracking health of a shop; compiled once from its definitions."""

    def __init__(self, definitions: Definitions) -> None:
        self.definitions = definitions
        self._calendar = Calendar(definitions.shop.time_zone)
        self._closed = {source.id: frozenset(source.closed) for source in definitions.sources if source.closed}
        self._uses: dict[str, dict[str, Any]] | None = None

    def look(self, state: StateReader, *, now: int, language: str = "en") -> Tracking:
        """How it is at `now` (UTC ms)."""
        arrivals, watch = self._watch(state, now)
        worth = self._worth(state, self._calendar.day(now))
        health = {one.source: one for one in watch.health()}
        for source in self.definitions.sources:
            health.setdefault(source.id, _never(source.id))
        placed = with_undeclared(health.values(), state, self.definitions, self._calendar)
        health = {one.source: one for one in placed}
        troubles = {
            name: [self._trouble(found, arrivals, worth, language) for found in one.findings]
            for name, one in health.items()
        }
        goals = [self._sound(goal, watch, troubles) for goal in self._goals(arrivals)]
        flat = [one for name in sorted(troubles) for one in troubles[name]]
        flat.sort(key=lambda one: (one.finding.state != "broken", one.since))
        known = [one.state for one in health.values() if one.state != "unknown"]
        return Tracking(
            state=worst(known) if known else "unknown", at=now,
            sources=[Source(health=health[name], troubles=troubles[name]) for name in sorted(health)],
            troubles=flat, goals=goals,
        )  # fmt: skip

    def goal(self, state: StateReader, name: str, *, now: int, language: str = "en") -> Soundness | None:
        """Whether the tracking of a goal, or of an event of the plan, is sound; None when there is no such goal."""
        found = next((one for one in self._goals() if one.id == name), None)
        if found is None and name in {*ORDER_EVENTS, *(event.name for event in self.definitions.events)}:
            found = Goal(id=name, event=name)
        if found is None:
            return None
        arrivals, watch = self._watch(state, now)
        health = watch.health()
        troubles = {
            one.source: [self._trouble(each, arrivals, 0.0, language) for each in one.findings] for one in health
        }
        return self._sound(found, watch, troubles)

    def fields(self, state: StateReader, *, now: int) -> list[FieldUse]:
        """Every property of the plan by source: how often it is empty and what uses it."""
        day = self._calendar.day(now)
        arrivals = read(state, day=day)
        found = []
        for (source, name), counts in sorted(arrivals.arrived.items()):
            came = _by_day(counts)
            for field, uses in self._field_uses(name).items():
                empty = _by_day(arrivals.empty.get((source, name, field), {}))
                days = [at for at in range(day - 13, day + 1) if came.get(at)]
                week = [at for at in days if at > day - 7]
                total = sum(came[at] for at in week)
                share = sum(empty.get(at, 0) for at in week) / total if total else None
                trend = [empty.get(at, 0) / came[at] for at in days]
                use = FieldUse(
                    source=source, event=name, field=field, empty_share=share, trend=trend, used_for=uses
                )  # fmt: skip
                found.append(use)
        return found

    # Goals ------------------------------------------------------------------------------------------------------

    def _goals(self, arrivals: Arrivals | None = None) -> Iterable[Goal]:
        """Those of goals.toml; without any, each event of an order that came."""
        if self.definitions.goals or arrivals is None:
            return self.definitions.goals
        came = {name for _, name in arrivals.arrived}
        return [Goal(id=name, event=name) for name in ORDER_EVENTS[:1] if name in came]

    def _sound(self, goal: Goal, watch: Watch, troubles: Mapping[str, list[Trouble]]) -> Soundness:
        """The worst that is known of the sources that send the goal's event."""
        counted = GOAL + goal.id if goal.where else goal.event
        senders = [source for source in watch.sources if watch.learned(source, goal.event)]
        fields = {path.partition(".")[0] for path in goal.where}
        states: list[State] = []
        reasons: list[str] = []
        for source in senders:
            if watch.learned(source, goal.event) < _HOURS_OF_LEARNING:
                states.append("unknown")
                continue
            mine = [one for one in troubles.get(source, []) if _concerns(one.finding, goal.event, counted, fields)]
            states.append(worst([one.finding.state for one in mine]) if mine else "sound")
            reasons += [one.says for one in mine]
        return Soundness(goal=goal.id, event=goal.event, state=worst(states), reasons=reasons)

    # What it costs ----------------------------------------------------------------------------------------------

    def _trouble(self, finding: Finding, arrivals: Arrivals, worth: float, language: str) -> Trouble:
        lost = finding.code in ("silent", "quieter", "step_lost")
        missing = max(finding.expected - finding.counted, 0) if lost else 0.0
        too_many = finding.code in ("flooded", "doubled")
        extra = max(finding.counted - finding.expected, 0) if too_many else 0.0
        if finding.code in ("failing", "field_empty", "orders_unseen", "unnamed"):
            missing = finding.counted
        affects = self._affected(finding, arrivals)
        money = self._money(finding, arrivals, worth, missing)
        beginning = self._calendar.start_of_hour(finding.since)
        local = self._calendar.local(beginning)
        since = f"{local:%d.%m. %H:%M}" if language.startswith("de") else f"{local:%b %d, %H:%M}"
        return Trouble(
            finding=finding, since=beginning, missing=round(missing), extra=round(extra), money=money,
            affects=affects, says=words.says(finding, language, since=since), mend=words.mend(finding, language),
            cost=words.cost(
                language, missing=missing, extra=extra, money=str(money) if money else "",
                affects=", ".join(use_in_words(one, language) for one in affects[:_MOST_AFFECTED]),
            ),
            howto=f"{HOWTO}#{finding.code.replace('_', '-')}",
        )  # fmt: skip

    def _money(self, finding: Finding, arrivals: Arrivals, worth: float, missing: float) -> Money | None:
        """What orders are worth that are missing, or that no visit and no campaign can be credited with."""
        currency = self.definitions.shop.currency
        if finding.code in ("orders_unseen", "orders_unbacked"):
            how = "server" if finding.code == "orders_unseen" else "browser"
            days = arrivals.told_money.get((finding.source, how), {})
            return Money(sum(value for day, value in days.items() if day >= finding.since // 24), currency)
        if finding.event == ORDER_EVENTS[0] and finding.code in ("step_lost", "failing"):
            return Money(round(missing * worth), currency)
        if finding.code in ("silent", "quieter"):
            mine = arrivals.arrived.get((finding.source, ORDER_EVENTS[0]), {})
            every = sum(
                sum(c.values())
                for (source, name), c in arrivals.arrived.items()
                if source == finding.source and not name.startswith(GOAL)
            )
            orders = missing * sum(mine.values()) / every if every else 0.0
            return Money(round(orders * worth), currency) if orders >= 1 else None
        return None

    def _worth(self, state: StateReader, day: int) -> float:
        """What an order was worth in the last weeks, minor units of the shop's currency."""

        def total(name: str, key: str) -> int:
            rows = state.select(COUNTER, {"name": name}, at_least={"day": day - _WORTH_DAYS}, below={"day": day + 1})
            return sum(cast(int, row[3]) for row in rows if row[2] == key)

        orders = total("orders", "")
        return total("revenue", self.definitions.shop.currency) / orders if orders > 0 else 0.0

    def _affected(self, finding: Finding, arrivals: Arrivals) -> list[str]:
        if finding.code == UNDECLARED:
            return [f"recommendations at {one.id}" for one in self.definitions.placements if one.recommend]
        if finding.field:
            return self._field_uses(finding.event).get(finding.field, [])
        if finding.event:
            names = [self._goal_event(finding.event)]
        else:
            names = sorted({name for source, name in arrivals.arrived if source == finding.source})
        found: dict[str, None] = {}
        for name in names:
            uses = self._by_event().get(name)
            if uses is None:
                continue
            found |= dict.fromkeys(f"trait {trait}" for trait in uses["counted_by"])
            for trait in uses["counted_by"]:
                found |= dict.fromkeys(self._used_in().get(trait, []))
            for field in uses["fields"]:
                found |= dict.fromkeys(use for use in field["used_for"] if use.startswith(("orders", "recomm")))
            found |= dict.fromkeys(f"goal {goal.id}" for goal in self.definitions.goals if goal.event == name)
        return list(found)

    def _goal_event(self, name: str) -> str:
        goals = {GOAL + goal.id: goal.event for goal in self.definitions.goals}
        return goals.get(name, name)

    def _field_uses(self, event: str) -> dict[str, list[str]]:
        uses = self._by_event().get(event)
        return {field["name"]: field["used_for"] for field in uses["fields"]} if uses else {}

    def _by_event(self) -> dict[str, dict[str, Any]]:
        return cast(dict[str, dict[str, Any]], self._data_use()["events"])

    def _used_in(self) -> dict[str, list[str]]:
        return cast(dict[str, list[str]], self._data_use()["traits"])

    def _data_use(self) -> dict[str, dict[str, Any]]:
        if self._uses is None:
            told = data_use(self.definitions)
            self._uses = {
                "events": {one["name"]: one for one in told["events"]},
                "traits": {one["name"]: one["used_in"] for one in told["traits"]},
            }
        return self._uses

    def _watch(self, state: StateReader, now: int) -> tuple[Arrivals, Watch]:
        arrivals = read(state, day=self._calendar.day(now))
        return arrivals, Watch(arrivals, now=self._calendar.hour(now), closed=self._is_closed)

    def _is_closed(self, source: str, day: int) -> bool:
        days = self._closed.get(source)
        if not days:
            return False
        date = self._calendar.date(day).isoformat()
        return date in days or date[5:] in days


def _concerns(finding: Finding, event: str, counted: str, fields: set[str]) -> bool:
    """Whether a finding of a source says something against a goal of it."""
    if finding.code in ("silent", "quieter", "flooded"):
        return True
    if finding.code == "field_empty":
        return finding.event == event and finding.field in fields
    return finding.event in (event, counted) and finding.code not in ("unnamed", "machines")


def _never(source: str) -> SourceHealth:
    return SourceHealth(
        source=source, state="unknown", findings=[], day=[0.0] * 24, usual=[0.0] * 24, came=0, share=None,
        failed_share=0.0, repeated_share=0.0, named_share=None, learned_days=0,
    )  # fmt: skip


def _by_day(counts: Mapping[int, int]) -> dict[int, int]:
    found: dict[int, int] = {}
    for hour, count in counts.items():
        found[hour // 24] = found.get(hour // 24, 0) + count
    return found
