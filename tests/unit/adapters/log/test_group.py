"""Group commit: many waiters, few commits; nobody waits for ever and a failure reaches those it concerns."""

import asyncio
import threading
import time
from collections.abc import Sequence

import pytest

from regulars.adapters.log.group import GroupCommit
from regulars.adapters.log.memory import MemoryLog
from regulars.core.errors import Unavailable
from regulars.core.log import EVENTS, NewRecord


def event(body: bytes = b"{}") -> NewRecord:
    return NewRecord(EVENTS, "web", "track", 0, body)


class SlowLog(MemoryLog):
    """Counts commits; each waits for the gate. Fails as told, and always on the body b"poison"."""

    def __init__(self) -> None:
        super().__init__()
        self.entered = threading.Event()
        self.gate = threading.Event()
        self.gate.set()
        self.groups: list[int] = []
        self.full = False

    def append(self, records: Sequence[NewRecord]) -> int:
        self.entered.set()
        self.gate.wait()
        if self.full:
            raise Unavailable("the disk is full; free space")
        if any(r.body == b"poison" for r in records):
            raise ValueError("poison")
        self.groups.append(len(records))
        return super().append(records)


async def until(condition: "asyncio.Future[int]") -> int:
    return await asyncio.wait_for(condition, timeout=10)


def test_every_waiter_gets_the_offset_of_its_own_record() -> None:
    async def scenario() -> None:
        log = MemoryLog()
        group = GroupCommit(log)

        async def client(name: int) -> None:
            for turn in range(50):
                body = f"{name} {turn}".encode()
                offset = await until(group.append(event(body)))
                assert log.get([offset])[offset].body == body
                if turn % 7 == 0:
                    await asyncio.sleep(0)

        await asyncio.gather(*(client(name) for name in range(40)))
        await group.close()
        assert log.head() == 2000

    asyncio.run(scenario())


def test_the_patient_share_one_commit_that_comes_by_itself() -> None:
    async def scenario() -> None:
        log = SlowLog()
        group = GroupCommit(log)
        log.gate.clear()
        first = group.append(event())
        await asyncio.to_thread(log.entered.wait, 10)
        several = [group.append_many([event()], patient=True) for _ in range(7)]
        log.gate.set()
        assert [await until(one) for one in (first, *several)] == list(range(1, 9))
        await group.close()
        assert log.groups == [1, 7]

    asyncio.run(scenario())


def test_the_patient_go_with_the_first_that_is_not_and_with_the_end() -> None:
    async def scenario() -> None:
        log = SlowLog()
        group = GroupCommit(log, patience=3600)
        patient = group.append_many([event()] * 2, patient=True)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.shield(patient), timeout=0.02)
        assert group.backlog() == (2, 4)
        assert await until(group.append(event())) == 3
        assert await until(patient) == 2
        last = group.append_many([event()], patient=True)
        await group.close()
        assert await until(last) == 4
        assert log.groups == [3, 1]

    asyncio.run(scenario())


def test_what_arrives_during_a_commit_shares_the_next_one() -> None:
    async def scenario() -> None:
        log = SlowLog()
        group = GroupCommit(log)
        log.gate.clear()
        first = group.append(event())
        await asyncio.to_thread(log.entered.wait)
        rest = [group.append(event()) for _ in range(100)]
        log.gate.set()
        assert await asyncio.gather(*map(until, [first, *rest])) == list(range(1, 102))
        assert log.groups == [1, 100]
        await group.close()

    asyncio.run(scenario())


def test_records_appended_together_stand_together() -> None:
    async def scenario() -> None:
        log = MemoryLog()
        group = GroupCommit(log, group_records=8)
        lasts = await asyncio.gather(*(until(group.append_many([event(b"%d" % n)] * 5)) for n in range(20)))
        assert lasts == list(range(5, 101, 5))
        assert [r.body for r in log.read(0)][:6] == [b"0"] * 5 + [b"1"]
        with pytest.raises(ValueError, match="at least one"):
            await until(group.append_many([]))
        await group.close()

    asyncio.run(scenario())


def test_too_much_waiting_is_refused_at_once_and_taken_again_later() -> None:
    async def scenario() -> None:
        log = SlowLog()
        group = GroupCommit(log, max_bytes=1000, max_records=10)
        log.gate.clear()
        waiting = [group.append(event(bytes(300))) for _ in range(3)]
        with pytest.raises(Unavailable, match=r"3 records .900 bytes. wait for the disk"):
            await until(group.append(event(bytes(300))))
        waiting += [group.append(event(b"")) for _ in range(7)]
        with pytest.raises(Unavailable, match="at most 10"):
            await until(group.append(event(b"")))
        log.gate.set()
        await asyncio.gather(*map(until, waiting))
        assert group.backlog() == (0, 0)
        # A single record above the limit is taken when nothing else waits.
        assert await until(group.append(event(bytes(5000)))) == 11
        await group.close()

    asyncio.run(scenario())


def test_a_full_disk_reaches_the_waiters_of_that_group_alone() -> None:
    async def scenario() -> None:
        log = SlowLog()
        group = GroupCommit(log)
        log.full = True
        failed = await asyncio.gather(*(until(group.append(event())) for _ in range(5)), return_exceptions=True)
        assert [str(f) for f in failed] == ["the disk is full; free space"] * 5
        assert len({id(f) for f in failed}) == 5
        log.full = False
        assert await until(group.append(event())) == 1
        await group.close()

    asyncio.run(scenario())


def test_a_record_that_cannot_be_stored_fails_alone() -> None:
    async def scenario() -> None:
        log = SlowLog()
        group = GroupCommit(log)
        log.gate.clear()
        bodies = [b"a", b"poison", b"b", b"poison", b"c"]
        waiting = [group.append(event(body)) for body in bodies]
        log.gate.set()
        answers = await asyncio.gather(*map(until, waiting), return_exceptions=True)
        assert [a if isinstance(a, int) else type(a) for a in answers] == [1, ValueError, 2, ValueError, 3]
        await group.close()

    asyncio.run(scenario())


def test_a_caller_who_goes_away_does_not_hold_up_the_others() -> None:
    async def scenario() -> None:
        log = SlowLog()
        group = GroupCommit(log)
        log.gate.clear()
        gone, stays = group.append(event()), group.append(event())
        gone.cancel()
        log.gate.set()
        assert await until(stays) == 2
        await group.close()

    asyncio.run(scenario())


def test_closing_writes_what_waits_and_takes_no_more() -> None:
    async def scenario() -> None:
        log = SlowLog()
        group = GroupCommit(log, group_records=10)
        log.gate.clear()
        waiting = [group.append(event()) for _ in range(95)]
        closing = asyncio.create_task(group.close())
        await asyncio.sleep(0)
        with pytest.raises(Unavailable, match="closing"):
            await until(group.append(event()))
        log.gate.set()
        await closing
        assert [f.result() for f in waiting] == list(range(1, 96))
        assert max(log.groups) == 10

    asyncio.run(scenario())


def test_no_wake_up_is_lost_between_many_pauses() -> None:
    async def scenario() -> None:
        group = GroupCommit(MemoryLog())
        for turn in range(300):
            await until(group.append(event()))
            if turn % 3 == 0:
                await asyncio.sleep(0.0005)
        began = time.monotonic()
        await group.close()
        assert time.monotonic() - began < 5

    asyncio.run(scenario())


def test_who_hands_in_is_told_and_a_defect_of_one_leaves_no_other_untold() -> None:
    async def scenario() -> None:
        log = SlowLog()
        group = GroupCommit(log)
        seen: list[object] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, told: seen.append(str(told["exception"])))
        told: list[int | Exception] = []

        def fails(_: int | Exception) -> None:
            raise ValueError("a defect")

        log.gate.clear()
        group.hand_in(event(), fails)
        for body in (b"poison", b"{}"):
            group.hand_in(event(body), told.append)
        log.gate.set()
        assert await until(group.append(event())) == 3
        assert seen == ["a defect"]
        assert [str(answer) for answer in told] == ["poison", "2"]
        await group.close()

    asyncio.run(scenario())
