"""Machines told from people: precision and recall on made-up devices whose truth is known.

Run: python benchmarks/machines.py [--devices N]
"""

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # a script finds its neighbours, wherever it is started

from benchmarks.machine_traffic import KINDS, devices
from benchmarks.report import emit
from regulars.collect.machines import kind_of_agent
from regulars.core.definitions import Definitions, Shop, Source
from regulars.core.event import Event
from regulars.core.machine import is_machine
from regulars.core.record import Hot
from regulars.flow.machines import Judge, with_hindsight

BUDGETS = {
    "precision": ">= 0.99", "recall": ">= 0.9", "people_taken_for_machines": "<= 0.005",
    "events_recall_later": ">= 0.9", "microseconds_per_event": "<= 10",
}  # fmt: skip


def main() -> int:
    """Judge the devices and tell how often that was right."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--devices", type=int, default=200, help="of each kind")
    asked.add_argument("--quick", action="store_true", help="40 of each kind")
    given = asked.parse_args()
    web = Source(id="web", kind="browser", write_key="wk")
    judge = Judge(Definitions(shop=Shop(name="B", currency="EUR", time_zone="Europe/Berlin"), sources=(web,)))
    found = {kind: 0 for kind, _, _ in KINDS}
    count = 40 if given.quick else given.devices
    events = people_events = machine_events = at_once = later = 0
    spent = 0.0
    for device in devices(count):
        judged, seconds = _judged(judge, device.events)
        spent += seconds
        events += len(judged)
        marked = sum(map(is_machine, judged))
        found[device.kind] += marked > 0
        if device.machine:
            with_hindsight(judged)
            machine_events, at_once = machine_events + len(judged), at_once + marked
            later += sum(map(is_machine, judged))
        else:
            people_events += len(judged)
    machines = sum(found[kind] for kind, machine, _ in KINDS if machine)
    people = sum(found[kind] for kind, machine, _ in KINDS if not machine)
    figures = {
        "devices": float(count * len(KINDS)), "events": float(events),
        "precision": machines / max(machines + people, 1),
        "recall": machines / (count * sum(machine for _, machine, _ in KINDS)),
        "people_taken_for_machines": people / (count * sum(not machine for _, machine, _ in KINDS)),
        "events_recall_at_once": at_once / machine_events, "events_recall_later": later / machine_events,
        **{f"found_{kind}": found[kind] / count for kind in found},
        "microseconds_per_event": spent / events * 1e6, "microseconds_per_new_agent": _agents(),
    }  # fmt: skip
    return 0 if emit("machines", figures, BUDGETS) else 1


def _judged(judge: Judge, events: list[Event]) -> tuple[list[Event], float]:
    hot = Hot("a", 0, 0, 0, [], {}, [], {}, 0, "v")
    began = time.process_time()
    result = list(judge.judge(hot, events, {}))
    return result, time.process_time() - began


def _agents() -> float:
    """What a name costs that was never heard."""
    names = [f"Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/140.0.{at}.0 Safari/537.36" for at in range(500)]
    began = time.process_time()
    for name in names:
        kind_of_agent(name)
    return (time.process_time() - began) / len(names) * 1e6


if __name__ == "__main__":
    sys.exit(main())
