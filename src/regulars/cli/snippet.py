"""`regulars snippet`."""

from pathlib import Path

import click

from regulars.cli._options import SHOP
from regulars.core.errors import Rejected
from regulars.sdk import snippet
from regulars.shop import load


@click.command()
@SHOP
@click.option("--source", help="The browser source whose key is used; by default the only one.")
@click.option("--host", default="http://127.0.0.1:8765", show_default=True, help="Where browsers reach the server.")
def command(shop: Path, source: str | None, host: str) -> None:
    """Print the lines that load the browser SDK, for the head of every page."""
    found = [one for one in load(shop).sources if one.kind == "browser" and source in (None, one.id)]
    if len(found) != 1:
        browsers = ", ".join(one.id for one in load(shop).sources if one.kind == "browser") or "none"
        raise Rejected(
            f"{len(found)} browser sources fit; name one with --source (sources.toml has: {browsers})",
            field="--source",
            expected="a source of the kind browser",
            got=source or "nothing",
        )
    if not host.startswith(("https://", "http://")):
        raise Rejected(
            f"{host!r} is no address; write it as https://regulars.example",
            field="--host",
            expected="an address with http or https",
            got=host,
        )
    click.echo(snippet(host, found[0].write_key), nl=False)
