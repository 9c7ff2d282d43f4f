"""What `regulars import` shows: the kinds, how far it is, what the first rows would be, what became of the file."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import click
import msgspec
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from regulars.importing import KINDS, Given, Imported
from regulars.importing.job import Told
from regulars.importing.preview import Preview
from regulars.runtime.processes import INPUT

#: The kind that says what was on air when somebody called: it may come after the calls.
PROGRAMME = "programme"
#: Bad rows that are shown; seconds between two lines where nobody watches a bar.
SHOWN, QUIET_SECONDS = 20, 10.0


def kinds_told() -> str:
    """The kinds with an example each, as the help shows them."""
    lines = [f"  {kind.name:14} {kind.title}\n{'':17}regulars import my-shop {kind.example}" for kind in KINDS.values()]
    return "\b\nKinds:\n" + "\n".join(lines)


@contextmanager
def bar(name: str, total: int) -> Iterator[Told]:
    """Rows a second, the share that is done, and the time that is left; a line now and then where no terminal is."""
    began = time.monotonic()
    if not sys.stderr.isatty():
        yield _Lines(name, total, began).told
        return
    columns = (
        TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[speed]}"),
        TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=Console(stderr=True)) as shown:
        task = shown.add_task(name, total=total, speed="")

        def told(done: int, result: Imported) -> None:
            shown.update(task, completed=done, speed=_speed(result, began))

        yield told


class _Lines:
    """The same in lines."""

    def __init__(self, name: str, total: int, began: float) -> None:
        self._name, self._total, self._began = name, total, began
        self._last = began

    def told(self, done: int, result: Imported) -> None:
        """A line, where the last one is some time ago."""
        now = time.monotonic()
        if now - self._last < QUIET_SECONDS:
            return
        self._last = now
        share = done / self._total if self._total else 1.0
        left = (now - self._began) * (1 - share) / share if share else 0.0
        click.echo(f"{self._name}: {share:.0%}, {_speed(result, self._began)}, {left:.0f} s left", err=True)


def _speed(result: Imported, began: float) -> str:
    return f"{result.rows / max(time.monotonic() - began, 1e-6):,.0f} rows/s"


def show_preview(found: Preview) -> int:
    """The first rows as they would be; the exit code."""
    for call in found.calls:
        said = msgspec.json.format(msgspec.json.encode(call.payload), indent=2).decode()
        click.echo(f"line {call.line}: {said}")
    click.echo(f"{found.rows} rows looked at; nothing was imported")
    for column, field in found.used.items():
        click.echo(f"  {column} -> {field}")
    if found.kept:
        click.echo(f"kept under their own name: {', '.join(found.kept)}")
    if found.unused:
        click.echo(f"not used: {', '.join(found.unused)}")
    wrong = [str(one) for one in found.bad]
    wrong += [f"line {one.line}: expected {one.expected}, got {one.got}" for one in found.broken]
    _show_wrong(wrong, len(wrong))
    return INPUT if wrong else 0


def show_result(given: Given, result: Imported, gone: int | None) -> None:
    """What became of the file."""
    earlier = f", {result.skipped} were sent by an earlier run" if result.skipped else ""
    noun = KINDS[given.kind].noun
    bad = f"{result.bad} bad rows"
    click.echo(f"{given.name}: {result.rows} rows, {result.calls} {noun} imported{earlier}, {bad}")
    if gone is not None:
        click.echo(f"{gone} products that the file does not name are inactive now")
    if given.kind == PROGRAMME and result.calls:
        click.echo(
            "calls and orders of before have it on every page; traits that look at it take it in by themselves a "
            "quarter of an hour after the last entry, or at once with `regulars replay --again`"
        )
    _show_wrong(result.mistakes, result.bad)
    if result.kept and KINDS[given.kind].into == "events":
        click.echo(
            "they wait as failed events: `regulars failed list` shows them; or mend the file and import it again",
            err=True,
        )
    elif result.bad:
        click.echo("mend these rows and import the file again; what is in already counts once", err=True)


def _show_wrong(mistakes: list[str], count: int) -> None:
    for mistake in mistakes[:SHOWN]:
        click.echo(f"  {mistake}", err=True)
    if count > SHOWN:
        click.echo(f"  and {count - SHOWN} more", err=True)
