"""What every log keeps: offsets in order, all or nothing, nothing read that was not stored."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regulars.adapters.log.appending import FileLog
from regulars.adapters.log.memory import MemoryLog
from regulars.adapters.log.sqlite import SqliteLog
from regulars.core.errors import Unavailable
from regulars.core.log import EVENTS, TICK, Log, NewRecord, Record

#: Another log joins the suite with one line: how to open it in a folder, with room for about so many bytes.
LOGS: dict[str, Callable[[Path, int | None], Log]] = {
    "memory": lambda _, room: MemoryLog(max_bytes=room),
    "sqlite": lambda folder, room: SqliteLog(folder / "log.db", max_bytes=room),
    "files": lambda folder, room: FileLog(folder / "log", max_bytes=room, file_bytes=20_000),
}
DURABLE = ("sqlite", "files")


@pytest.fixture(params=LOGS)
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Log]:
    opened = LOGS[request.param](tmp_path, None)
    yield opened
    opened.close()


def event(number: int, size: int = 20) -> NewRecord:
    return NewRecord(EVENTS, "web", "track", 1_700_000_000_000 + number, str(number).encode().ljust(size, b"."))


def test_a_new_log_is_empty(log: Log) -> None:
    assert (log.head(), log.first(), log.oldest_time(), log.read(0)) == (0, 1, None, [])


def test_offsets_grow_by_one_from_one(log: Log) -> None:
    assert log.append([event(1)]) == 1
    assert log.append([event(2), event(3)]) == 3
    assert log.append([]) == 3
    assert [r.offset for r in log.read(0)] == [1, 2, 3]
    assert (log.head(), log.first(), log.oldest_time()) == (3, 1, 1_700_000_000_001)


def test_a_record_comes_back_as_it_was_given(log: Log) -> None:
    body = bytes(range(256)) * 4
    log.append([NewRecord(TICK, "", "", -5, b""), NewRecord(EVENTS, "Läden/1", "import", 2**60, body)])
    assert log.read(0) == [Record(1, TICK, "", "", -5, b""), Record(2, EVENTS, "Läden/1", "import", 2**60, body)]


def test_signs_of_the_sender_come_back_with_their_record_and_outlive_another_body(log: Log) -> None:
    plain, seen = event(1), NewRecord(EVENTS, "web", "track", 1, b"body", "data_centre,bare")
    log.append([plain, seen])
    assert [r.signs for r in log.read(0)] == ["", "data_centre,bare"]
    assert log.get([2])[2].signs == "data_centre,bare"
    log.rewrite({2: b"other"})
    assert log.get([2])[2] == Record(2, EVENTS, "web", "track", 1, b"other", "data_centre,bare")


def test_a_group_larger_than_one_statement_keeps_its_order(log: Log) -> None:
    assert log.append([event(n) for n in range(1, 1001)]) == 1000
    assert [int(r.body.rstrip(b".")) for r in log.read(0)] == list(range(1, 1001))


def test_a_body_of_four_megabytes_is_stored_whole(log: Log) -> None:
    log.append([event(1, 4_000_000), event(2)])
    large, small = log.read(0)
    assert len(large.body) == 4_000_000
    assert small.offset == 2


def test_reading_stops_at_the_number_and_at_the_size_but_gives_one(log: Log) -> None:
    log.append([event(n, 1000) for n in range(10)])
    assert [r.offset for r in log.read(3, records=2)] == [4, 5]
    assert [r.offset for r in log.read(0, size=2500)] == [1, 2, 3]
    assert [r.offset for r in log.read(9, size=1)] == [10]
    assert log.read(10) == []
    assert log.read(99) == []


def test_records_are_found_by_offset(log: Log) -> None:
    log.append([event(n) for n in range(5)])
    log.trim(3)
    assert sorted(log.get([1, 2, 3, 5, 6, 5])) == [3, 5]


def test_what_is_trimmed_is_gone_and_its_offset_is_not_given_again(log: Log) -> None:
    log.append([event(n) for n in range(1, 11)])
    assert log.trim(4) == 3
    assert log.trim(4) == 0
    assert (log.first(), log.head(), log.oldest_time()) == (4, 10, 1_700_000_000_004)
    assert log.trim(1000) == 7
    assert (log.first(), log.head(), log.oldest_time(), log.read(0)) == (11, 10, None, [])
    assert log.append([event(11)]) == 11
    assert [r.offset for r in log.read(0)] == [11]


def test_the_body_of_a_record_can_be_erased(log: Log) -> None:
    log.append([event(n, 5000) for n in range(1, 6)])
    log.trim(2)
    assert log.rewrite({1: b"gone", 3: b"[]", 5: b"", 6: b"never"}) == 2
    assert [len(r.body) for r in log.read(0)] == [5000, 2, 5000, 0]
    assert log.read(2)[0] == Record(3, EVENTS, "web", "track", 1_700_000_000_003, b"[]")
    assert log.append([event(6)]) == 6


def test_size_counts_what_is_kept(log: Log) -> None:
    log.append([event(n, 10_000) for n in range(100)])
    assert log.size() >= 1_000_000


@pytest.mark.parametrize("name", LOGS)
def test_a_full_log_refuses_the_group_whole_and_takes_more_once_there_is_space(name: str, tmp_path: Path) -> None:
    log = LOGS[name](tmp_path, 2_000_000)

    def fill() -> None:
        for n in range(1000):
            log.append([event(3 * n + i, 10_000) for i in range(3)])

    with pytest.raises(Unavailable, match=r"no space left|is full"):
        fill()
    head = log.head()
    assert head % 3 == 0
    assert len(log.read(0, size=10**9)) == head
    with pytest.raises(Unavailable):
        log.append([event(n, 100_000) for n in range(30)])
    assert log.trim(head // 2) > 0
    assert log.append([event(1, 10_000)]) == head + 1
    assert log.read(head)[0].offset == head + 1
    log.close()


@pytest.mark.parametrize("name", DURABLE)
def test_a_log_goes_on_after_it_was_opened_again(name: str, tmp_path: Path) -> None:
    log = LOGS[name](tmp_path, None)
    log.append([event(1), event(2)])
    log.close()
    log = LOGS[name](tmp_path, None)
    assert log.head() == 2
    log.trim(100)
    log.close()
    log = LOGS[name](tmp_path, None)
    assert (log.first(), log.head()) == (3, 2)
    assert log.append([event(3)]) == 3
    log.close()


OPERATIONS = st.lists(st.tuples(st.sampled_from(["append", "trim", "reopen"]), st.integers(0, 40)), max_size=25)


@pytest.mark.parametrize("name", LOGS)
@given(operations=OPERATIONS)
def test_any_order_of_appends_and_trims_gives_what_a_list_gives(
    name: str, tmp_path_factory: pytest.TempPathFactory, operations: list[tuple[str, int]]
) -> None:
    folder = tmp_path_factory.mktemp("log")
    log = LOGS[name](folder, None)
    kept: list[int] = []
    head = 0
    for operation, number in operations:
        if operation == "append":
            kept += range(head + 1, head + number % 7 + 1)
            head += number % 7
            assert log.append([event(n) for n in range(number % 7)]) == head
        elif operation == "trim":
            before = len(kept)
            kept = [offset for offset in kept if offset >= number]
            assert log.trim(number) == before - len(kept)
        elif name in DURABLE:
            log.close()
            log = LOGS[name](folder, None)
        assert [r.offset for r in log.read(0)] == kept
        assert (log.head(), log.first()) == (head, kept[0] if kept else head + 1)
    log.close()
