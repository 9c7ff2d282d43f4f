"""`regulars replay`."""

import base64
import time
from pathlib import Path

import click
import msgspec
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from regulars.cli._options import DATA, SHOP, settings_of
from regulars.cli._server import ask
from regulars.flow.generation import LOOK_SECONDS
from regulars.flow.progress import progress_of
from regulars.runtime.build import existing_folder, read_state
from regulars.shop import load

_PAUSE_SECONDS = 0.1


@click.command()
@SHOP
@click.option("--again", is_flag=True, help="Also when no definition has changed.")
@DATA
def command(*, shop: Path, again: bool, data: Path | None) -> None:
    """Build every profile anew by the shop's edited traits, segments and events, while the shop stays open.

    The records that serve are kept until the new ones are complete; then one commit switches.
    """
    settings = settings_of(shop, data)
    definitions = load(settings.shop)
    body = {"definitions": base64.b64encode(msgspec.msgpack.encode(definitions)).decode(), "again": again}
    otherwise = f"`regulars serve {shop}` builds changed records by itself when it starts"
    answer = ask(settings, "/v1/replay", body, otherwise=otherwise)
    if answer["identity_changed"]:
        click.echo(
            "the rules of who is who (identity.toml) have changed: they hold for what comes from now on; "
            "`regulars identity apply` applies them to the past"
        )
    if not answer["needed"]:
        click.echo("nothing to do: the records are built by these definitions; --again builds them all the same")
        return
    reader = read_state(existing_folder(settings))
    try:
        columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True)) as bar:
            task = bar.add_task("profiles", total=None)
            while (progress := progress_of(reader)).building:
                bar.update(task, completed=progress.done, total=progress.total or None, description=progress.phase)
                time.sleep(_PAUSE_SECONDS)
        time.sleep(LOOK_SECONDS)  # from then on every reader has looked again and serves the new records
    finally:
        reader.close()
    click.echo(f"{progress.total} profiles are built by definitions {definitions.record_version} and serve now")
