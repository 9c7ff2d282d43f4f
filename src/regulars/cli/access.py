"""`regulars access`."""

from pathlib import Path

import click

from regulars.cli._options import DATA, SHOP, settings_of
from regulars.cli._server import fetch


@click.command()
@SHOP
@click.argument("identifier")
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), required=True, help="The file to write; it must be new."
)
@click.option("--html", "readable", is_flag=True, help="A page to read instead of JSON.")
@click.option("--language", default="", help="de or en; else the shop's first.")
@DATA
def command(shop: Path, identifier: str, out: Path, *, readable: bool, language: str, data: Path | None) -> None:
    """Write everything that the shop knows about a person to a file. IDENTIFIER is type:value. Needs a server."""
    settings = settings_of(shop, data)
    query = {"format": "html" if readable else "json", "language": language}
    size = fetch(settings, "/v1/privacy/access/", identifier, query, out)
    click.echo(f"{out}: {size} bytes")
