"""What a shop sees of a changed trait: the old records until the new ones are complete, then the new ones at once."""

import base64
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from regulars.adapters.log.memory import MemoryLog
from regulars.adapters.state.sqlite import SqliteState
from regulars.core import state as tables
from regulars.core.definitions import (
    Definitions,
    EventType,
    Offer,
    Placement,
    Purpose,
    Segment,
    Shop,
    Source,
    Trait,
)
from regulars.core.event import Event
from regulars.core.log import COMMAND, EVENTS, TICK, NewRecord, Record
from regulars.core.record import HOT, REACH, Hot, part_id, profile_number
from regulars.core.state import ANSWER, SEALED, VERDICT, Changes
from regulars.core.verdict import unpack
from regulars.flow import generation, replay
from regulars.flow.engine import Engine, with_record_definitions
from regulars.flow.progress import Progress, progress_of
from regulars.flow.updater import Updater

DAY = 86_400_000
START = 1_700_000_000_000
ANA = profile_number("user_id:ana")
CORNER = Definitions(
    shop=Shop(name="Corner", time_zone="UTC"),
    sources=(Source(id="till", kind="server"),),
    events=(EventType(name="Product Viewed"), EventType(name="Order Completed", purpose="contract")),
    purposes=(Purpose(id="analytics"),),
    traits=(
        Trait(name="orders", kind="count", events=("Order Completed",)),
        Trait(name="views", kind="count", events=("Product Viewed",), purpose="contract"),
    ),
    segments=(Segment(id="buyers", when="orders >= 2"),),
    placements=(Placement(id="p"),),
    record_version="1",
    version="1",
)
replaced = msgspec.structs.replace
EDITED = replaced(
    CORNER,
    traits=(Trait(name="revenue", kind="sum", events=("Order Completed",), of="total"), *CORNER.traits),
    segments=(Segment(id="buyers", when="orders >= 1"), Segment(id="big", when="revenue >= 1000")),
    record_version="2",
    version="2",
)


def order(who: str, number: int, total: int) -> dict[str, Any]:
    return track("Order Completed", who, {"order_id": f"{who}{number}", "total": total}, message=f"{who}{number}")


def track(name: str, who: str, properties: dict[str, Any], *, message: str) -> dict[str, Any]:
    call = {"type": "track", "event": name, "userId": who, "messageId": message, "properties": properties}
    return {**call, "timestamp": "2023-11-14T22:13:20.000Z"}


def record(*calls: dict[str, Any]) -> NewRecord:
    return NewRecord(EVENTS, "till", "batch", START, json.dumps({"batch": calls}).encode())


def command(name: str, **args: Any) -> NewRecord:
    return NewRecord(COMMAND, "eva", name, START, json.dumps({"name": name, "args": args, "by": "eva"}).encode())


class Corner:
    """A shop's log and state, and the updater that folds the one into the other."""

    def __init__(self, definitions: Definitions, path: Path | str = ":memory:") -> None:
        self.log = MemoryLog()
        self.state = SqliteState(path)
        self.lake: dict[str, list[Event]] = {}
        self.asked: list[list[str]] = []
        self.start(definitions)

    def start(self, definitions: Definitions) -> Updater:
        self.updater = Updater(definitions, self.log, self.state, sealed=self.sealed)
        return self.updater

    def sealed(self, subjects: Sequence[str]) -> Iterator[Event]:
        self.asked.append(list(subjects))
        for subject in subjects:
            yield from self.lake.get(subject, ())

    def fold(self, *records: NewRecord) -> None:
        self.log.append(records)
        self.updater.run()

    def values(self, who: str) -> dict[str, Any]:
        """What is known of a customer now."""
        definitions = generation.definitions(self.state)
        assert definitions is not None
        hot = self.hot(who)
        return {"segments": hot.segments} | dict(
            zip([trait.name for trait in definitions.traits], hot.values, strict=True)
        )

    def hot(self, who: str) -> Hot:
        key = part_id(profile_number(f"user_id:{who}"), HOT)
        data = self.state.parts([key], generation.tables(self.state).part)[key]
        return msgspec.msgpack.decode(data, type=Hot)

    def answer(self) -> tuple[bool, Any]:
        """What became of the last command."""
        row = self.state.select(ANSWER, order=("-offset",), limit=1)[0]
        return bool(row[1]), json.loads(row[2])  # type: ignore[arg-type]  # JSON

    def seal(self) -> None:
        """Everything that was admitted goes to the lake, and the log forgets it."""
        for one in self.log.read(0):
            for event in self.updater.engine.decoder.decode(one) if one.kind == EVENTS else ():
                if isinstance(event, Event):
                    self.lake.setdefault(event.subject, []).append(event)
        self.state.commit(Changes(), meta={SEALED: self.updater.offset})


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """One profile at a time, and no wait for readers."""
    for name, value in {"FEWEST": 1, "MOST": 1, "LAST": 0, "KEEP_SECONDS": 0.0}.items():
        monkeypatch.setattr(replay, name, value)


def shop_of_ten(path: Path | str = ":memory:") -> Corner:
    corner = Corner(CORNER, path)
    corner.fold(*(record(order(f"c{n}", 1, 600), order(f"c{n}", 2, 600)) for n in range(10)))
    return corner


def test_the_old_records_serve_until_the_new_ones_are_complete() -> None:
    corner = shop_of_ten()
    updater = corner.start(EDITED)
    steps = 0
    while updater.replaying:
        assert corner.values("c3") == {"segments": ["buyers"], "orders": 2, "views": 0}
        updater.step(replay_seconds=0)
        steps += 1
    assert steps > 10, "one profile at a time"
    assert corner.values("c3") == {"segments": ["buyers", "big"], "revenue": 120_000, "orders": 2, "views": 0}
    assert corner.state.meta(tables.GENERATION) == "b"
    assert updater.engine.definitions.record_version == "2"


def test_live_orders_count_at_once_and_after_the_switch() -> None:
    corner = shop_of_ten()
    updater = corner.start(EDITED)
    for n in range(10):
        corner.log.append([record(order(f"c{n}", 3, 50)), record(order(f"new{n}", 1, 5))])
        updater.step(replay_seconds=0)
        assert corner.values(f"c{n}")["orders"] == 3
    updater.run()
    assert corner.values("c0") == {"segments": ["buyers", "big"], "revenue": 125_000, "orders": 3, "views": 0}
    assert corner.values("new9")["revenue"] == 500


def test_a_process_that_was_killed_goes_on_where_it_was(tmp_path: Path) -> None:
    corner = shop_of_ten(tmp_path / "state.db")
    for _ in range(3):
        updater = corner.start(EDITED)
        for _ in range(4):
            updater.step(replay_seconds=0)
        corner.state.close()
        corner.state = SqliteState(tmp_path / "state.db")
    assert 0 < progress_of(corner.state).done < 10
    built = len(corner.asked)
    corner.start(EDITED).run()
    assert corner.values("c9")["revenue"] == 120_000
    progress = progress_of(corner.state)
    assert progress == Progress("done", 10, 10, "2", began=progress.began)
    assert progress.began > 0
    assert len(corner.asked) - built < 10, "profiles that were built before the kill are not built again"
    corner.state.close()


def test_the_progress_says_how_many_profiles_are_built() -> None:
    corner = shop_of_ten()
    updater = corner.start(EDITED)
    told = []
    while updater.replaying:
        updater.step(replay_seconds=0)
        progress = progress_of(corner.state)
        told.append((progress.done, progress.total))
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert told[-1] == (10, 10)
    assert len({done for done, _ in told}) == 11


def test_an_edited_folder_is_picked_up_by_command() -> None:
    corner = shop_of_ten()
    edited = base64.b64encode(msgspec.msgpack.encode(EDITED)).decode()
    corner.fold(command("replay", definitions=edited))
    assert corner.answer() == (True, {"definitions": "2", "identity_changed": False, "needed": True})
    assert corner.values("c1")["revenue"] == 120_000
    corner.fold(command("replay", definitions=edited))
    assert corner.answer() == (True, {"definitions": "2", "identity_changed": False, "needed": False})


def test_definitions_that_cannot_be_used_are_refused_and_change_nothing() -> None:
    corner = shop_of_ten()
    broken = replaced(EDITED, segments=(Segment(id="s", when="reveneu > 1"),))
    for sent in (base64.b64encode(msgspec.msgpack.encode(broken)).decode(), "bm90aGluZw==", "%"):
        corner.fold(command("replay", definitions=sent))
        ok, body = corner.answer()
        assert (ok, body["field"]) == (False, "definitions")
    assert corner.values("c1") == {"segments": ["buyers"], "orders": 2, "views": 0}


def test_an_offer_that_asks_for_a_new_trait_waits_until_the_records_have_it() -> None:
    new = Offer(id="new", placements=("p",), purpose="contract", value=1, when="revenue > 10")
    old = Offer(id="old", placements=("p",), purpose="contract", value=1, when="orders > 1")
    edited = replaced(EDITED, offers=(new, old))
    served = with_record_definitions(edited, CORNER)
    assert [offer.id for offer in served.offers] == ["old"]
    corner = shop_of_ten()
    updater = corner.start(edited)
    assert [offer.id for offer in updater.engine.definitions.offers] == ["old"]
    updater.run()
    assert [offer.id for offer in updater.engine.definitions.offers] == ["new", "old"]


def test_new_events_of_the_plan_are_taken_in_before_the_back_fill_is_through() -> None:
    corner = shop_of_ten()
    edited = replaced(EDITED, events=(*CORNER.events, EventType(name="Size Chosen", purpose="contract")))
    updater = corner.start(edited)
    corner.log.append([record(track("Size Chosen", "c1", {}, message="s"))])
    updater.step(replay_seconds=0)
    assert updater.replaying
    assert not corner.state.select(tables.FAILED)


def test_what_counts_toward_limits_carries_over_also_of_visitors_without_a_record() -> None:
    corner = shop_of_ten()
    stranger = profile_number("anonymous_id:stranger")
    kept = {part_id(profile_number("user_id:c4"), REACH): [[["x", "o"]], []], part_id(stranger, REACH): [[], [["y"]]]}
    changes = Changes()
    for key, value in kept.items():
        changes.put(tables.PART, (key, msgspec.msgpack.encode(value)))
    corner.state.commit(changes)
    corner.start(EDITED).run()
    found = corner.state.parts(list(kept), generation.tables(corner.state).part)
    assert {key: msgspec.msgpack.decode(data) for key, data in found.items()} == kept


def test_the_lake_is_asked_once_for_many_profiles_and_the_log_only_for_what_is_not_sealed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    corner = shop_of_ten()
    corner.seal()
    corner.fold(record(order("c3", 3, 100)))
    monkeypatch.setattr(replay, "FEWEST", 50)
    monkeypatch.setattr(replay, "MOST", 50)
    updater = corner.start(EDITED)
    read: list[int] = []
    get = corner.log.get

    def listen(offsets: Sequence[int]) -> dict[int, Record]:
        read.extend(offsets)
        return get(offsets)

    monkeypatch.setattr(corner.log, "get", listen)
    updater.run()
    assert [len(subjects) for subjects in corner.asked] == [10]
    assert read == [11]
    assert corner.values("c3")["revenue"] == 130_000


def test_events_that_another_purpose_admits_count_and_reach_the_lake() -> None:
    corner = Corner(CORNER)
    view = track("Product Viewed", "ana", {"product_id": "tea"}, message="v")
    corner.fold(record(view, order("ana", 1, 600)))
    assert corner.values("ana")["views"] == 0, "nobody agreed to analytics"
    events = tuple(replaced(event, purpose="contract") for event in EDITED.events)
    corner.start(replaced(EDITED, events=events)).run()
    assert corner.values("ana")["views"] == 1
    corner.fold(record(order("ben", 1, 100)))
    late = [
        told
        for row in corner.state.select(VERDICT)
        for verdict in unpack(row[2])  # type: ignore[arg-type]  # a blob
        for told in verdict.late or ()
    ]
    assert late == [(1, 0)]
    assert not corner.state.select(tables.LATE)


def test_taking_an_edit_back_ends_the_back_fill() -> None:
    corner = shop_of_ten()
    updater = corner.start(EDITED)
    for _ in range(6):
        updater.step(replay_seconds=0)
    assert corner.state.select(tables.PART_B)
    corner.start(CORNER).run()
    assert not corner.state.select(tables.PART_B) + corner.state.select(tables.REBUILD)
    assert corner.values("c1") == {"segments": ["buyers"], "orders": 2, "views": 0}
    assert corner.state.meta(tables.GENERATION) is None


def test_the_rows_of_before_stay_for_readers_that_have_not_looked_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "KEEP_SECONDS", 60.0)
    corner = shop_of_ten()
    updater = corner.start(EDITED)
    updater.run()
    assert corner.values("c1")["revenue"] == 120_000
    assert corner.state.select(tables.PART)
    assert not updater.busy
    corner.start(EDITED)
    assert not corner.updater.busy, "nor does a new process begin at once"


def test_readers_follow_a_switch_and_look_for_it_now_and_then() -> None:
    corner = shop_of_ten()
    now = [0.0]
    serving = generation.Serving(corner.state, CORNER, clock=lambda: now[0])
    assert (serving.tables, serving.definitions.record_version) == (generation.A, "1")
    corner.start(EDITED).run()
    assert not serving.refresh(), "not before it is time to look"
    now[0] += generation.LOOK_SECONDS
    assert serving.refresh()
    assert (serving.tables, serving.definitions.record_version) == (generation.B, "2")
    now[0] += generation.LOOK_SECONDS
    assert not serving.refresh()


def test_a_late_consent_noted_by_staff_brings_refused_events_to_the_lake() -> None:
    traits = (Trait(name="views", kind="count", events=("Product Viewed",), purpose="analytics"),)
    corner = Corner(replaced(CORNER, traits=traits, segments=()))
    corner.fold(record(track("Product Viewed", "ana", {}, message="v")))
    granted = command("set_consent", identifier="user_id:ana", purpose="analytics", granted=True, reason="by phone")
    corner.fold(NewRecord(TICK, "clock", "", START, b""), replaced(granted, time=START - DAY))
    assert corner.values("ana")["views"] == 1
    row = corner.state.select(VERDICT, order=("-first",), limit=1)[0]
    assert unpack(row[2])[0].late == [(1, 0)]  # type: ignore[arg-type]  # a blob


def test_consent_for_somebody_who_never_spoke_is_kept() -> None:
    corner = Corner(CORNER)
    known = {"type": "identify", "userId": "ana", "messageId": "i", "traits": {"email": "ana@example.org"}}
    corner.fold(record(known))
    corner.fold(command("unlink", a="user_id:ana", b="email:ana@example.org", reason="a typing mistake"))
    said = {"identifier": "email:ana@example.org", "purpose": "analytics", "granted": True, "reason": "by post"}
    corner.fold(command("set_consent", **said))
    number = profile_number("email:ana@example.org")
    data = corner.state.parts([part_id(number, HOT)])[part_id(number, HOT)]
    assert Engine(CORNER).fold.decode_hot(data).consent == {"analytics": START}


def test_a_schedule_that_comes_late_counts_for_the_orders_of_then_when_they_are_read_again() -> None:
    aired = Trait(name="aired", kind="distinct", events=("Order Completed",), of="context.on_air.title")
    corner = Corner(replaced(CORNER, traits=(*CORNER.traits, aired)))
    corner.fold(record(order("ana", 1, 600)), record(order("ben", 1, 600)))
    said = {"station": "Shop TV", "starts": "2023-11-14T22:00:00Z", "ends": "2023-11-14T23:00:00Z"}
    for number, title in enumerate(("Pans", "Pots")):  # the last word about a slot counts
        entry = track("Programme Scheduled", "", {**said, "title": title}, message=f"p{number}")
        corner.fold(record({name: value for name, value in entry.items() if name != "userId"}))
    assert corner.values("ana")["aired"] == 0
    for _ in range(2):
        corner.fold(command("replay", again=True))
        while corner.updater.replaying:
            corner.updater.step()
        assert (corner.values("ana")["aired"], corner.values("ben")["aired"]) == (1, 1)
    assert corner.values("ana")["orders"] == 1
