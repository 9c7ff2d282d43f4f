"""`regulars init`."""

from pathlib import Path

import click

from regulars.shop import init


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--name", help="The shop's name; by default the folder's.")
@click.option("--currency", default="EUR", show_default=True)
@click.option("--time-zone", default="Europe/Berlin", show_default=True)
def command(folder: Path, name: str | None, currency: str, time_zone: str) -> None:
    """Make the folder of a new shop, with fresh keys."""
    made = init(folder, name or folder.absolute().name, currency=currency, time_zone=time_zone)
    click.echo(f"{made.folder} holds a shop: {', '.join(made.files)}")
    click.echo(f"  write key of the web shop (public)     {made.write_key}")
    click.echo(f"  server key, shown this once, keep it   {made.server_key}")
    click.echo(f"next: regulars serve {made.folder}")
    click.echo(f"the web shop's pages: regulars snippet {made.folder}")
