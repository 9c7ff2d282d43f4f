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

#: Fewer parts are through before another process has started.
WORTH_ANOTHER = 1_000
PROCESSES = min(2, os.cpu_count() or 1)
#: More than processes: each takes the next share when it is through with one, and the second has to start first.
SHARES = 8


def drop(state: StateReader, analyst: AnalystClient, drops: Sequence[Drop]) -> Dropped:
    """Take rows out of every part of the lake; as `AnalystClient.drop`."""
    done = shared(state, analyst, lambda one, share: one.drop(drops, share=share))
    return Dropped(
        parts=[part for one in done for part in one.parts],
        replaced=[file for one in done for file in one.replaced],
        removed=sum(one.removed for one in done),
        changed=sum(one.changed for one in done),
        written={file: groups for one in done for file, groups in one.written.items()},
        searched=sum(one.searched for one in done),
        passed=sum(one.passed for one in done),
    )


def shared(state: StateReader, analyst: AnalystClient, work: Callable[[AnalystClient, tuple[int, int]], T]) -> list[T]:
    """The results of all shares, in no order; `work` asks a child for one of them, given as (number, of so many)."""
    if PROCESSES == 1 or len(state.select(MANIFEST, limit=WORTH_ANOTHER)) < WORTH_ANOTHER:
        return [work(analyst, (0, 1))]
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

    twin = analyst.twin()
    try:
        with ThreadPoolExecutor(1, thread_name_prefix="twin") as thread:
            beside = thread.submit(through, twin)
            try:
                own = through(analyst)
            except BaseException:
                left.clear()
                twin.close()  # amid a share whose result nobody will use
                raise
            return own + beside.result()
    finally:
        twin.close()
