"""`regulars import`."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from regulars.api.keys import Keys
from regulars.cli._import import bar, kinds_told, show_preview, show_result
from regulars.cli._options import DATA, SHOP, settings_of
from regulars.core.definitions import Definitions, Source
from regulars.core.errors import Rejected
from regulars.importing import KINDS, Given, HttpSink, Imported, Journal, LocalSink, Sink, recognised, run_import
from regulars.importing.fetching import fetched, is_address, shown
from regulars.importing.files import FORMATS, columns_of, format_of, total_of
from regulars.importing.job import retire
from regulars.importing.mapping import Mapping, guessed, read_mapping
from regulars.importing.preview import preview
from regulars.importing.products import Seen
from regulars.runtime import Settings
from regulars.runtime.build import prepare
from regulars.runtime.folder import DataFolder, holder, lock, open_folder
from regulars.runtime.processes import INPUT
from regulars.runtime.status import read_status
from regulars.shop import load

STOPPED = 130


@click.command(epilog=kinds_told())
@SHOP
@click.argument("file")
@click.option("--kind", type=click.Choice(tuple(KINDS)), help="What a row is; by default what the columns say.")
@click.option("--format", "file_format", type=click.Choice(FORMATS), help="By default what the file's name says.")
@click.option("--map", "columns", multiple=True, metavar="COLUMN=FIELD", help="Which field a column fills.")
@click.option("--mapping", type=click.Path(path_type=Path), help="A TOML file that says what --map and --set say.")
@click.option(
    "--set", "options", multiple=True, metavar="NAME=VALUE", help="An option of the kind, or encoding=cp1252."
)
@click.option("--dry-run", is_flag=True, help="Show the first rows as they would be, and the columns not used.")
@click.option("--guess", is_flag=True, help="Print a mapping file to begin with.")
@click.option("--complete", is_flag=True, help="The file holds all products: others become inactive.")
@click.option("--force", is_flag=True, help="With --complete: also when more than half of them would become inactive.")
@click.option(
    "--key", envvar="REGULARS_KEY", help="A server key; also in REGULARS_KEY. Not needed while no server runs."
)
@click.option("--url", help="Another server than the one of this folder.")
@click.option("--again", is_flag=True, help="Send everything, also what an earlier run has sent; it still counts once.")
@DATA
def command(  # noqa: PLR0913 - the options of an import
    *,
    shop: Path,
    file: str,
    kind: str | None,
    file_format: str | None,
    columns: tuple[str, ...],
    mapping: Path | None,
    options: tuple[str, ...],
    dry_run: bool,
    guess: bool,
    complete: bool,
    force: bool,
    key: str | None,
    url: str | None,
    again: bool,
    data: Path | None,
) -> int:
    """Import a file of the shop: products, stock, orders, receipts, customers, events and others.

    FILE is a path or an http(s) address: CSV, TSV, NDJSON, JSON, XML feeds or Parquet, packed with gzip or zip or not.
    A stopped import goes on where it was, and what is sent twice counts once.
    """
    settings = settings_of(shop, data)
    definitions = load(settings.shop)
    said = read_mapping(mapping) if mapping is not None else Mapping()
    with _local(file, settings) as path:
        given = _given(path, file, kind, file_format, said)
        given = _with_pairs(given, columns, options)
        if guess:
            click.echo(guessed(KINDS[given.kind], columns_of(given), Path(file).name), nl=False)
            return 0
        if dry_run:
            return show_preview(preview(given, definitions))
        if complete and KINDS[given.kind].into != "products":
            raise Rejected(
                "--complete is for files of products", field="--complete", expected="products", got=given.kind
            )
        with _sink(settings, definitions, key, url) as sink:
            journal = Journal(settings.data / "imports", given)
            if again:
                journal.note(0)
            result = Imported(seen=Seen() if complete else None)
            try:
                with bar(given.name, total_of(given)) as told:
                    run_import(given, definitions, sink, journal=journal, told=told, into=result)
            except KeyboardInterrupt:
                click.echo(
                    f"stopped after {result.rows} rows; what is in stays, and the same command goes on", err=True
                )
                return STOPPED
            gone = retire(result, sink, force=force) if complete else None
    show_result(given, result, gone)
    return INPUT if result.bad else 0


@contextmanager
def _local(file: str, settings: Settings) -> Iterator[Path]:
    """The file here; one behind an address is fetched and forgotten again."""
    if is_address(file):
        with fetched(file, settings.data / "imports") as path:
            yield path
        return
    path = Path(file)
    if not path.is_file():
        raise Rejected(f"{file} is not a file", field="FILE", expected="a file", got=file)
    yield path


def _given(path: Path, file: str, kind: str | None, file_format: str | None, said: Mapping) -> Given:
    origin = shown(file) if is_address(file) else ""
    chosen = file_format or said.format or format_of(path, origin.rpartition("/")[2] or path.name)
    if chosen not in FORMATS:
        raise Rejected(f"there is no format {chosen!r}", field="format", expected=", ".join(FORMATS), got=chosen)
    given = Given(path=path, kind="", format=chosen, mapping=said.columns, options=said.set, origin=origin)
    named = kind or said.kind
    if not named:
        found = recognised(columns_of(given), said.columns, chosen, given.name)
        named = found.name
        click.echo(f"{given.name} holds {found.title} (--kind {found.name})", err=True)
    if named not in KINDS:
        raise Rejected(f"there is no import of {named!r}", field="kind", expected=", ".join(KINDS), got=named)
    return Given(path=path, kind=named, format=chosen, mapping=said.columns, options=said.set, origin=origin)


def _with_pairs(given: Given, columns: tuple[str, ...], options: tuple[str, ...]) -> Given:
    """What --map and --set say goes before what the mapping file says."""
    mapping = {**given.mapping, **_pairs(columns, "--map COLUMN=FIELD")}
    said = {**given.options, **_pairs(options, "--set NAME=VALUE")}
    known = {*KINDS[given.kind].options, "encoding"}
    if unknown := [name for name in said if name not in known]:
        raise Rejected(
            f"files of {given.kind} have no option {unknown[0]!r}",
            field="--set",
            expected=", ".join(sorted(known)),
            got=unknown[0],
        )
    return Given(
        path=given.path, kind=given.kind, format=given.format, mapping=mapping, options=said, origin=given.origin
    )


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
