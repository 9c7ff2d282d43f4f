"""`regulars demo`: a real grocery chain's year, through the same door as live events, and then the shop is open."""

import contextlib
import os
import queue
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from regulars.analyst.client import AnalystClient
from regulars.core.definitions import Definitions
from regulars.core.errors import Unavailable
from regulars.core.state import CHANGED, FOLDED, SEALED
from regulars.demo.complete_journey import CompleteJourney, Day, consent_shares, instant
from regulars.demo.live import KEY, LIVE_DAYS, replay
from regulars.demo.marker import Marker, begun, write
from regulars.importing.sinks import HttpSink
from regulars.runtime import Settings
from regulars.runtime.build import existing_folder, read_state
from regulars.shop import load

TRAINING = "regulars.analyst.training:train_recommendations"
_EVENTS = 1_000  # of one request
_BYTES = 3_000_000
_PRODUCTS = 5_000
_TICK_DAYS = 28  # while a year is imported the clock moves on monthly, and weekly in the last month
_START_SECONDS, _SETTLE_SECONDS = 30.0, 300.0


def run(
    settings: Settings, *, fresh: bool, live: bool, speed: float, console: Console, households: int | None = None
) -> int:
    """Import what is missing, train, serve until Ctrl+C; the exit code of the server."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background programs ignore it otherwise
    if fresh and settings.data.exists():
        shutil.rmtree(settings.data)
    definitions = load(settings.shop)
    marker_file = settings.data / "demo.json"
    marker = begun(marker_file, households)
    server = _start(settings, console)
    try:
        journey = None
        if marker.training is None or live:
            began = time.monotonic()
            journey = CompleteJourney(households=households)
            _load(journey, definitions, settings, marker, marker_file, live=live, console=console)
            _settle(settings, console)
            marker.training = _train(settings, definitions, console)
            write(marker_file, marker)
            console.print(f"[bold green]ready[/] after {time.monotonic() - began:.0f} s")
        _show(marker.training, console)
        _announce(settings, console)
        if live and journey is not None:
            replay(journey, definitions, settings, marker, marker_file, speed=speed, console=console, server=server)
        return server.wait()
    except KeyboardInterrupt:
        return 0
    finally:
        _stop(server)


# The server ----------------------------------------------------------------------------------------------------------


def _start(settings: Settings, console: Console) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "regulars", "serve", str(settings.shop), "--data", str(settings.data)]
    command += ["--host", settings.host, "--port", str(settings.port)]
    environment = {"REGULARS_SEAL_SECONDS": "20", "REGULARS_PROFILE_TABLE_SECONDS": "20", **os.environ}
    server = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, start_new_session=True)
    threading.Thread(target=_pass_on, args=(server, console), daemon=True).start()
    with console.status(f"starting gateway and updater on {settings.address}"):
        deadline = time.monotonic() + _START_SECONDS
        while not _is_ready(settings):
            if server.poll() is not None:
                raise Unavailable(f"the server did not start (exit code {server.returncode}); see the message above")
            if time.monotonic() > deadline:
                _stop(server)
                raise Unavailable(
                    f"the server was not ready after {_START_SECONDS:.0f} s; try again, or look at the log"
                )
            time.sleep(0.1)
    return server


def _pass_on(server: "subprocess.Popen[bytes]", console: Console) -> None:
    """The server's own addresses are told when everything is loaded; what it says once, at once."""
    assert server.stdout is not None  # noqa: S101 - asked for where it was started
    for line in server.stdout:
        if b"password" in line:
            console.print(line.decode().strip(), style="bold", highlight=False)


def _is_ready(settings: Settings) -> bool:
    try:
        return httpx.get(f"{settings.address}/ready", timeout=2).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False


def _stop(server: "subprocess.Popen[bytes]") -> None:
    if server.poll() is None:
        server.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(20)
    if server.poll() is None:
        server.kill()


# Import --------------------------------------------------------------------------------------------------------------


def _load(
    journey: CompleteJourney,
    definitions: Definitions,
    settings: Settings,
    marker: Marker,
    marker_file: Path,
    *,
    live: bool,
    console: Console,
) -> None:
    counts = journey.counts()
    console.print(
        f"Complete Journey: {counts.products:,} products, {counts.order_lines:,} order lines = {counts.orders:,} "
        f"orders of {counts.households:,} households in 2017, {counts.campaigns} campaigns with "
        f"{counts.targetings:,} targetings and {counts.redemptions:,} coupon redemptions"
    )
    shares = consent_shares(definitions)
    console.print(
        "Consent is not in the data and is made explicit: " + ", ".join(f"{p} {s:.0%}" for p, s in shares.items())
    )
    sink = HttpSink(settings.address, KEY)
    with _progress(console) as progress:
        if not marker.products:
            _load_products(journey, sink, progress)
            marker.products = True
            write(marker_file, marker)
        began = time.monotonic()
        lines = _load_days(journey, shares, sink, marker, marker_file, progress, total=counts.order_lines, live=live)
        _wait_folded(settings, progress)
        seconds = time.monotonic() - began
        if lines:
            speed = f"{lines / seconds:,.0f}/s end to end"
            progress.console.print(f"{lines:,} order lines imported and folded in {seconds:.0f} s: {speed}")
    sink.close()


def _load_products(journey: CompleteJourney, sink: HttpSink, progress: Progress) -> None:
    products = journey.products()
    task = progress.add_task("catalogue", total=len(products))
    for begin in range(0, len(products), _PRODUCTS):
        sink.products(products[begin : begin + _PRODUCTS])
        progress.update(task, completed=min(begin + _PRODUCTS, len(products)))


def _load_days(
    journey: CompleteJourney,
    shares: Mapping[str, float],
    sink: HttpSink,
    marker: Marker,
    marker_file: Path,
    progress: Progress,
    *,
    total: int,
    live: bool,
) -> int:
    """Post day after day; a day that was posted before an interruption is posted again and counts once.

    The order lines that were posted; some may wait to be folded.
    """
    task = progress.add_task("order lines", total=total)
    last = 366 - (LIVE_DAYS if live else 0)
    lines = posted = 0
    for number, day in enumerate(_ahead(journey.days(shares))):
        if number >= last:
            break
        lines += day.lines
        if number >= marker.days:
            if number % _TICK_DAYS == 0 or (number > last - _TICK_DAYS and number % 7 == 0) or number == last - 1:
                sink.clock(instant(day))
            for body in bodies(day.calls):
                sink.events(body)
            posted += day.lines
            marker.days = number + 1
            if number % 7 == 0:
                write(marker_file, marker)
        if number % 31 == 0 and not progress.console.is_terminal:
            progress.console.print(f"  {day.date:%d %b %Y}: {lines:,} of {total:,} order lines")
        progress.update(task, completed=lines, description=f"order lines {day.date:%d %b}")
    progress.update(task, total=lines)
    write(marker_file, marker)
    return posted


def _ahead(days: Iterator[Day], depth: int = 10) -> Iterator[Day]:
    """Translate in a thread while the door and the updater are at work."""
    waiting: queue.Queue[Day | None] = queue.Queue(depth)
    failures: list[BaseException] = []

    def produce() -> None:
        try:
            for day in days:
                waiting.put(day)
        except BaseException as error:  # noqa: BLE001 - raised again by the consumer
            failures.append(error)
        waiting.put(None)

    threading.Thread(target=produce, daemon=True).start()
    while (day := waiting.get()) is not None:
        yield day
    if failures:
        raise failures[0]


def bodies(calls: list[bytes]) -> Iterator[bytes]:
    """Requests of the route `import`: at most so many events and bytes each."""
    batch: list[bytes] = []
    size = 0
    for call in calls:
        if batch and (len(batch) >= _EVENTS or size + len(call) > _BYTES):
            yield b'{"batch":[' + b",".join(batch) + b"]}"
            batch, size = [], 0
        batch.append(call)
        size += len(call) + 1
    if batch:
        yield b'{"batch":[' + b",".join(batch) + b"]}"


def _wait_folded(settings: Settings, progress: Progress) -> None:
    waiting = lag = _lag(settings)
    task = progress.add_task("folding", total=max(waiting, 1))
    while lag > 0:
        time.sleep(0.1)
        lag = _lag(settings)
        progress.update(task, completed=max(waiting - lag, 0))
    progress.update(task, completed=max(waiting, 1))


def _lag(settings: Settings) -> int:
    lag: int = httpx.get(f"{settings.address}/ready", timeout=30).json()["lag"]["records"]
    return lag


def _settle(settings: Settings, console: Console) -> None:
    """Wait until the lake and the profile table hold everything."""
    state = read_state(existing_folder(settings))
    with console.status("sealing into the lake, writing the profile table"):
        deadline = time.monotonic() + _SETTLE_SECONDS
        while state.meta(SEALED) != state.meta(FOLDED) or state.select(CHANGED, limit=1):
            if time.monotonic() > deadline:
                raise Unavailable(
                    f"the lake was not up to date after {_SETTLE_SECONDS:.0f} s; start the demo again, it goes on here"
                )
            time.sleep(0.2)
    state.close()


# Training ------------------------------------------------------------------------------------------------------------


def _train(settings: Settings, definitions: Definitions, console: Console) -> dict[str, Any]:
    analyst = AnalystClient(settings.data, definitions, nice=0, threads=2)
    with console.status("training the recommendations, and trying them on four weeks that they have not seen"):
        try:
            figures: dict[str, Any] = analyst.train(TRAINING, {})
        finally:
            analyst.close()
    console.print(
        f"trained on {figures['lines']:,} lines of {figures['persons']:,} households in {figures['seconds']} s; "
        f"{figures['lines_without_consent']:,} lines of households that did not agree were left out"
    )
    return figures


def _show(figures: Mapping[str, Any] | None, console: Console) -> None:
    evaluation = (figures or {}).get("evaluation")
    if not evaluation:
        return
    k = evaluation["k"]
    table = Table(title=f"The next basket of {evaluation['cases']:,} households, in four weeks not seen in training")
    headings = ("recommender", f"hit rate at {k}", "95 % interval", f"precision at {k}", "95 % interval ")
    for number, heading in enumerate(headings):
        table.add_column(heading, justify="right" if number else "left")
    for name, row in evaluation["figures"].items():
        hit, precision = row["hit_rate"], row["precision"]
        table.add_row(
            name.replace("_", " "),
            f"{hit['mean']:.3f}",
            f"{hit['low']:.3f} to {hit['high']:.3f}",
            f"{precision['mean']:.4f}",
            f"{precision['low']:.4f} to {precision['high']:.4f}",
        )
    console.print(table)


# Small things --------------------------------------------------------------------------------------------------------


def _announce(settings: Settings, console: Console) -> None:
    console.print("\n[bold]The shop is open[/]")
    for name, path in (("console", "/console"), ("API", "/openapi.json"), ("docs", "/docs"), ("health", "/ready")):
        console.print(f"  {name:8} {settings.address}{path}")
    console.print("Ctrl+C ends it; `make demo` starts it again at once, `make demo ARGS=--fresh` begins anew.")


def _progress(console: Console) -> Progress:
    return Progress(
        SpinnerColumn(), TextColumn("{task.description:<34}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
        console=console,
    )  # fmt: skip
