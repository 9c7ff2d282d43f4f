"""`regulars check`."""

from pathlib import Path

import click

from regulars.cli._options import SHOP
from regulars.runtime.processes import INPUT
from regulars.shop import check


@click.command()
@SHOP
def command(shop: Path) -> int:
    """List every mistake of a shop folder at once, with file, line, key and a suggestion."""
    mistakes = check(shop)
    for mistake in mistakes:
        click.echo(str(mistake))
    count = "1 mistake" if len(mistakes) == 1 else f"{len(mistakes)} mistakes"
    click.echo(f"{shop}: {count if mistakes else 'no mistake'}", err=bool(mistakes))
    return INPUT if mistakes else 0
