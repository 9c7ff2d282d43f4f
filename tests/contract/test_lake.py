"""What every lake does, whatever it stands on."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings

from regulars.adapters.lake.parquet import ParquetLake
from regulars.core.decision import DecisionRecord
from regulars.core.errors import Rejected
from regulars.core.event import Event
from regulars.core.lake import DECISION_PART, EVENT_PART, Drop, Lake, LoggedDecision, PartFile

DAY_MS = 86_400_000
SUBJECTS = ["user_id:ana", "user_id:bo", "anonymous_id:x1", "loyalty_card:77", "user_id:zoë"]

LAKES: dict[str, Callable[[Path], Lake]] = {"parquet": ParquetLake}


@pytest.fixture(params=LAKES)
def lake(request: pytest.FixtureRequest, tmp_path: Path) -> Lake:
    return LAKES[request.param](tmp_path / "lake")


def event(
    number: int, *, subject: str = "user_id:ana", time: int = 0, name: str = "Product Viewed", **more: Any
) -> Event:
    fields: dict[str, Any] = {
        "source": "web", "received_at": time + 5, "identifiers": (subject,), "claims": (), "properties": {"n": number},
        "traits": {}, "context": {}, "offset": number, "index": 0,
    } | more  # fmt: skip
    return Event(message_id=f"m{number}", name=name, time=time, subject=subject, **fields)


def seal(lake: Lake, events: Sequence[Event]) -> list[PartFile]:
    return lake.seal(events, days=[e.time // DAY_MS for e in events])


def ordered(events: Sequence[Event]) -> list[Event]:
    return sorted(events, key=lambda e: (e.time, e.message_id, e.source))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8"), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
OBJECTS = st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=5), JSON, max_size=4)


@st.composite
def histories(draw: st.DrawFn) -> list[Event]:
    """Events of a few subjects over some days; message ids are unique within a source."""
    events = []
    for number in range(draw(st.integers(0, 25))):
        subject = draw(st.sampled_from(SUBJECTS))
        events.append(
            event(
                number,
                subject=subject,
                time=draw(st.integers(0, 40)) * DAY_MS // 2,
                name=draw(st.sampled_from(["Product Viewed", "Order Completed"])),
                source=draw(st.sampled_from(["web", "till"])),
                identifiers=(subject, *draw(st.lists(st.sampled_from(SUBJECTS), max_size=2))),
                claims=tuple(draw(st.lists(st.sampled_from(SUBJECTS), max_size=2))),
                properties=draw(OBJECTS),
                traits=draw(OBJECTS),
                context=draw(OBJECTS),
                index=draw(st.integers(0, 3)),
            )
        )
    return events


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_what_was_sealed_is_read_whatever_the_split_into_seals_and_compactions(lake: Lake, data: st.DataObject) -> None:
    events = data.draw(histories())
    listed: list[PartFile] = []
    rest = events
    while rest:
        size: int = data.draw(st.integers(1, len(rest)))
        listed += seal(lake, rest[:size])
        rest = rest[size:]
        if data.draw(st.booleans()):
            chosen: list[PartFile] = data.draw(st.lists(st.sampled_from(listed), unique=True, min_size=1))
            listed = [part for part in listed if part not in chosen] + lake.compact(chosen)
    assert sum(part.rows for part in listed) == len(events)
    assert lake.history(SUBJECTS, listed) == ordered(events)
    one = data.draw(st.sampled_from(SUBJECTS))
    assert lake.history([one], listed) == ordered([e for e in events if e.subject == one])
    assert lake.verify(listed) == []
    limit, before = data.draw(st.integers(1, 12)), data.draw(st.none() | st.integers(0, 21 * DAY_MS))
    backwards = [e for e in reversed(ordered(events)) if before is None or e.time < before]
    assert lake.newest(SUBJECTS, listed, limit=limit, before=before) == backwards[:limit]
    lake.sweep([])


def test_the_newest_events_are_found_without_opening_older_files(lake: Lake) -> None:
    parts = seal(lake, [event(day, time=(17167 + day) * DAY_MS) for day in range(365)])
    oldest = min(parts, key=lambda part: part.day)
    gone = [part if part is not oldest else msgspec.structs.replace(part, file="event/gone.parquet") for part in parts]
    assert [e.message_id for e in lake.newest(["user_id:ana"], gone, limit=3)] == ["m364", "m363", "m362"]


def test_a_part_tells_its_days_rows_and_log_offsets(lake: Lake) -> None:
    first, second = event(7, time=DAY_MS), event(9, time=2 * DAY_MS)
    monday, tuesday = sorted(seal(lake, [second, first]), key=lambda part: part.day)
    assert (monday.day, monday.until, monday.rows, monday.first, monday.last) == (1, 1, 1, 7, 7)
    assert (tuesday.day, tuesday.until, tuesday.rows, tuesday.first, tuesday.last) == (2, 2, 1, 9, 9)


def test_nothing_to_seal_writes_nothing(lake: Lake) -> None:
    assert seal(lake, []) == []
    assert lake.seal_decisions([], days=[]) == []
    assert lake.compact([]) == []


def test_a_year_of_history_becomes_a_file_for_each_month(lake: Lake) -> None:
    year = [event(day, time=(17167 + day) * DAY_MS) for day in range(365)]  # 2017
    parts = seal(lake, year)
    assert len(parts) == 12
    assert lake.history(["user_id:ana"], parts) == ordered(year)


def test_only_listed_parts_are_read(lake: Lake) -> None:
    listed = seal(lake, [event(1)])
    seal(lake, [event(2)])
    assert [e.message_id for e in lake.history(["user_id:ana"], listed)] == ["m1"]


def test_an_event_that_is_in_two_parts_is_read_once(lake: Lake) -> None:
    listed = seal(lake, [event(1)]) + seal(lake, [event(1, time=3, offset=8), event(2, time=4)])
    assert lake.history(["user_id:ana"], listed) == [event(1), event(2, time=4)]
    merged = lake.compact(listed)
    assert sum(part.rows for part in merged) == 2
    assert lake.history(["user_id:ana"], merged) == [event(1), event(2, time=4)]


def test_the_same_message_id_from_two_sources_is_two_events(lake: Lake) -> None:
    both = [event(1, source="till"), event(1, source="web")]
    assert lake.history(["user_id:ana"], lake.compact(seal(lake, both))) == both


def dropped(lake: Lake, listed: list[PartFile], *drops: Drop) -> list[PartFile]:
    """What is listed once the swap is made."""
    done = lake.drop(listed, drops)
    return [part for part in listed if part.file not in done.replaced] + done.parts


def test_a_withdrawn_purpose_takes_the_events_before_it(lake: Lake) -> None:
    events = [
        event(1, time=10), event(2, time=20), event(3, time=10, name="Order Completed"),
        event(4, time=10, subject="user_id:bo"),
    ]  # fmt: skip
    drop = Drop(subjects=("user_id:ana",), names=("Product Viewed",), before=20)
    left = dropped(lake, seal(lake, events), drop)
    assert [e.message_id for e in lake.history(["user_id:ana", "user_id:bo"], left)] == ["m3", "m4", "m2"]


def test_an_erased_subject_is_in_no_row_and_no_file(lake: Lake, tmp_path: Path) -> None:
    events = [event(1), event(2, subject="user_id:bo", claims=("user_id:ana", "email:bo@shop.example"))]
    parts = seal(lake, events)
    left = dropped(lake, parts, Drop(subjects=("user_id:ana",)))
    lake.sweep(left)
    (kept,) = lake.history(["user_id:ana", "user_id:bo"], left)
    assert (kept.message_id, kept.claims) == ("m2", ("email:bo@shop.example",))
    assert not [path for path in tmp_path.rglob("*.parquet") if b"user_id:ana" in path.read_bytes()]


def test_only_parts_that_hold_a_dropped_row_are_written_again(lake: Lake) -> None:
    parts = seal(lake, [event(1, time=DAY_MS)]) + seal(lake, [event(2, time=2 * DAY_MS, subject="user_id:bo")])
    done = lake.drop(parts, [Drop(subjects=("user_id:bo",))])
    assert (done.replaced, done.parts, done.removed, done.changed) == ([parts[1].file], [], 1, 0)


def test_what_came_after_the_drop_was_asked_for_stays(lake: Lake) -> None:
    events = [event(1, offset=5), event(2, offset=6), event(3, offset=7, claims=("user_id:ana",), subject="user_id:bo")]
    left = dropped(lake, seal(lake, events), Drop(subjects=("user_id:ana",), offset=5))
    found = lake.history(["user_id:ana", "user_id:bo"], left)
    assert [(e.message_id, e.claims) for e in found] == [("m2", ()), ("m3", ("user_id:ana",))]


def test_a_drop_of_a_stretch_leaves_what_others_say_of_the_subject(lake: Lake) -> None:
    events = [event(n, time=n * 10) for n in (1, 2, 3)] + [event(4, subject="user_id:bo", claims=("user_id:ana",))]
    left = dropped(lake, seal(lake, events), Drop(subjects=("user_id:ana",), since=20, before=30))
    found = lake.history(["user_id:ana", "user_id:bo"], left)
    assert [(e.message_id, e.claims) for e in found] == [("m4", ("user_id:ana",)), ("m1", ()), ("m3", ())]


def test_facts_that_others_told_of_an_erased_identifier_are_emptied(lake: Lake) -> None:
    told = {"email": "Ana@Shop.example", "friends": ["ana@shop.example", "bo"], "note": "ana@shop.example wrote"}
    events = [event(1, subject="email:ana@shop.example"), event(2, subject="user_id:bo", traits=told)]
    left = dropped(lake, seal(lake, events), Drop(subjects=("email:ana@shop.example",)))
    (kept,) = lake.history(["user_id:bo"], left)
    assert kept.traits == {"email": "", "friends": ["", "bo"], "note": "… wrote"}


def test_texts_of_others_that_spell_an_erased_identifier_are_masked_where_it_stands(lake: Lake) -> None:
    note = {"note": "called for Ana@Shop.example, not joana@shop.example", "sum": 17, "of": "17"}
    context = {"page": {"url": "/find?who=ana@shop.example&x=1"}}
    events = [event(1, subject="user_id:bo", properties=note, context=context), event(2, subject="user_id:zoë")]
    done = lake.drop(seal(lake, events), [Drop(subjects=("email:ana@shop.example", "user_id:17"))])
    (kept,) = lake.history(["user_id:bo"], done.parts)
    assert kept.properties == note | {"note": "called for …, not joana@shop.example"}
    assert kept.context == {"page": {"url": "/find?who=…&x=1"}}
    assert (done.removed, done.changed) == (0, 1)


def test_a_part_of_many_rows_is_searched_to_its_end_for_who_is_named(lake: Lake) -> None:
    others = [event(number, subject=f"user_id:u{number:05}") for number in range(3_000)]
    telling = event(3_000, subject="user_id:zoë", claims=("user_id:ana",))
    (part,) = seal(lake, [*others, telling])
    done = lake.drop([part], [Drop(subjects=("user_id:ana",))])
    assert (done.replaced, done.removed, done.changed) == ([part.file], 0, 1)
    assert [e.claims for e in lake.history(["user_id:zoë"], done.parts)] == [()]


def test_events_of_a_name_expire_for_everybody(lake: Lake) -> None:
    events = [event(1, time=10), event(2, time=30, subject="user_id:bo"), event(3, time=10, name="Order Completed")]
    left = dropped(lake, seal(lake, events), Drop(names=("Product Viewed",), before=20))
    assert [e.message_id for e in lake.history(["user_id:ana", "user_id:bo"], left)] == ["m3", "m2"]


def test_all_events_but_some_expire_for_everybody(lake: Lake) -> None:
    events = [event(1, time=10), event(2, time=30), event(3, time=10, name="Order Completed")]
    left = dropped(lake, seal(lake, events), Drop(except_names=("Order Completed",), before=20))
    assert [e.message_id for e in lake.history(["user_id:ana"], left)] == ["m3", "m2"]


def test_decisions_expire_and_events_of_the_same_time_stay(lake: Lake) -> None:
    listed = seal(lake, [event(1, time=DAY_MS)]) + lake.seal_decisions([decision(1, "user_id:ana")], days=[1])
    left = dropped(lake, listed, Drop(before=2 * DAY_MS, kind=DECISION_PART))
    assert [part.kind for part in left] == [EVENT_PART]


def test_a_part_of_erased_rows_only_leaves_nothing(lake: Lake) -> None:
    assert dropped(lake, seal(lake, [event(1)]), Drop(subjects=("user_id:ana",))) == []


def decision(number: int, anchor: str) -> LoggedDecision:
    record = DecisionRecord(
        id=f"d{number}", time=DAY_MS, profile=number, anchor=anchor, seed=2**62, configuration="c", models="", offset=3,
        hot=b"\x93", riding=[], chosen=[("home.hero", 0, 0.5, False, ["p1"])],
        candidates=[[(0, 0.5), (2, 0.5)]], gates=b"\0\1\0",
    )  # fmt: skip
    return LoggedDecision(40 + number, record)


def test_decisions_lie_in_parts_of_their_own_and_are_erased_with_their_profile(lake: Lake) -> None:
    parts = lake.seal_decisions([decision(1, "user_id:ana"), decision(2, "user_id:bo")], days=[1, 1])
    assert [(part.kind, part.rows, part.first, part.last) for part in parts] == [("decision", 2, 41, 42)]
    assert lake.history(["user_id:ana"], parts) == []
    (left,) = dropped(lake, parts, Drop(subjects=("user_id:ana",)))
    assert (left.rows, left.first) == (1, 42)


def test_the_newest_decisions_of_an_anchor_come_page_by_page(lake: Lake) -> None:
    days = [1, 2, 3]
    made = [decision(day, "user_id:ana") for day in days] + [decision(9, "user_id:bo")]
    timed = [
        LoggedDecision(one.offset, msgspec.structs.replace(one.record, time=day * DAY_MS))
        for one, day in zip(made, [*days, 3], strict=True)
    ]
    parts = lake.seal_decisions(timed, days=[*days, 3])
    first = lake.decisions(["user_id:ana"], parts, limit=2)
    assert [one.id for one in first] == ["d3", "d2"]
    assert first[0].chosen == [("home.hero", 0, 0.5, False, ["p1"])]
    rest = lake.decisions(["user_id:ana"], parts, limit=2, before=first[-1].time)
    assert [one.id for one in rest] == ["d1"]


def test_sweeping_removes_what_is_not_listed_and_nothing_else(lake: Lake) -> None:
    listed, dropped = seal(lake, [event(1)]), seal(lake, [event(2)])
    assert lake.sweep(listed) == [dropped[0].file]
    assert lake.sweep(listed) == []
    assert lake.history(["user_id:ana"], listed) == [event(1)]


def test_a_damaged_or_missing_part_is_reported_by_name(lake: Lake, tmp_path: Path) -> None:
    damaged, missing, whole = (seal(lake, [event(n)])[0] for n in range(3))
    path = tmp_path / "lake" / damaged.file
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))
    (tmp_path / "lake" / missing.file).unlink()
    faults = lake.verify([damaged, missing, whole])
    assert [fault.split()[0] for fault in faults] == [damaged.file, missing.file]
    assert "damaged" in faults[0]
    assert "missing" in faults[1]


def test_an_unknown_query_names_those_that_exist(lake: Lake) -> None:
    with pytest.raises(Rejected, match=r"no query 'evnts'; choose one of events_per_day"):
        lake.query("evnts", [])
    with pytest.raises(Rejected, match="takes no argument 'sinze'; it takes since, until"):
        lake.query("events_per_day", [], {"sinze": 1})
