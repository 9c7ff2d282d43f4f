"""After the erasure of a shop the others are as if that shop had never told anything, wherever the server died."""

import json
from typing import Any, cast

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from regulars.adapters.log.memory import MemoryLog
from regulars.adapters.state.sqlite import SqliteState
from regulars.core import state as tables
from regulars.core.log import COMMAND, EVENTS, TICK, NewRecord
from regulars.core.record import HOT, Person, part_id
from regulars.flow import shop_erasure
from regulars.flow.engine import Engine
from regulars.flow.request_commands import CLOSED
from regulars.flow.updater import Updater
from regulars.profile.fold import Fold
from tests.property.test_flow import DAY, DEFINITIONS, START, _iso

RECEIVED = START + 15 * DAY
GONE, STAYS = "gone", "till"
SOURCES = tuple(msgspec.structs.replace(DEFINITIONS.sources[0], id=one) for one in (GONE, STAYS))
ENGINE = Engine(msgspec.structs.replace(DEFINITIONS, sources=SOURCES))
REQUEST = f"{GONE}:r1"


@st.composite
def tellings(draw: st.DrawFn) -> list[tuple[str, dict[str, Any]]]:
    """What a shop that goes and one that stays tell of three customers: each has numbers of its own, addresses join."""
    found = []
    for number in range(draw(st.integers(1, 12))):
        source, who = draw(st.sampled_from([GONE, STAYS])), draw(st.sampled_from(["ana", "ben", "cy"]))
        time = _iso(START + draw(st.integers(0, 14 * 24)) * 3_600_000)
        call: dict[str, Any] = {"messageId": f"m{number}", "timestamp": time, "userId": f"{source}-{who}"}
        kind = draw(st.sampled_from(["identify", "identify", "order", "view", "consent"]))
        if kind == "identify":
            call |= {"type": "identify", "traits": {"email": f"{who}@example.org", "city": f"{source}-{number}"}}
        elif kind == "order":
            properties = {"order_id": f"{source}-{number}", "total": draw(st.integers(1, 9)), "category": "tea"}
            call |= {"type": "track", "event": "Order Completed", "properties": properties}
        elif kind == "view":
            call |= {"type": "track", "event": "Product Viewed", "properties": {"product_id": "a", "category": "tea"}}
        else:
            said = {"purposes": {"analytics": draw(st.booleans())}}
            call |= {"type": "track", "event": "Consent Updated", "properties": said}
        found.append((source, call))
    return found


def _command(name: str, **args: Any) -> NewRecord:
    body = json.dumps({"name": name, "args": args, "by": GONE if name == "note_request" else "eva"}).encode()
    return NewRecord(COMMAND, "eva", name, RECEIVED, body)


def _told(sent: list[tuple[str, dict[str, Any]]]) -> tuple[MemoryLog, SqliteState]:
    log, state = MemoryLog(), SqliteState(":memory:")
    log.append([NewRecord(TICK, "clock", "", RECEIVED, b"")])
    for source, call in sent:
        log.append([NewRecord(EVENTS, source, "batch", RECEIVED, json.dumps({"batch": [call]}).encode())])
    Updater(ENGINE, log, state).run()
    return log, state


def _erased(sent: list[tuple[str, dict[str, Any]]], looked: int) -> tuple[SqliteState, shop_erasure.ShopErasure]:
    """The state after the erasure; each command is folded by another updater and sent twice, as after a crash."""
    log, state = _told(sent)
    log.append([_command("note_request", id="r1", kind="shop_erasure")])
    log.append([_command("close_request", id=REQUEST, note="it left", confirm=GONE, erase=True)])
    Updater(ENGINE, log, state).run()
    before, shop_erasure.LOOKED = shop_erasure.LOOKED, looked
    try:
        while True:
            found = shop_erasure.progress_of(state, REQUEST)
            assert found is not None
            if found.phase == "certify":
                return state, found
            again = _command("erase_shop", id=REQUEST, phase=found.phase, after=found.after)
            log.append([again, again])
            Updater(ENGINE, log, state).run()
    finally:
        shop_erasure.LOOKED = before


def _people(state: SqliteState) -> dict[frozenset[str], Any]:
    """By who they are what is known of them."""
    keys: dict[int, set[str]] = {}
    for row in state.select(tables.IDENTIFIER):
        keys.setdefault(cast(int, row[1]), set()).add(str(row[0]))
    found: dict[frozenset[str], Any] = {}
    for number, some in keys.items():
        parts = state.parts([part_id(number, HOT), part_id(number, 15)])
        if part_id(number, HOT) in parts:
            hot = Fold.decode_hot(parts[part_id(number, HOT)])
            person = msgspec.msgpack.decode(parts[part_id(number, 15)], type=Person)
            said = hot.values, hot.consent, sorted(hot.segments), hot.facts, sorted(person.identifiers)
            found[frozenset(some)] = (
                *said,
                sorted(str(row[0]) for row in state.select(tables.ORDER, {"profile": number})),
            )
    return found


@settings(max_examples=30, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
@given(tellings(), st.integers(1, 7))
def test_the_others_are_as_if_the_shop_had_never_told_anything(
    sent: list[tuple[str, dict[str, Any]]], looked: int
) -> None:
    state, progress = _erased(sent, looked)
    _, other = _told([(source, call) for source, call in sent if source != GONE])
    assert _people(state) == _people(other)
    left = {str(row[0]) for row in state.select(tables.IDENTIFIER)}
    assert left == {str(row[0]) for row in other.select(tables.IDENTIFIER)}
    named = {str(key) for row in state.select(tables.LINK) for key in row[:2]}
    assert named <= left
    assert {str(row[0]) for row in state.select(tables.CONSENT)} <= left
    assert bool(progress.certificates) == (progress.people + progress.identifiers > 0)


def test_the_request_is_closed_once_and_counts_people_and_identifiers_apart() -> None:
    """Ana is known at both, Ben at the shop that left alone."""

    def named(source: str, who: str, number: int) -> tuple[str, dict[str, Any]]:
        call = {"type": "identify", "messageId": f"i{number}", "userId": f"{source}-{who}"}
        return source, call | {"timestamp": _iso(START), "traits": {"email": f"{who}@example.org"}}

    state, progress = _erased([named(GONE, "ana", 1), named(STAYS, "ana", 2), named(GONE, "ben", 3)], 500)
    assert (progress.people, progress.identifiers, len(progress.certificates)) == (1, 1, 1)
    (who,) = _people(state)
    assert {key for key in who if "sha256" not in key} == {"user_id:till-ana", "email:ana@example.org"}
    row = state.get(tables.REQUEST, REQUEST)
    assert row is not None
    assert row[5] == shop_erasure.ERASING != CLOSED, "its certificate is not final yet"
