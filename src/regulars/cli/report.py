"""`regulars report`."""

from pathlib import Path
from typing import Any

import click
import msgspec

from regulars.analyst.client import AnalystClient
from regulars.api.orders import DAY_MS
from regulars.cli._options import DATA, SHOP, settings_of
from regulars.core.money import Money
from regulars.flow.order_report import disagreements
from regulars.flow.shop_facts import KEPT_DAYS, KINDS, summary
from regulars.flow.shop_facts import facts as told
from regulars.profile.disagreements import Difference
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
@DATA
@click.option("--days", default=30, show_default=True, type=click.IntRange(1, 3650), help="Orders of so many days.")
@click.option("--json", "as_json", is_flag=True, help="JSON instead of lines.")
def orders(shop: Path, data: Path | None, days: int, *, as_json: bool) -> None:
    """Orders on which their sources disagree: by pair of sources and field, with the money between them."""
    settings = settings_of(shop, data)
    services = reading_services(settings, load(settings.shop))
    try:
        currency = services.definitions.shop.currency
        found = disagreements(services.state, currency=currency, since=services.clock() - days * DAY_MS)
    finally:
        services.close()
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(found), indent=2))
        return
    more = "" if found.complete else " (the newest; there are more)"
    click.echo(
        f"{found.orders} orders{more}, {found.told_by_several} told by several sources, {found.disagree} disagree"
    )
    for row in found.rows:
        money = ", ".join(str(Money(amount, code)) for code, amount in sorted(row.money.items()))
        click.echo(
            f"{row.first} / {row.second}: {row.field} of {row.orders} orders" + (f", {money} apart" if money else "")
        )
        for one in row.examples:
            said = [_amount(text, one) for text in one.said]
            click.echo(f"  {one.order_id}: {said[0]} / {said[1]}")


def _amount(text: str, one: Difference) -> str:
    return str(Money(int(text), one.currency)) if one.field in ("total", "refunded") else text


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


@command.command()
@SHOP
@click.argument("kind", type=click.Choice(sorted(KINDS.values())))
@click.option("--days", default=30, show_default=True, type=click.IntRange(1, KEPT_DAYS), help="Facts of so many days.")
@click.option("--json", "as_json", is_flag=True, help="JSON instead of lines.")
@DATA
def facts(shop: Path, kind: str, days: int, data: Path | None, *, as_json: bool) -> None:
    """Facts of the shop as they were told last: advertising, search queries, the programme, footfall."""
    settings = settings_of(shop, data)
    services = reading_services(settings, load(settings.shop))
    try:
        now = services.clock()
        ahead = KEPT_DAYS if kind == "programme" else 1
        found, complete = told(
            services.state, kind, since=now - days * DAY_MS, until=now + ahead * DAY_MS, most=100_000
        )
    finally:
        services.close()
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(found), indent=2))
        return
    for line in summary(kind, found):
        click.echo(line)
    click.echo(f"{len(found)} facts" + ("" if complete else " (the newest; there are more)"))
