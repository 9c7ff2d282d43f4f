"""Laws of rows of touchpoints: whatever is sent is read or refused with a reason, and places need their consent."""

import io
import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from regulars.adapters.log.memory import MemoryLog
from regulars.adapters.state.sqlite import SqliteState
from regulars.collect import Decoder
from regulars.collect.blanking import blanked
from regulars.collect.files import KINDS
from regulars.collect.files.kind import About, BadRow, Call
from regulars.collect.files.masking import masked
from regulars.collect.files.touches import ROWS, TOUCHES
from regulars.core.definitions import Definitions, EventType, Purpose, Shop, Source, Trait
from regulars.core.errors import Rejected
from regulars.core.event import CHAT_TRANSCRIBED, NOBODY, ZONE_ENTERED, ZONE_LEFT, Event, FailedEvent
from regulars.core.log import EVENTS, NewRecord, Record
from regulars.core.state import IDENTIFIER, VERDICT
from regulars.core.verdict import ADMITTED, unpack
from regulars.flow.engine import Engine
from regulars.flow.updater import Updater
from regulars.importing.tracks import fit, gpx
from tests.fit_files import fit_file

START = 1_778_000_000_000
SHOP = Definitions(
    shop=Shop(name="Shop"),
    sources=(
        Source(id="gate", kind="server"),
        Source(id="web", kind="browser", write_key="wk"),
        Source(id="acme", kind="server", partner="acme"),
    ),
    # Whatever a shop writes into its plan, where somebody was and what was said need their own purposes.
    events=tuple(EventType(name=name, purpose="contract") for name in (ZONE_ENTERED, ZONE_LEFT, CHAT_TRANSCRIBED)),
    strict_plan=False,
    purposes=(Purpose(id="location"), Purpose(id="conversations"), Purpose(id="partners:acme", partner="acme")),
    traits=(Trait(name="visits", kind="count", events=(ZONE_ENTERED, ZONE_LEFT, CHAT_TRANSCRIBED)),),
)
DECODER = Decoder(SHOP)
ENGINE = Engine(SHOP)
TIMES = st.integers(0, 7200).map(
    lambda s: (datetime.fromtimestamp(START / 1000, UTC) + timedelta(seconds=s)).isoformat()
)
ANYTHING: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | TIMES | st.just("1:99:99"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
# Each law runs for every kind of row, and most of the time goes into making rows.
slow = settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow])


def rows_of(kind: str) -> st.SearchStrategy[dict[str, Any]]:
    """Rows with the columns of a kind, of which some hold what they should."""
    good = {"timestamp": TIMES, "starts": TIMES, "user_id": st.sampled_from(["ana", "ben"]), "zone": st.just("shoes")}
    named = {name: good.get(name, ANYTHING) | ANYTHING for name in TOUCHES[kind].columns}
    return st.fixed_dictionaries({}, optional=named) | st.dictionaries(st.text(max_size=6), ANYTHING, max_size=3)


@pytest.mark.parametrize("kind", TOUCHES)
@slow
@given(data=st.data())
def test_every_row_of_a_file_is_read_or_told(kind: str, data: st.DataObject) -> None:
    rows = data.draw(st.lists(rows_of(kind), max_size=4))
    about = About(time_zone="Europe/Berlin", now=START)
    found = list(KINDS[kind].calls(list(enumerate(rows, 2)), about))
    for one in found:
        if isinstance(one, Call):
            assert one.payload["messageId"]
            msgspec.json.encode(one.payload)
        else:
            assert isinstance(one, BadRow)
            assert one.field
    assert TOUCHES[kind].gather is not None or len(found) == len(rows)


@pytest.mark.parametrize("route", ROWS)
@slow
@given(data=st.data())
def test_every_body_is_refused_at_the_door_or_read(route: str, data: st.DataObject) -> None:
    rows = data.draw(st.lists(rows_of(ROWS[route].touch.name) | ANYTHING, max_size=3) | ANYTHING)
    body = json.dumps(rows).encode() if data.draw(st.booleans()) else data.draw(st.binary(max_size=30))
    with suppress(Rejected):
        envelope = ROWS[route].envelope(body)
        stored = ROWS[route].stored(body)
        assert ROWS[route].envelope(stored) == envelope
        assert len(read(route, stored)) == envelope.events
    read(route, body)
    blanked(body, route, {0}, ["ana"])


def read(route: str, body: bytes, source: str = "gate") -> list[Event | FailedEvent]:
    record = Record(7, EVENTS, source, route, START, body)
    found = DECODER.decode(record)
    msgspec.json.encode(found)
    assert found == DECODER.decode(record)
    return found


@slow
@given(st.binary(max_size=200), st.integers(0, 400), st.integers(0, 255))
def test_files_of_watches_are_read_or_refused(noise: bytes, at: int, byte: int) -> None:
    whole = fit_file(start=datetime(2026, 5, 4, tzinfo=UTC), seconds=60, metres=100)
    for body in (noise, whole[: at % len(whole)] + noise, _changed(whole, at, byte)):
        with suppress(Rejected):
            list(fit(io.BytesIO(body), "a.fit"))
    track = (
        b'<?xml version="1.0"?><gpx creator="x"><trk><trkseg><trkpt lat="1" lon="2"><time>2026-05-04T00:00:00Z</time>'
        b'</trkpt><trkpt lat="1.1" lon="2"/></trkseg></trk></gpx>'
    )
    for body in (noise, track[: at % len(track)] + noise, _changed(track, at, byte)):
        with suppress(Rejected):
            for row in gpx(io.BytesIO(body), "a.gpx"):
                assert row.keys() <= {"sport", "device", "timestamp", "duration_seconds", "distance_m"}


def _changed(body: bytes, at: int, byte: int) -> bytes:
    at %= len(body)
    return body[:at] + bytes([byte]) + body[at + 1 :]


@slow
@given(st.text(max_size=200))
def test_masking_twice_is_masking_once(text: str) -> None:
    assert masked(masked(text)) == masked(text)


CONSENTS = st.lists(
    st.tuples(st.integers(0, 9), st.booleans(), st.sampled_from(["location", "conversations", "analytics"])), max_size=4
)
TOLD = st.lists(
    st.tuples(st.integers(0, 9), st.sampled_from([ZONE_ENTERED, ZONE_LEFT, CHAT_TRANSCRIBED]), st.booleans()),
    min_size=1, max_size=6,
)  # fmt: skip


@settings(max_examples=40, deadline=None, derandomize=True)
@given(CONSENTS, TOLD)
def test_where_somebody_was_and_what_was_said_is_kept_by_its_own_purpose_alone(
    said: list[tuple[int, bool, str]], told: list[tuple[int, str, bool]]
) -> None:
    consents = [
        _call("gate", hour, "Consent Updated", {"purposes": {purpose: yes}}, f"c{number}")
        for number, (hour, yes, purpose) in enumerate(said)
    ]
    events = [
        _call("acme" if partner else "gate", hour, name, {"zone": "z"}, f"e{number}")
        for number, (hour, name, partner) in enumerate(told)
    ]
    log, state = MemoryLog(), SqliteState(":memory:")
    log.append([*consents, *events])
    Updater(ENGINE, log, state).run()
    verdicts = {v.offset: v.codes[0] for row in state.select(VERDICT) for v in unpack(row[2])}  # type: ignore[arg-type]
    for number, (hour, name, partner) in enumerate(told):
        purpose = "conversations" if name == CHAT_TRANSCRIBED else "location"
        admitted = verdicts[len(consents) + number + 1] == ADMITTED
        assert admitted == (not partner and _allowed(said, purpose, hour))


def _allowed(said: list[tuple[int, bool, str]], purpose: str, hour: int) -> bool:
    """By the words alone: the last statement is a yes, and what is asked for lies after the last no."""
    mine = sorted((at, not yes) for at, yes, about in said if about == purpose)
    if not mine or mine[-1][1]:
        return False
    refusals = [at for at, no in mine if no]
    begins = min(at for at, no in mine if not no and (not refusals or at > refusals[-1]))
    return hour >= begins


def _call(source: str, hour: int, event: str, properties: dict[str, Any], message_id: str) -> NewRecord:
    call = {
        "type": "track", "event": event, "userId": "ana", "messageId": message_id, "properties": properties,
        "timestamp": (datetime.fromtimestamp(START / 1000, UTC) + timedelta(hours=hour)).isoformat(),
    }  # fmt: skip
    return NewRecord(EVENTS, source, "batch", START + 10 * 3_600_000, json.dumps({"batch": [call]}).encode())


@settings(max_examples=20, deadline=None)
@given(st.sampled_from(["programme", "advertising", "searches", "footfall"]), st.data())
def test_facts_of_the_shop_make_nobody_known(kind: str, data: st.DataObject) -> None:
    rows = data.draw(st.lists(rows_of(kind), min_size=1, max_size=3))
    rows.append({"date": "2026-05-04", "starts": "2026-05-04T10:00:00Z", "ends": "2026-05-04T11:00:00Z", "station": "A",
                 "channel": "x", "campaign": "c", "cost": 1, "query": "q", "clicks": 1, "store_id": "s", "count_in": 2,
                 "user_id": "ana", "email": "ana@shop.example"})  # fmt: skip
    body = msgspec.json.encode(rows)
    found = read(f"touch:{kind}", body)
    assert isinstance(found[-1], Event)
    assert all(one.subject == NOBODY and not one.identifiers for one in found if isinstance(one, Event))
    assert not any(isinstance(one, Event) for one in read(f"touch:{kind}", body, "acme"))
    log, state = MemoryLog(), SqliteState(":memory:")
    log.append([NewRecord(EVENTS, "gate", f"touch:{kind}", START, body)])
    Updater(ENGINE, log, state).run()
    assert state.select(IDENTIFIER) == []
