"""`regulars import`."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from regulars.api.keys import Keys
from regulars.cli._options import DATA, SHOP, settings_of
from regulars.core.definitions import Definitions, Source
from regulars.core.errors import Rejected
from regulars.importing import KINDS, Given, HttpSink, LocalSink, Sink, noun_of, run_import
from regulars.importing.files import FORMATS, format_of, total_of
from regulars.importing.job import Journal
from regulars.runtime import Settings
from regulars.runtime.build import prepare
from regulars.runtime.folder import DataFolder, holder, lock, open_folder
from regulars.runtime.processes import INPUT
from regulars.runtime.status import read_status
from regulars.shop import load

SHOWN = 20


@click.command()
@SHOP
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--kind", type=click.Choice(KINDS), required=True, help="What a row of the file is.")
@click.option("--format", "file_format", type=click.Choice(FORMATS), help="By default what the file's name says.")
@click.option("--map", "mapping", multiple=True, metavar="COLUMN=FIELD", help="Which field a column fills.")
@click.option("--set", "options", multiple=True, metavar="NAME=VALUE", help="An option of the kind.")
@click.option(
    "--key", envvar="REGULARS_KEY", help="A server key; also in REGULARS_KEY. Not needed while no server runs."
)
@click.option("--url", help="Another server than the one of this folder.")
@click.option("--again", is_flag=True, help="Send everything, also what an earlier run has sent; it still counts once.")
@DATA
def command(  # noqa: PLR0913 - the options of an import
    *,
    shop: Path,
    file: Path,
    kind: str,
    file_format: str | None,
    mapping: tuple[str, ...],
    options: tuple[str, ...],
    key: str | None,
    url: str | None,
    again: bool,
    data: Path | None,
) -> int:
    """Import orders, order lines, events, products or customers from CSV, NDJSON or Parquet.

    A stopped import goes on where it was, and what is sent twice counts once.
    """
    settings = settings_of(shop, data)
    definitions = load(settings.shop)
    if not file.is_file():
        raise Rejected(f"{file} is not a file", field="FILE", expected="a file", got=str(file))
    chosen = file_format or format_of(file)
    columns, said = _pairs(mapping, "--map COLUMN=FIELD"), _pairs(options, "--set NAME=VALUE")
    given = Given(path=file, kind=kind, format=chosen, mapping=columns, options=said)
    with _sink(settings, definitions, key, url) as sink, _bar(file, total_of(file, chosen)) as bar:
        journal = Journal(settings.data / "imports", given)
        if again:
            journal.note(0)
        result = run_import(
            given,
            definitions,
            sink,
            journal=journal,
            progress=lambda done: bar.update(bar.task_ids[0], completed=done),
        )
    earlier = f", {result.skipped} were sent by an earlier run" if result.skipped else ""
    click.echo(f"{file}: {result.rows} rows, {result.calls} {noun_of(kind)} imported{earlier}, {result.bad} bad rows")
    for mistake in result.mistakes[:SHOWN]:
        click.echo(f"  {mistake}", err=True)
    if result.bad > SHOWN:
        click.echo(f"  and {result.bad - SHOWN} more", err=True)
    if result.bad:
        click.echo("mend these rows and import the file again; what is in already counts once", err=True)
    return INPUT if result.bad else 0


@contextmanager
def _sink(settings: Settings, definitions: Definitions, key: str | None, url: str | None) -> Iterator[Sink]:
    """The running server, or this process when none runs."""
    folder = DataFolder(settings.data)
    held = None
    sink: Sink
    if url is not None or holder(folder) is not None:
        if not key:
            raise Rejected(
                "the server is running; give a server key with --key or in REGULARS_KEY",
                field="--key",
                expected="a server key with scope collect",
                got="nothing",
            )
        address = url or str(read_status(folder.status / "supervisor").get("address") or settings.address)
        sink = HttpSink(address, key)
    else:
        held = lock(open_folder(settings.data), f"an import (process {os.getpid()})")
        folder = prepare(settings)
        sink = LocalSink(settings, folder, definitions, _source(definitions, key))
    try:
        yield sink
    finally:
        sink.close()
        if held is not None:
            os.close(held)


def _source(definitions: Definitions, key: str | None) -> Source:
    """The source that imported events come from."""
    found = Keys(definitions.sources).source(key) if key else None
    servers = [source for source in definitions.sources if source.kind == "server"]
    if key and found is None:
        raise Rejected("the key belongs to no source of sources.toml", field="--key", expected="a server key")
    if found is None and not servers:
        raise Rejected(
            "no source of the shop is a server, and only servers may import; add one to sources.toml",
            field="sources.toml",
            expected='a source with kind = "server"',
            got="browsers only",
        )
    return found if found is not None else servers[-1]


def _pairs(pairs: tuple[str, ...], written: str) -> dict[str, str]:
    option, _, expected = written.partition(" ")
    for pair in pairs:
        if "=" not in pair:
            raise Rejected(f"{option} {pair!r}: expected {expected}", field=option, expected=expected, got=pair)
    return dict(pair.split("=", 1) for pair in pairs)


@contextmanager
def _bar(file: Path, total: int) -> Iterator[Progress]:
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        bar.add_task(file.name, total=total)
        yield bar
