"""`regulars report`."""

from pathlib import Path
from typing import Any

import click
import msgspec

from regulars.analyst.client import AnalystClient
from regulars.cli._options import DATA, SHOP, settings_of
from regulars.runtime.build import reading_services
from regulars.runtime.data_report import DAYS, recorded
from regulars.runtime.folder import DataFolder
from regulars.shop import load
from regulars.shop.data_use import data_use
from regulars.shop.data_use_page import markdown, page


@click.group()
def command() -> None:
    """Reports that are told from a shop folder and its data."""


@command.command()
@SHOP
@click.option("--language", default="en", show_default=True, help="en or de.")
@click.option("--html", "form", flag_value="html", help="A page to read instead of JSON.")
@click.option("--markdown", "form", flag_value="markdown", help="Markdown instead of JSON.")
@click.option(
    "--days", default=DAYS, show_default=True, type=click.IntRange(1, 3650), help="Days of the lake to look at."
)
@DATA
def privacy(shop: Path, language: str, form: str | None, days: int, data: Path | None) -> None:
    """The record of processing: what is collected, what for, on which basis, how long, and what nothing uses.

    Where there is a data folder, also what really came: fields, how full, how many different values; never a value.
    """
    record = _record(shop, language, days, data)
    if form == "html":
        click.echo(page(record, language))
    elif form == "markdown":
        click.echo(markdown(record, language))
    else:
        click.echo(msgspec.json.format(msgspec.json.encode(record), indent=2))


def _record(shop: Path, language: str, days: int, data: Path | None) -> dict[str, Any]:
    definitions, settings = load(shop), settings_of(shop, data)
    if data is None and not DataFolder(settings.data).version.exists():
        return data_use(definitions, language)
    services = reading_services(settings, definitions)
    analyst = AnalystClient(settings.data, definitions)
    try:
        return recorded(services, definitions, analyst, language, days=days)
    finally:
        analyst.close()
        services.close()
