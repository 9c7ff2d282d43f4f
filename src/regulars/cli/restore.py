"""`regulars restore`."""

from pathlib import Path

import click
from rich.console import Console

from regulars.runtime.backup import restore


@click.command()
@click.argument("backup", type=click.Path(path_type=Path))
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--data", type=click.Path(path_type=Path), help="Where the data goes; by default FOLDER/data.")
def command(backup: Path, folder: Path, data: Path | None) -> None:
    """Put a backup back as a new shop folder, after checking every file of it."""
    with Console(stderr=True).status("checking") as status:
        found = restore(backup, folder, data, status.update)
    click.echo(f"{folder} is as it was at record {found.folded}; next: regulars serve {folder}")
