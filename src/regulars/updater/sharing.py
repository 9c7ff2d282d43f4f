"""Work on all files of a large lake, shared out to two processes.

Threads of one process hardly help: of small Parquet files most is looked up and put together by Python, and that by one
thread at a time.
"""

import os
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from regulars.analyst.client import AnalystClient
from regulars.core.lake import Drop, Dropped
from regulars.core.state import MANIFEST, StateReader

T = TypeVar("T")
#: The number of a share, from 0, and of how many.
Share = tuple[int, int]

#: Fewer parts are through before another process has started.
WORTH_ANOTHER = 1_000
PROCESSES = min(2, os.cpu_count() or 1)
#: More than processes: each takes the next share when it is through with one, and the second has to start first.
SHARES = 8


class Pair:
    """An analyst and, where the lake is large, a twin beside it: from the first work that is shared out to `close`."""

    def __init__(self, state: StateReader, analyst: AnalystClient) -> None:
        self._state = state
        self._analyst = analyst
        self._twin: AnalystClient | None = None

    def drop(self, drops: Sequence[Drop]) -> Dropped:
        """Take rows out of every part of the lake; as `AnalystClient.drop`."""
        done = self.shared(lambda one, share: one.drop(drops, share=share))
        return Dropped(
            parts=[part for one in done for part in one.parts],
            replaced=[file for one in done for file in one.replaced],
            removed=sum(one.removed for one in done),
            changed=sum(one.changed for one in done),
            written={file: groups for one in done for file, groups in one.written.items()},
            searched=sum(one.searched for one in done),
            passed=sum(one.passed for one in done),
        )

    def shared(self, work: Callable[[AnalystClient, Share], T]) -> list[T]:
        """The results of all shares, in no order; `work` asks a child for one of them."""
        if PROCESSES == 1 or len(self._state.select(MANIFEST, limit=WORTH_ANOTHER)) < WORTH_ANOTHER:
            return [work(self._analyst, (0, 1))]
        left = deque(range(SHARES))

        def through(one: AnalystClient) -> list[T]:
            done: list[T] = []
            while left:
                try:
                    number = left.popleft()
                except IndexError:  # the other has just taken the last
                    break
                done.append(work(one, (number, SHARES)))
            return done

        twin = self._twin = self._twin or self._analyst.twin()
        with ThreadPoolExecutor(1, thread_name_prefix="twin") as thread:
            beside = thread.submit(through, twin)
            try:
                own = through(self._analyst)
            except BaseException:
                left.clear()
                self.close()  # amid a share whose result nobody will use
                raise
            return own + beside.result()

    def close(self) -> None:
        """End the twin."""
        if self._twin is not None:
            self._twin.close()
            self._twin = None
