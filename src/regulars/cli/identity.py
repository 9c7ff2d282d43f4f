"""`regulars identity`: who is who."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from regulars.cli import _identity_plan, _whois
from regulars.cli._options import DATA, SHOP, settings_of
from regulars.cli._server import ask
from regulars.runtime.build import existing_folder, read_state
from regulars.shop import load

_BATCH = 100  # links or proposals of one command
_STEPS = {
    "reading": "reading customers",
    "rules": "choosing what to compare",
    "frequency": "how frequent doubles are",
    "chance": "how often chance agrees",
    "learning": "how one person's records agree",
    "pairs": "comparing pairs",
    "evidence": "weighing evidence",
}


@click.group()
def command() -> None:
    """Who is who: why identifiers are one person, taking a person apart, finding records of one person."""


@command.command("link")
@SHOP
@click.option("--dry-run", is_flag=True, help="Say what would be linked and shown, and change nothing.")
@DATA
def link(*, shop: Path, dry_run: bool, data: Path | None) -> None:
    """Find customers who are one person by their names, addresses, birth dates, e-mails and phones.

    Pairs above the threshold `automatic` of identity.toml become links, those above `review` go before staff on the
    console's page "Possible duplicates". Every link can be taken back. The server must run, unless --dry-run.
    """
    from regulars.analyst.linking.job import run

    settings = settings_of(shop, data)
    definitions = load(settings.shop)
    state = read_state(existing_folder(settings))
    try:
        with _bar() as progress:
            found = run(state, definitions, progress=progress)
    finally:
        state.close()
    click.echo(f"{found.customers} customers compared{_without(found.without_consent)}")
    if dry_run:
        click.echo(f"would link {len(found.links)} pairs and show {len(found.proposals)} to staff")
    else:
        stand = 0
        for some in _batches(found.links):
            told = ask(settings, "/v1/identity/links", {"links": some, "reason": "found by likeness"})
            stand += sum(one["status"] == "stands" for one in told["links"])
        for some in _batches(found.proposals):
            ask(settings, "/v1/identity/proposals", {"proposals": msgspec.to_builtins(some)})
        refused = len(found.links) - stand
        click.echo(f"{stand} pairs linked" + (f", {refused} links refused by the rules of identity" if refused else ""))
        click.echo(f"{len(found.proposals)} pairs shown to staff on the page Possible duplicates")
    if found.apart:
        click.echo(
            f"{found.apart} pairs left alone: together they would have more identifiers of a type than one person may"
        )
    if found.answered:
        click.echo(f"{found.answered} pairs left alone: staff have said no, and nothing has changed since")


def _without(number: int) -> str:
    return f", {number} left out because they do not allow the purpose of linking" if number else ""


def _batches(found: Sequence[Any]) -> Iterator[list[Any]]:
    for start in range(0, len(found), _BATCH):
        yield list(found[start : start + _BATCH])


@contextmanager
def _bar() -> Iterator[Any]:
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("reading customers", total=None)

        def progress(what: str, done: int, total: int) -> None:
            bar.update(task, description=_STEPS[what], completed=done, total=total)

        yield progress


for _one in (*_whois.COMMANDS, _identity_plan.command, _identity_plan.apply):
    command.add_command(_one)
