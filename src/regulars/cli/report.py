"""`regulars report`."""

from pathlib import Path

import click
import msgspec

from regulars.cli._options import SHOP
from regulars.shop import load
from regulars.shop.data_use import data_use
from regulars.shop.data_use_page import page


@click.group()
def command() -> None:
    """Reports that are told from a shop folder."""


@command.command()
@SHOP
@click.option("--language", default="en", show_default=True, help="en or de.")
@click.option("--html", "readable", is_flag=True, help="A page to read instead of JSON.")
def privacy(shop: Path, language: str, *, readable: bool) -> None:
    """The record of processing: what is collected, what for, on which basis, how long, and what nothing uses."""
    record = data_use(load(shop), language)
    click.echo(page(record, language) if readable else msgspec.json.format(msgspec.json.encode(record), indent=2))
