"""What one event changed: the record of its profile with it and without it, both folded from the whole history."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from regulars.core.event import ORDER_EVENTS, Event
from regulars.core.record import Hot
from regulars.flow.engine import Engine
from regulars.flow.machines import with_hindsight
from regulars.flow.refold import admitted_of
from regulars.profile import orders
from regulars.profile.fold import Parts
from regulars.profile.orders import Change


class Effect(msgspec.Struct, frozen=True):
    """What the profile would be without the event, beside what it is; only what differs."""

    traits: dict[str, tuple[Any, Any]]  # name -> without, with
    entered: list[str]  # segments that the profile is in because of it
    left: list[str]  # segments that it is not in because of it


def effect_of(engine: Engine, hot: Hot, history: Iterable[Event], event: Event) -> Effect:
    """The effect of `event` on the profile as of its own day; `history` is all that the profile did."""
    events = sorted(history, key=lambda one: (one.time, one.message_id))
    with_hindsight(events)
    place = event.source, event.message_id
    without, before = _folded(engine, hot, [one for one in events if (one.source, one.message_id) != place])
    now, after = _folded(engine, hot, events)
    differing = {name: (old, new) for name, old, new in zip(engine.fold.names, without, now, strict=True) if old != new}
    return Effect(differing, sorted(after - before), sorted(before - after))


def _folded(engine: Engine, like: Hot, events: Sequence[Event]) -> tuple[list[Any], set[str]]:
    fold = engine.fold
    hot = fold.new(like.anchor, like.first_seen, like.day)
    hot.consent, hot.restricted, hot.facts = like.consent, like.restricted, like.facts
    parts: Parts = {}
    admitted = admitted_of(engine, hot.consent, events)
    fold.fold(hot, parts, admitted, _orders(engine, admitted), since=hot.consent, day=like.day)
    fold.evaluate(hot, parts, like.day)
    moved = engine.segments.update(hot.values, [], changed=None, allowed=hot.segmenting, facts=hot.facts)
    return hot.values, set(moved.now) if moved is not None else set()


def _orders(engine: Engine, events: Iterable[Event]) -> list[Change]:
    told: dict[str, list[Event]] = {}
    for event in events:
        if event.name in ORDER_EVENTS and (order := orders.order_id(event)) is not None:
            told.setdefault(order, []).append(event)
    currency, policy = engine.definitions.shop.currency, engine.policy
    return [
        orders.apply(
            order, None, some, currency=currency, trusts=engine.trusts, own=policy.own, ranks=policy.order_ranks
        )
        for order, some in told.items()
    ]
