"""`regulars serve`."""

from pathlib import Path

import click

from regulars.cli._options import DATA, SHOP, settings_of
from regulars.runtime import Settings
from regulars.serve import serve


@click.command()
@SHOP
@DATA
@click.option("--host", help="Where to listen; by default 127.0.0.1, this machine alone.")
@click.option("--port", type=click.IntRange(1, 65_535), help="By default 8765.")
def command(shop: Path, data: Path | None, host: str | None, port: int | None) -> None:
    """Start the shop: gateway and updater, until Ctrl+C or SIGTERM."""
    serve(settings_of(shop, data, host=host, port=port), when_ready=_announce)


def _announce(settings: Settings) -> None:
    click.echo(f"Regulars serves {settings.shop.name}")
    for name, path in (("console", "/console"), ("API", "/v1/"), ("docs", "/docs"), ("health", "/ready")):
        click.echo(f"  {name:8} {settings.address}{path}")
