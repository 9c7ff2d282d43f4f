"""How many events a second the updater folds at 1,000,000 profiles, on two cores.

What is timed is the whole updater: reading the log, decoding 20 events a record, the tracking plan of 60 events,
de-duplication, identity, consent, 30 traits, 100 segments, and one transaction with an fsync for each batch, in a
database larger than its page cache. Events are appended to the log between the timed rounds, each with an id, a person
and a time of its own and at least 600 bytes. Two shapes: *session*, where somebody's five events come in one body as
browsers and apps send them, and *uniform*, where every event is of somebody else. Profiles are drawn at random from the
1,000,000; of 100 sessions 4 end with an order. The updater folds as behind a backlog, with its second process; a first
round, in which that starts and caches fill, is not timed. `--processes 1` holds one process on one core, its checkpoint
thread included; processor time is that of both processes.

`--plan N` says what the plan's validation is of that: N events stand in it, 60 or more, and the same events are checked
against what the plan says of their properties, and against a plan that says nothing of them.
"""

import argparse
import os
import random
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # a script finds its neighbours, wherever it is started

from benchmarks import fixture as made
from benchmarks.fixture_shop import PRODUCTS
from benchmarks.report import emit
from regulars.adapters.log.appending import FileLog
from regulars.adapters.sqlite import file_bytes
from regulars.adapters.state.sqlite import CACHE_BYTES, SqliteState
from regulars.collect import Decoder
from regulars.collect.plan import Plan
from regulars.core.definitions import Definitions
from regulars.core.event import Event
from regulars.core.log import EVENTS, NewRecord, Record
from regulars.core.state import Changes
from regulars.flow.updater import Updater
from regulars.runtime.processes import Collecting
from regulars.updater.beside import Beside

BUDGETS = {
    "session_events_per_second": ">= 30000",
    "uniform_events_per_second": ">= 15000",
    "smallest_event_bytes": ">= 600",
}
WARM_EVENTS, ROUND_EVENTS = 40_000, 150_000
BODY_EVENTS = 20
SESSION_EVENTS = 5
_AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36"
_PAGE = "https://shop.example/catalogue/garden/garden-a/article-in-a-few-words"


class Traffic:
    """Bodies of 20 events without end."""

    def __init__(self, *, session_events: int, seed: int) -> None:
        self._session = session_events
        self._chance = random.Random(seed)
        self._number = 0
        self.smallest = sys.maxsize

    def records(self, events: int) -> Iterator[NewRecord]:
        """Records with about that many events."""
        for _ in range(events // BODY_EVENTS):
            visitors = self._chance.random() < made.VISITORS / made.PROFILES
            calls: list[bytes] = []
            while len(calls) < BODY_EVENTS:
                calls += self._visit(visitors)
            body = b'{"batch":[' + b",".join(calls) + b"]}"
            at = made.NOW + self._number
            yield NewRecord(EVENTS, "web" if visitors else "shop", "batch", at, body)

    def _visit(self, visitors: bool) -> list[bytes]:  # noqa: FBT001
        chance = self._chance
        number = chance.randrange(made.VISITORS) if visitors else chance.randrange(made.VISITORS, made.PROFILES)
        calls = [self._call(number, *self._step(step, number)) for step in range(self._session)]
        self.smallest = min(self.smallest, *map(len, calls))
        return calls

    def _step(self, step: int, number: int) -> tuple[str, dict[str, Any]]:
        chance = self._chance
        draw = chance.random()
        article = made.product(chance.randrange(PRODUCTS))
        if self._session == 1:
            step = int(draw * SESSION_EVENTS)
            draw = chance.random()
        if step == 0:
            return "Product List Viewed", {"list_id": f"l{number % 300}", "category": article["category"]}
        if step == SESSION_EVENTS - 1 and draw < 0.04:
            lines = [{**made.product(chance.randrange(PRODUCTS)), "quantity": 1} for _ in range(3)]
            total = round(sum(line["price"] for line in lines), 2)
            told = {"order_id": f"n{self._number}", "total": total, "currency": "EUR", "products": lines}
            return "Order Completed", told
        if step == SESSION_EVENTS - 1 and draw < 0.3:
            return "Product Added", {**article, "quantity": 1}
        if step == 1 and draw < 0.3:
            return "Products Searched", {"query": f"term {number % 997}"}
        return "Product Viewed", {**article, "url": _PAGE}

    def _call(self, number: int, name: str, properties: dict[str, Any]) -> bytes:
        self._number += 1
        seconds = self._number / 1000
        call = {
            "type": "track", "event": name, "messageId": f"fold-{self._chance.getrandbits(64):016x}-{self._number}",
            "anonymousId": made.device(number), "properties": properties,
            "timestamp": f"2026-11-02T{11 + int(seconds // 3600) % 12:02}:{int(seconds // 60) % 60:02}:"
            f"{seconds % 60:06.3f}Z",
            "context": {
                "library": {"name": "regulars.js", "version": "1.0.0"}, "userAgent": _AGENT, "locale": "de-DE",
                "page": {"path": "/catalogue/garden", "url": _PAGE, "title": "Garden: everything for outside"},
                "screen": {"width": 1920, "height": 1080}, "timezone": "Europe/Berlin",
            },
        }  # fmt: skip
        user = made.user(number)
        if user is not None:
            call["userId"] = user
        return msgspec.json.encode(call)


class Measured:
    """What a shape gave."""

    def __init__(self) -> None:
        self.events = 0
        self.seconds = 0.0
        self.cpu_seconds = 0.0
        self.commits: list[float] = []
        self.written = 0

    def figures(self, shape: str) -> dict[str, float]:
        """The figures of a shape."""
        commits = sorted(self.commits)
        return {
            f"{shape}_events_per_second": self.events / self.seconds,
            f"{shape}_events_per_cpu_second": self.events / self.cpu_seconds,
            f"{shape}_events": self.events,
            f"{shape}_seconds": self.seconds,
            f"{shape}_events_per_batch": self.events / len(commits),
            f"{shape}_commit_p50_ms": 1000 * commits[len(commits) // 2],
            f"{shape}_commit_p99_ms": 1000 * commits[min(len(commits) - 1, int(len(commits) * 0.99))],
            f"{shape}_bytes_written_per_event": self.written / self.events,
        }


def measure(definitions: Definitions, data: Path, traffic: Traffic, seconds: float, processes: int) -> Measured:
    """Fold rounds of traffic for that long."""
    measured = Measured()
    log, state = FileLog(data / "log"), SqliteState(data / "state.db")
    timed(state, measured.commits)
    helper = Beside(data) if processes > 1 else None
    updater = Updater(definitions, log, state, beside=helper)
    collecting = Collecting()  # as in the updater's process
    try:
        _append(log, traffic.records(WARM_EVENTS))
        if helper is not None:
            while not helper.ready():
                time.sleep(0.05)
        updater.run()
        measured.commits.clear()
        while measured.seconds < seconds:
            _append(log, traffic.records(ROUND_EVENTS))
            written, events = _written(), updater.events
            began, cpu = time.perf_counter(), _processor_seconds(helper)
            updater.run()
            collecting.between()
            measured.seconds += time.perf_counter() - began
            measured.cpu_seconds += _processor_seconds(helper) - cpu
            measured.events += updater.events - events
            measured.written += _written() - written
            log.trim(updater.offset + 1)  # as when everything is sealed
    finally:
        if helper is not None:
            helper.close()
        state.close()
        log.close()
    return measured


def _append(log: FileLog, records: Iterable[NewRecord]) -> None:
    waiting = list(records)
    for start in range(0, len(waiting), 250):
        log.append(waiting[start : start + 250])


def _processor_seconds(helper: Beside | None) -> float:
    """What this process and the one beside it have used so far."""
    beside = 0.0
    if helper is not None and helper.pid is not None:
        times = psutil.Process(helper.pid).cpu_times()
        beside = times.user + times.system
    return time.process_time() + beside


def with_plan(definitions: Definitions, events: int) -> Definitions:
    """The definitions with so many events in the plan; those that are added have the rules of the others."""
    held = definitions.events
    if events < len(held):
        raise SystemExit(f"--plan {events}: the shop has {len(held)} events; say {len(held)} or more")
    more = (msgspec.structs.replace(held[n % len(held)], name=f"Further Event {n}") for n in range(events - len(held)))
    return msgspec.structs.replace(definitions, events=(*held, *more))


def validation(definitions: Definitions, seconds: float) -> dict[str, float]:
    """What validating costs: processor time of the plan over decoded events, less that of a plan without rules."""
    bare = tuple(msgspec.structs.replace(event, schema={}) for event in definitions.events)
    plans = (Plan(definitions.events, strict=True), Plan(bare, strict=True))
    decoder = Decoder(definitions)
    waiting = enumerate(Traffic(session_events=SESSION_EVENTS, seed=7).records(40_000), 1)
    began = time.process_time()
    decoded = [one for n, new in waiting for one in decoder.decode(Record(n, *msgspec.structs.astuple(new)))]
    told = [(event.name, event.properties) for event in decoded if isinstance(event, Event)]
    decoding = time.process_time() - began
    spent, rounds, until = [0.0, 0.0], 0, time.process_time() + seconds
    while time.process_time() < until:
        for which in (0, 1, 1, 0):
            failure, began = plans[which].failure, time.process_time()
            for name, properties in told:
                failure(name, properties)
            spent[which] += time.process_time() - began
        rounds += 2
    each = 1e6 / (rounds * len(told))
    return {
        "plan_events": len(definitions.events),
        "made_and_decoded_us_per_event": decoding / len(told) * 1e6,
        "validation_us_per_event": (spent[0] - spent[1]) * each,
    }


def timed(state: SqliteState, durations: list[float]) -> None:
    """Note how long each commit takes; seconds."""
    commit: Callable[..., None] = state.commit

    def noted(
        changes: Changes,
        *,
        meta: Any = None,
        before: Iterable[Changes] = (),
        meanwhile: Iterable[object] = (),
    ) -> None:
        elsewhere = 0.0  # what is folded in between is no part of a commit

        def shares() -> Iterator[Changes]:
            nonlocal elsewhere
            found = iter(before)
            while True:
                began = time.perf_counter()
                some = next(found, None)
                elsewhere += time.perf_counter() - began
                if some is None:
                    return
                yield some

        began = time.perf_counter()
        commit(changes, meta=meta, before=shares(), meanwhile=meanwhile)
        durations.append(time.perf_counter() - began - elsewhere)

    state.commit = noted  # type: ignore[method-assign]


def _written() -> int:
    """Bytes that this process has handed over in write calls; where the system does not tell, 0."""
    try:
        lines = Path("/proc/self/io").read_text().splitlines()
    except OSError:
        return 0
    return next(int(line.split()[1]) for line in lines if line.startswith("wchar"))


def main() -> int:
    """Both shapes, on fresh copies of the fixture."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="8 s of each shape instead of 40")
    parser.add_argument("--shape", choices=("session", "uniform"), help="only this one; the figures of the other miss")
    parser.add_argument("--plan", type=int, metavar="N", help="events of the plan, and what validating costs")
    parser.add_argument("--processes", type=int, choices=(1, 2), default=2, help="1: the updater alone, on one core")
    options = parser.parse_args()
    shop = made.fixture()
    definitions = shop.definitions if options.plan is None else with_plan(shop.definitions, options.plan)
    if options.processes == 1 and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    figures: dict[str, float] = {"profiles": made.PROFILES, "cache_mb": CACHE_BYTES / 1e6}
    smallest = sys.maxsize
    for shape, events in (("session", SESSION_EVENTS), ("uniform", 1)):
        if options.shape not in (None, shape):
            continue
        with shop.copied() as data:
            figures["database_mb"] = file_bytes(data / "state.db")["database"] / 1e6
            traffic = Traffic(session_events=events, seed=events)
            measured = measure(definitions, data, traffic, 8 if options.quick else 40, options.processes)
            figures |= measured.figures(shape)
            smallest = min(smallest, traffic.smallest)
    figures["smallest_event_bytes"] = smallest
    if options.plan is not None:
        figures |= validation(definitions, 4 if options.quick else 20)
    return 0 if emit("fold", figures, BUDGETS) else 1


if __name__ == "__main__":
    sys.exit(main())
