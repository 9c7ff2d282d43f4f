"""`regulars explain`."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click
import msgspec

from regulars.cli._options import DATA, SHOP, settings_of
from regulars.cli._server import tell
from regulars.shop import explain, load


@click.command()
@SHOP
@click.argument("identifier", required=False)
@click.option("--language", default="en", show_default=True, help="Of titles.")
@click.option("--json", "as_json", is_flag=True, help="Of a customer, as the HTTP API answers it.")
@DATA
def command(*, shop: Path, identifier: str | None, language: str, as_json: bool, data: Path | None) -> None:
    """Say on one page what a shop folder defines.

    With a customer (TYPE:VALUE or p_…) say where everything that is known of that person came from: of each trait and
    fact the sources and the purpose, and how much was left out because it tells of health, faith or the like. For that
    the server must run; the look is logged like every other.
    """
    if identifier is None:
        click.echo(explain(load(shop), language))
        return
    path = f"/v1/profiles/{quote(identifier, safe='')}/origins?language={quote(language, safe='')}"
    told = tell(settings_of(shop, data), path)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(told)).decode())
        return
    click.echo(told["profile"])
    for one in told["traits"]:
        click.echo(f"  {one['trait']} = {_short(one['value'])}  ({_allowed(one['purpose'])})")
        for source in one["sources"]:
            partner = f", partner {source['partner']}" if source["partner"] else ""
            days = _day(source["first"]) + (f" to {_day(source['last'])}" if source["last"] != source["first"] else "")
            click.echo(f"    {source['source']}{partner}: {_events(source['events'])}, {days}")
        if one["left_out"]:
            click.echo(f"    left out as sensitive: something of {_events(one['left_out'])}")
    for one in told["facts"]:
        said = f", said by {one['origin']}" if one["origin"] else ""
        source = one["source"] or "an event that is not kept any more"
        click.echo(f"  {one['name']} = {_short(one['value'])}  ({_allowed(one['purpose'])})")
        click.echo(f"    {source}{said}, {_day(one['time'])}")
    for one in told["facts_left_out"]:
        days = _day(one["first"]) + (f" to {_day(one['last'])}" if one["last"] != one["first"] else "")
        click.echo(f"  {one['name']} is not kept: its name tells of {one['why']}")
        click.echo(f"    told by {', '.join(one['sources'])}: {_events(one['events'])}, {days}")
    if told["wishes_left_out"]:
        click.echo(f"  left out of wishes as sensitive: something of {_events(told['wishes_left_out'])}")
    if not told["complete"]:
        click.echo("not everything could be read; there may be more")


def _events(count: int) -> str:
    return "1 event" if count == 1 else f"{count} events"


def _allowed(purpose: str) -> str:
    return "contract, no consent needed" if purpose == "contract" else f"consent to {purpose}"


def _short(value: Any) -> str:
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= 80 else text[:77] + "…"


def _day(time: int) -> str:
    return datetime.fromtimestamp(time / 1000, UTC).date().isoformat()
