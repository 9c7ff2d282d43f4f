"""`regulars backup`."""

from pathlib import Path

import click
from rich.console import Console

from regulars.cli._options import DATA, SHOP, settings_of
from regulars.runtime.backup import back_up


@click.command()
@SHOP
@click.argument("target", type=click.Path(path_type=Path))
@DATA
def command(shop: Path, target: Path, data: Path | None) -> None:
    """Copy shop and data to a new folder, while the server runs or not."""
    with Console(stderr=True).status("copying") as status:
        backup = back_up(settings_of(shop, data), target, status.update)
    size = sum(file.bytes for file in backup.files)
    waiting = backup.head - backup.folded
    tail = f"; {waiting} records are folded after a restore" if waiting else ""
    click.echo(f"{target}: {len(backup.files)} files, {size / 1e6:.1f} MB, folded up to record {backup.folded}{tail}")
