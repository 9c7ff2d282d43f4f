"""What a call brings along: who is logged in, the events that ride along, the store, the basket."""

import os
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from regulars.core.definitions import Source
from regulars.core.errors import Rejected
from regulars.core.event import Event
from regulars.core.identifier import is_person
from regulars.core.log import EVENTS, Record
from regulars.core.merchandising import searches
from regulars.decide.call import LOGIN, Call
from regulars.decide.table import Plan
from regulars.flow.customer import Asking
from regulars.flow.engine import Engine
from regulars.recommend.search import Search

_LONGEST_STORE = 100
_VIEWED, _ADDED = "Product Viewed", "Product Added"


class Visit(NamedTuple):
    """What is at hand of this visit: the basket, the riding events, the store."""

    basket: Sequence[str] = ()
    events: Sequence[Event] = ()
    store: str = ""
    begun: Sequence[str] = ()  # products of the running visit, as far as it is folded
    seen: Sequence[str] = ()  # those of earlier visits that are held
    search: Search | None = None
    nobodys: bool = False  # rows use nothing of the person


def vouched_by(engine: Engine, call: Call, source: Source, now: int) -> tuple[frozenset[str], str]:
    """The persons that the call's token vouches for, and why it vouches for nobody."""
    token = call.token()
    if token is None or source.kind == "server":
        return frozenset(), ""
    found = engine.decoder.vouched(source.id, token, call.anonymous_id, now)
    if isinstance(found, str):
        return frozenset(), found
    return frozenset(key for key in found.keys if is_person(key, engine.definitions.identity)), ""


def riding_with(
    engine: Engine, call: Call, source: Source, who: Asking, *, now: int, signs: str
) -> tuple[list[Event], bytes]:
    """The events of the asking customer in the call, and the body with which all of them are logged."""
    if not call.events:
        return [], b""
    own = {"anonymousId": call.anonymous_id, "userId": call.user_id}
    own = {name: value for name, value in own.items() if value is not None}
    batch = []
    for event in call.events:
        said = dict(event)
        if not {"anonymousId", "userId"} & said.keys():
            said |= own
        # Whoever reads the record again finds the same id; without one it would follow from its place in the log.
        said.setdefault("messageId", f"riding-{os.urandom(10).hex()}")
        said.setdefault("type", "track")
        if call.context:
            said.setdefault("context", call.context)
        batch.append(said)
    token = call.token()
    whole: dict[str, Any] = {"batch": batch}
    if token is not None:
        whole["context"] = {LOGIN: token}
    body = msgspec.json.encode(whole)
    decoded = engine.decoder.decode(Record(0, EVENTS, source.id, "batch", now, body, signs))
    mine = [one for one in decoded if isinstance(one, Event) and not set(one.identifiers).isdisjoint(who.keys)]
    return mine, body


def store_of(call: Call) -> str:
    """The store that a call names; anything but a short text says nothing."""
    said = call.context.get("store")
    return said if isinstance(said, str) and len(said) <= _LONGEST_STORE else ""


def refuse_stray(call: Call, plan: Plan) -> None:
    """A query that no placement of the call answers."""
    if call.query is not None and not any(searches(placement.recommend) for placement in plan.placements):
        raise Rejected(
            'no placement of this call answers a query; name one whose recommend is "search", or leave the query out',
            field="query",
            expected='a placement with recommend = "search" in placements.toml',
            got=", ".join(placement.id for placement in plan.placements),
        )


def products_in(events: Sequence[Event]) -> tuple[list[str], list[str]]:
    """Products viewed and added, newest last."""
    viewed: list[str] = []
    added: list[str] = []
    for event in events:
        product = event.properties.get("product_id")
        if isinstance(product, str | int) and event.name in (_VIEWED, _ADDED):
            (viewed if event.name == _VIEWED else added).append(str(product))
    return viewed, added
