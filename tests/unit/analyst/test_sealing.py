"""Exactly what folding admitted reaches the lake, however it is split."""

from pathlib import Path

import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings

from regulars.analyst import bookkeeping
from regulars.analyst.protocol import Compacted, Setup
from regulars.analyst.work import Workbench
from regulars.collect.device_clock import DEVICE
from regulars.core.decision import DecisionRecord
from regulars.core.errors import Unavailable
from regulars.core.event import Event
from regulars.core.lake import EVENT_PART
from regulars.core.state import SEALED, TIMED, VERDICT, Changes
from regulars.core.verdict import ADMITTED, DUPLICATE, FAILED, REFUSED, Verdict
from regulars.flow.timing import Found
from tests.unit.analyst.shops import DAY_MS, DECODER, DataFolder

SUBJECTS = ("user_id:ana", "user_id:bo")


def bench(folder: DataFolder) -> Workbench:
    return Workbench(folder.root, Setup(definitions=folder.definitions, decoder=DECODER))


def seal(folder: DataFolder, work: Workbench, *, until: int, limit: int = 50_000) -> int:
    done = work.seal(int(str(folder.state.meta(SEALED) or 0)), until, limit)
    changes, meta = bookkeeping.sealed(done)
    folder.state.commit(changes, meta=meta)
    return done.offset


def ids(work: Workbench) -> list[str]:
    return [event.message_id for event in work.history(SUBJECTS)]


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    return DataFolder(tmp_path / "data")


def row(name: str, *, day: int = 0, subject: str = "user_id:ana") -> tuple[str, str, int, str]:
    return (name, "Page Viewed", day * DAY_MS, subject)


def test_admitted_events_are_sealed_and_the_rest_is_not(folder: DataFolder) -> None:
    folder.receive([row("a"), row("b"), None, row("c"), row("d")])
    folder.tick()
    folder.fold([Verdict(1, bytes([ADMITTED, DUPLICATE, FAILED, REFUSED, ADMITTED]))], last=2)
    work = bench(folder)
    assert seal(folder, work, until=2) == 2
    assert ids(work) == ["a", "d"]
    assert folder.state.select(VERDICT) == []
    assert folder.state.meta(SEALED) == 2


def test_an_event_whose_time_was_corrected_lies_at_the_corrected_day(folder: DataFolder) -> None:
    folder.receive([row("a", day=400), row("b")])
    folder.fold([Verdict(1, bytes([ADMITTED, ADMITTED]))], last=1)
    changes = Changes()
    changes.put(TIMED, (1, msgspec.msgpack.encode({0: Found(3 * DAY_MS, 400 * DAY_MS, DEVICE)})))
    folder.state.commit(changes)
    work = bench(folder)
    seal(folder, work, until=1)
    assert [(event.message_id, event.time) for event in work.history(SUBJECTS)] == [("b", 0), ("a", 3 * DAY_MS)]
    assert {part.until for part in work.listed(EVENT_PART)} == {0, 3}


def test_an_event_that_a_late_consent_admits_is_sealed_with_the_record_that_brought_it(folder: DataFolder) -> None:
    folder.receive([row("a"), row("b")])
    folder.receive([row("c")])
    folder.fold([Verdict(1, bytes([REFUSED, ADMITTED]))], last=1)
    work = bench(folder)
    seal(folder, work, until=1)
    assert ids(work) == ["b"]
    folder.fold([Verdict(2, bytes([ADMITTED]), late=[(1, 0), (1, 0)])], last=2)
    seal(folder, work, until=2)
    assert ids(work) == ["a", "b", "c"]


def test_a_late_event_whose_record_is_gone_is_reported(folder: DataFolder) -> None:
    folder.receive([row("a")])
    folder.receive([row("b")])
    folder.log.trim(2)
    folder.fold([Verdict(2, bytes([ADMITTED]), late=[(1, 0)])], last=2)
    done = bench(folder).seal(1, 2, 100)
    assert (done.events, done.missing) == (1, [(1, 0)])


def test_a_log_that_was_cut_before_it_was_sealed_is_an_error(folder: DataFolder) -> None:
    folder.receive([row("a")])
    folder.receive([row("b")])
    folder.folds_all()
    folder.log.trim(2)
    with pytest.raises(Unavailable, match="begins at record 2, and record 1 is not sealed yet"):
        bench(folder).seal(0, 2, 100)


def test_a_folded_record_without_a_verdict_is_a_defect(folder: DataFolder) -> None:
    folder.receive([row("a")])
    folder.fold([], last=1)
    with pytest.raises(RuntimeError, match="log record 1 is folded and has no verdict"):
        bench(folder).seal(0, 1, 100)


def test_decisions_are_sealed_beside_the_events(folder: DataFolder) -> None:
    folder.receive([row("a")])
    folder.decide(
        DecisionRecord(
            id="d",
            time=DAY_MS,
            profile=1,
            anchor="user_id:ana",
            seed=1,
            configuration="c",
            models="",
            offset=0,
            hot=b"",
            riding=[],
            chosen=[],
            candidates=[],
            gates=b"",
        )
    )
    folder.folds_all()
    work = bench(folder)
    assert seal(folder, work, until=2) == 2
    assert [(part.kind, part.day, part.first) for part in work.listed()] == [("decision", 1, 2), ("event", 0, 1)]


CODES = st.sampled_from([ADMITTED, DUPLICATE, REFUSED])


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_sealed_then_read_is_what_was_admitted_whatever_the_split(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = DataFolder(tmp_path_factory.mktemp("shop"))
    work = bench(folder)
    expected: list[tuple[int, str]] = []
    refused: list[tuple[int, int, str, int]] = []
    number, sealed = 0, 0
    for _ in range(data.draw(st.integers(1, 4), label="batches")):
        verdicts = []
        for _ in range(data.draw(st.integers(1, 4), label="records")):
            days = data.draw(st.lists(st.integers(0, 40), max_size=4))
            rows = [row(f"m{number + n:03}", day=day, subject=SUBJECTS[(number + n) % 2]) for n, day in enumerate(days)]
            number += len(rows)
            offset = folder.receive(rows)
            codes = data.draw(st.lists(CODES, min_size=len(rows), max_size=len(rows)))
            comes_late: bool = data.draw(st.booleans())
            late = [refused.pop()] if refused and comes_late else []
            verdicts.append(Verdict(offset, bytes(codes), late=[(o, i) for o, i, _, _ in late]))
            expected += [(day, name) for _, _, name, day in late]
            for index, (code, (name, _, time, _)) in enumerate(zip(codes, rows, strict=True)):
                if code == ADMITTED:
                    expected.append((time, name))
                if code == REFUSED:
                    refused.append((offset, index, name, time))
        folder.fold(verdicts, last=folder.log.head())
        if data.draw(st.booleans(), label="seal"):
            limit = data.draw(st.integers(1, 6), label="limit")
            while sealed < folder.log.head():
                sealed = seal(folder, work, until=folder.log.head(), limit=limit)
            if data.draw(st.booleans(), label="compact"):
                parts = work.listed(EVENT_PART)
                new = work.lake.compact(parts)
                done = Compacted(new, [part.file for part in parts])
                folder.state.commit(bookkeeping.compacted(done))
    seal(folder, work, until=folder.log.head())
    found: list[Event] = work.history(SUBJECTS)
    assert [(event.time, event.message_id) for event in found] == sorted(expected)
    assert sum(part.rows for part in work.listed(EVENT_PART)) == len(expected)
    folder.close()
