"""`regulars train`."""

import sys
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.console import Console

from regulars.analyst.client import AnalystClient
from regulars.cli._options import DATA, SHOP, settings_of
from regulars.cli.models import table
from regulars.core.calendar import Calendar
from regulars.runtime.build import existing_folder
from regulars.shop import load

_ENTRY = "regulars.analyst.training:train_recommendations"


@click.command()
@SHOP
@click.option("--json", "as_json", is_flag=True, help="The figures as JSON.")
@DATA
def command(shop: Path, *, as_json: bool, data: Path | None) -> None:
    """Train the recommendation models now, from the orders and visits of those who agree, and let them serve.

    Works beside a running server, which takes the new version within a second; the three newest versions are kept. A
    server trains by itself every REGULARS_TRAIN_HOURS.
    """
    settings = settings_of(shop, data)
    definitions = load(settings.shop)
    existing_folder(settings)
    analyst = AnalystClient(settings.data, definitions)
    try:
        figures: dict[str, Any] = analyst.train(_ENTRY, {})
    finally:
        analyst.close()
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(figures), indent=2))
        return
    console = Console(file=sys.stdout, width=None if sys.stdout.isatty() else 160)
    console.print(
        f"{figures['version']} serves: learned from {figures['lines']:,} order lines and {figures['visits']:,} visits "
        f"in {figures['seconds']} s; {figures['lines_without_consent']:,} lines of persons who did not agree were left "
        "out"
    )
    console.print(table(settings.data / "models", Calendar(definitions.shop.time_zone)))
