"""`regulars restore`."""

from pathlib import Path

import click
from rich.console import Console

from regulars.runtime.backup import restore


@click.command()
@click.argument("backup", type=click.Path(path_type=Path))
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--data", type=click.Path(path_type=Path), help="Where the data goes; by default FOLDER/data.")
@click.option(
    "--erasures", multiple=True, type=click.Path(path_type=Path),
    help="A data folder, or its erasures/ledger.jsonl: whoever it names is erased again. May be given several times.",
)  # fmt: skip
def command(*, backup: Path, folder: Path, data: Path | None, erasures: tuple[Path, ...]) -> None:
    """Put a backup back as a new shop folder, after checking every file of it.

    People who were erased after it was taken, as the ledgers say that are named or lie in the data folder, are erased
    again when the server starts, before it lets anybody in.
    """
    with Console(stderr=True).status("checking") as status:
        found = restore(backup, folder, data, status.update, erasures=erasures)
    click.echo(f"{folder} is as it was at record {found.folded}; next: regulars serve {folder}")
