"""Group commit: whatever arrives while one fsync runs shares the next."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from functools import partial

from regulars.core.errors import Unavailable
from regulars.core.log import Log, NewRecord

#: Is told the last offset, or why there is none.
Told = Callable[[int | Exception], None]
Waiter = tuple[Told, Sequence[NewRecord], int]
#: How long records that nobody waits for may gather before they are written; seconds. At a thousand decisions a second
#: five share a transaction and its fsync, and the thread takes the interpreter from the event loop a fifth as often.
PATIENCE_SECONDS = 0.005


class GroupCommit:
    """Appends from one event loop to a log through one thread.

    At most `max_bytes` and `max_records` wait; beyond that an append fails at once, so that a slow disk is answered
    with "try again" and not with growing memory. A group takes at most `group_bytes` and `group_records`, but always
    one append. What is handed in as `patient` waits up to `patience` seconds for others, or goes with the next record
    that is not.
    """

    def __init__(
        self,
        log: Log,
        *,
        max_bytes: int = 64_000_000,
        max_records: int = 100_000,
        group_bytes: int = 16_000_000,
        group_records: int = 1024,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        self._log = log
        self._max_bytes = max_bytes
        self._max_records = max_records
        self._group_bytes = group_bytes
        self._group_records = group_records
        self._patience = patience
        self._loop = asyncio.get_running_loop()
        self._lock = threading.Lock()  # over the eight below
        self._waiting: list[Waiter] = []
        self._waiting_bytes = 0
        self._waiting_records = 0
        self._idle = False
        self._closing = False
        self._urgent = False  # something waits that must be written now
        self._timed = False  # a time is set at which what waits becomes urgent
        self._wake = threading.Lock()  # held, except between a wake-up and the thread's next turn
        self._wake.acquire()
        self._thread = threading.Thread(target=self._work, name="group commit", daemon=True)
        self._thread.start()

    def append(self, record: NewRecord) -> "asyncio.Future[int]":
        """The record's offset, once it is durable. Raises Unavailable at once when too much is waiting."""
        return self.append_many((record,))

    def hand_in(self, record: NewRecord, told: Told) -> None:
        """Append without a future: `told` is called on the loop. Raises as `append` does."""
        self._enqueue(told, (record,), len(record.body))

    def append_many(self, records: Sequence[NewRecord], *, patient: bool = False) -> "asyncio.Future[int]":
        """The last offset, once all are durable; the records stand side by side in the log.

        `patient` is for records whose sender is answered already: they may wait a few milliseconds for company.
        """
        if not records:
            raise ValueError("append_many needs at least one record")
        future: asyncio.Future[int] = self._loop.create_future()
        self._enqueue(partial(_resolve, future), records, sum(len(r.body) for r in records), patient=patient)
        return future

    def backlog(self) -> tuple[int, int]:
        """Records and bytes that wait or are being written."""
        return self._waiting_records, self._waiting_bytes

    async def close(self) -> None:
        """Take no more, write what waits, end the thread. The log stays open."""
        with self._lock:
            self._closing = self._urgent = True
            self._rouse()
        await asyncio.to_thread(self._thread.join)
        await asyncio.sleep(0)  # the last group's answers were handed to the loop; let them run

    def _enqueue(self, told: Told, records: Sequence[NewRecord], size: int, *, patient: bool = False) -> None:
        with self._lock:
            if self._closing:
                raise Unavailable("the log is closing; send the record again to the process that follows")
            full = (
                self._waiting_bytes + size > self._max_bytes or self._waiting_records + len(records) > self._max_records
            )
            if full and self._waiting_records:
                raise Unavailable(
                    f"{self._waiting_records} records ({self._waiting_bytes} bytes) wait for the disk, at most "
                    f"{self._max_records} ({self._max_bytes}) may; try again in a second"
                )
            self._waiting.append((told, records, size))
            self._waiting_bytes += size
            self._waiting_records += len(records)
            if not patient:
                self._urgent = True
                self._rouse()
            elif not (self._urgent or self._timed):
                self._timed = True
                self._loop.call_later(self._patience, self._waited_enough)

    def _waited_enough(self) -> None:
        """The patient have waited as long as they may."""
        with self._lock:
            self._timed = False
            if self._waiting:
                self._urgent = True
                self._rouse()

    def _rouse(self) -> None:
        """Wake the thread if it sleeps; under the lock, so that each sleep is ended once."""
        if self._idle:
            self._idle = False
            self._wake.release()

    def _take(self) -> list[Waiter]:
        """The next group, when something is urgent; under the lock."""
        if not self._urgent:
            return []
        size = count = taken = 0
        for _, records, length in self._waiting:
            if taken and (size + length > self._group_bytes or count + len(records) > self._group_records):
                break
            size += length
            count += len(records)
            taken += 1
        group, self._waiting = self._waiting[:taken], self._waiting[taken:]
        self._urgent = bool(self._waiting)
        return group

    def _work(self) -> None:
        while True:
            with self._lock:
                group = self._take()
                if not group:
                    if self._closing:
                        return
                    self._idle = True
            if not group:
                self._wake.acquire()
                continue
            answers = self._store(group)
            with self._lock:
                self._waiting_bytes -= sum(size for _, _, size in group)
                self._waiting_records -= sum(len(records) for _, records, _ in group)
            try:
                self._loop.call_soon_threadsafe(self._tell, group, answers)
            except RuntimeError:  # the loop is closed: nobody waits any more
                return

    def _store(self, group: list[Waiter]) -> "list[int | Exception]":
        """Append the group. When the reason to fail may be one record of it, each stands on its own."""
        try:
            last = self._log.append([record for _, records, _ in group for record in records])
        except Unavailable as error:
            return [Unavailable(str(error)) for _ in group]
        except Exception as error:  # noqa: BLE001 - a defect reaches the one whose record shows it
            if len(group) == 1:
                return [error]
            return [answer for waiter in group for answer in self._store([waiter])]
        answers: list[int | Exception] = []
        for _, records, _ in reversed(group):
            answers.append(last)
            last -= len(records)
        return answers[::-1]

    def _tell(self, group: list[Waiter], answers: "list[int | Exception]") -> None:
        for (told, _, _), answer in zip(group, answers, strict=True):
            try:
                told(answer)
            except Exception as error:  # noqa: BLE001 - a defect of one waiter leaves no other without its answer
                self._loop.call_exception_handler(
                    {"message": "a waiter of the group commit failed", "exception": error}
                )


def _resolve(future: "asyncio.Future[int]", answer: int | Exception) -> None:
    if future.done():  # the caller went away; the record is stored all the same
        return
    if isinstance(answer, int):
        future.set_result(answer)
    else:
        future.set_exception(answer)
