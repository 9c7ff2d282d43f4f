"""What an event or an order does to the parts of a profile, compiled from the traits: who adds what where."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, TypeAlias, cast

from regulars.core.definitions import CONTRACT, Trait
from regulars.core.event import Event
from regulars.profile import groups
from regulars.profile.monoid import Monoid, Tally
from regulars.profile.tallies import measured
from regulars.profile.traits import is_tally

_Add: TypeAlias = Callable[[Any, Event, int], Any]
_Absorb: TypeAlias = Callable[[Any, Mapping[str, Any], int], Any]
_Place: TypeAlias = Callable[[Any, int, str, int], Any]
Measured: TypeAlias = Callable[[Mapping[str, Any]], int | None]


class Step(NamedTuple):
    """What one event name does under one purpose to one part."""

    purpose: str | None  # None: contract, always allowed
    part: int
    adds: tuple[tuple[int, _Add], ...]  # place in the part, what adds
    slots: tuple[int, ...]


class OrderStep(NamedTuple):
    """What an order does under one purpose to one part."""

    purpose: str | None  # None: contract, always allowed
    part: int
    totals: tuple[tuple[int, int, int, _Place], ...]  # place in the part, slot, index of the measure, what adds
    absorbs: tuple[tuple[int, int, _Absorb], ...]  # place in the part, slot, what takes the order in


class Slot(NamedTuple):
    """Where a trait lives."""

    slot: int
    part: int
    place: int
    monoid: Monoid
    trait: Trait
    timed: bool  # its value may change without an event


def steps_of(name: str, slots: Iterable[Slot]) -> tuple[Step, ...]:
    """What an event of this name does, in as few steps as there are purposes and parts."""
    found: dict[tuple[str | None, int], list[Slot]] = {}
    for at in slots:
        if name in at.trait.events and not (name == groups.ORDERED and is_tally(at.trait)):
            purpose = None if at.trait.purpose == CONTRACT else at.trait.purpose
            found.setdefault((purpose, at.part), []).append(at)
    return tuple(
        Step(purpose, part, tuple((at.place, at.monoid.add) for at in ats), tuple(at.slot for at in ats))
        for (purpose, part), ats in found.items()
    )


def order_steps(of_orders: Iterable[Slot]) -> tuple[tuple[OrderStep, ...], tuple[Measured, ...]]:
    """The steps of a new order, and what they measure: of traits that measure the same, one does."""
    totals: dict[tuple[str | None, int], list[tuple[int, int, int, _Place]]] = {}
    absorbs: dict[tuple[str | None, int], list[tuple[int, int, _Absorb]]] = {}
    measures: dict[str, tuple[int, Measured]] = {}
    for slot, part, place, monoid, trait, _ in of_orders:
        step = (None if trait.purpose == CONTRACT else trait.purpose, part)
        totals.setdefault(step, [])
        absorbs.setdefault(step, [])
        tally = cast(Tally, monoid)
        total = measured(tally)
        if total is not None:
            at, _ = measures.setdefault(total[0], (len(measures), total[1]))
            totals[step].append((place, slot, at, tally.place))
        else:
            absorbs[step].append((place, slot, tally.absorb))
    steps = tuple(OrderStep(*step, tuple(totals[step]), tuple(absorbs[step])) for step in totals)
    return steps, tuple(measure for _, measure in measures.values())


def is_timed(trait: Trait) -> bool:
    """Whether the value of a trait may change without an event."""
    windowed = trait.window_days is not None and trait.kind in {"count", "sum", "distinct", "affinity", "visits"}
    return windowed or trait.kind in {"days_since", "lifecycle"} or trait.keep_days is not None
