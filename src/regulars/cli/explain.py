"""`regulars explain`."""

from pathlib import Path

import click

from regulars.cli._options import SHOP
from regulars.shop import explain, load


@click.command()
@SHOP
@click.option("--language", default="en", show_default=True, help="Of titles.")
def command(shop: Path, language: str) -> None:
    """Say on one page what a shop folder defines."""
    click.echo(explain(load(shop), language))
