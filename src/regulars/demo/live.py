"""The last four weeks of the demo as live traffic."""

import subprocess
import time
from datetime import datetime
from pathlib import Path

import msgspec
from rich.console import Console

from regulars.core.definitions import Definitions
from regulars.demo.complete_journey import CompleteJourney, Day, consent_shares, instant
from regulars.demo.marker import Marker, write
from regulars.importing.sinks import HttpSink
from regulars.runtime import Settings

#: The example's server key, published with it.
KEY = "sk_demo_importer"
LIVE_DAYS = 28


def replay(
    journey: CompleteJourney,
    definitions: Definitions,
    settings: Settings,
    marker: Marker,
    marker_file: Path,
    *,
    speed: float,
    console: Console,
    server: "subprocess.Popen[bytes]",
) -> None:
    """The last four weeks as live traffic, `speed` shop days a minute."""
    sink = HttpSink(settings.address, KEY)
    console.print(f"replaying the last four weeks as live traffic, {speed:g} days a minute; Ctrl+C ends")
    pace = 60 / speed / 24  # seconds an hour of the shop takes
    for number, day in enumerate(journey.days(consent_shares(definitions))):
        if number < max(marker.days, 366 - LIVE_DAYS):
            continue
        hours = _by_hour(day)
        for hour in range(24):
            if server.poll() is not None:
                return
            due = time.monotonic() + pace
            sink.clock(instant(day) + hour * 3_600_000)
            calls = hours.get(hour, [])
            for begin in range(0, len(calls), 20):
                sink.events(b'{"batch":[' + b",".join(calls[begin : begin + 20]) + b"]}")
                time.sleep(max(0.0, pace / max(len(calls) / 20, 1) * 0.8))
            time.sleep(max(0.0, due - time.monotonic()))
        marker.days = number + 1
        write(marker_file, marker)
        console.print(f"{day.date:%A %d %B %Y}: {len(day.calls):,} events")
    console.print("the year is over; the shop stays open")


class _Stamp(msgspec.Struct):
    timestamp: str


def _by_hour(day: Day) -> dict[int, list[bytes]]:
    decoder = msgspec.json.Decoder(_Stamp)
    hours: dict[int, list[bytes]] = {}
    start = instant(day)
    for call in day.calls:
        at = msgspec.convert(decoder.decode(call).timestamp, datetime).timestamp() * 1000
        hours.setdefault(min(max(int((at - start) // 3_600_000), 0), 23), []).append(call)
    return hours
