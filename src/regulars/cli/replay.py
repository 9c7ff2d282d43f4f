"""`regulars replay`."""

import base64
import time
from pathlib import Path

import click
import httpx
import msgspec
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from regulars.api.access import operator_key
from regulars.cli._options import DATA, SHOP, settings_of
from regulars.core.errors import Rejected, Unavailable
from regulars.flow.replay import progress_of
from regulars.runtime.build import existing_folder, read_state
from regulars.runtime.folder import holder
from regulars.runtime.status import read_status
from regulars.shop import load

_LOOK_SECONDS = 0.1


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
    folder = existing_folder(settings)
    if holder(folder) is None:
        raise Rejected(
            f"no server runs on {folder.root}; `regulars serve {shop}` builds changed records by itself when it starts",
            field="SHOP",
            expected="a running server",
            got="none",
        )
    address = str(read_status(folder.status / "supervisor").get("address") or settings.address)
    body = {"definitions": base64.b64encode(msgspec.msgpack.encode(definitions)).decode(), "again": again}
    try:
        answer = httpx.post(f"{address}/v1/replay", json=body, auth=(operator_key(folder.secret()), ""), timeout=60)
    except httpx.TransportError as error:
        raise Unavailable(f"the server at {address} does not answer: {error}; try again") from error
    if answer.status_code != 200:
        raise Rejected(str(msgspec.json.decode(answer.content).get("detail", answer.text)))
    if not answer.json()["result"]["needed"]:
        click.echo("nothing to do: the records are built by these definitions; --again builds them all the same")
        return
    reader = read_state(folder)
    try:
        columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True)) as bar:
            task = bar.add_task("profiles", total=None)
            while (progress := progress_of(reader)).building:
                bar.update(task, completed=progress.done, total=progress.total or None, description=progress.phase)
                time.sleep(_LOOK_SECONDS)
    finally:
        reader.close()
    click.echo(f"{progress.total} profiles are built by definitions {definitions.record_version} and serve now")
