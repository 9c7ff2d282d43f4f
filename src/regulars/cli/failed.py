"""`regulars failed`: events that failed, and how they are mended."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import msgspec

from regulars.cli._options import DATA, SHOP, settings_of
from regulars.cli._server import ask_for, tell
from regulars.core.mend import Mend
from regulars.runtime.mending import parse
from regulars.shop import load
from regulars.shop.mends import save

_MEND = click.argument("mend", nargs=-1, metavar="[MEND]...")


@click.group()
def command() -> None:
    """Failed events: which and why, what would mend them, and taking them in after all.

    MEND is one of: cast FIELD TYPE; rename FIELD FIELD; move FIELD FIELD; default FIELD VALUE; drop FIELD;
    rename_event NAME. Fields are paths as in properties.products.*.price, types number, integer, boolean, string, date
    and currency. Without MEND the first suggestion is taken. The server must run.
    """


@command.command("list")
@SHOP
@click.option("--limit", default=100, show_default=True, help="At most so many causes.")
@DATA
def listed(*, shop: Path, limit: int, data: Path | None) -> None:
    """Failed events by cause, most first, with what would mend them."""
    found = tell(settings_of(shop, data), f"/v1/failed?limit={limit}")
    if not found["groups"]:
        click.echo("no event has failed")
    for one in found["groups"]:
        group = one["group"]
        click.echo(
            f"{group['cause']}  {group['count']} of {group['source']}: {group['name'] or '(no name)'}, "
            f"{group['field'] or 'the event'}: expected {group['expected']} ({group['reason']}), "
            f"{_day(group['first'])} to {_day(group['last'])}"
        )
        for way in one["suggestions"][:2]:
            click.echo(f"    mends {way['mended']} of {way['tried']}: {_told(way)}")
    if found["causes"] > len(found["groups"]):
        click.echo(f"{found['causes'] - len(found['groups'])} more causes; see --limit")


@command.command("preview")
@SHOP
@click.argument("cause")
@_MEND
@DATA
def preview(*, shop: Path, cause: str, mend: tuple[str, ...], data: Path | None) -> None:
    """What a mend would do with the events of CAUSE, without doing it."""
    settings = settings_of(shop, data)
    body = _body(settings, cause, mend)
    found = ask_for(settings, f"/v1/failed/{cause}/preview", body, seconds=300)
    click.echo(f"{_told(body)}: looked at {found['looked_at']} of {found['total']} events")
    click.echo(
        f"{found['admitted']} would come in, {found['already_counted']} are counted already, "
        f"{found['refused']} would be refused for want of consent"
    )
    for why in found["still_failing"]:
        click.echo(
            f"{why['count']} would still fail: {why['field'] or 'the event'}: expected {why['expected']}, "
            f"got {why['got']} ({why['reason']})"
        )
    for one in found["examples"]:
        click.echo(f"\n{one['message_id'] or '(no message id)'}: {one['result']}{': ' * bool(one['why'])}{one['why']}")
        click.echo(f"  before {_json(one['before'])}\n  after  {_json(one['after'])}")


@command.command("mend")
@SHOP
@click.argument("cause")
@_MEND
@click.option("--yes", is_flag=True, help="Do not ask whether this is meant.")
@click.option("--save", "standing", metavar="NAME", help="Mend later events of the source, too: into mends.toml.")
@DATA
def mend_(*, shop: Path, cause: str, mend: tuple[str, ...], yes: bool, standing: str | None, data: Path | None) -> None:
    """Take the events of CAUSE in, mended; each counts once, however often this is run or their sender tries again."""
    settings = settings_of(shop, data)
    body = _body(settings, cause, mend)
    found = ask_for(settings, f"/v1/failed/{cause}/preview", body, seconds=300)
    if not yes:
        click.confirm(
            f"{_told(body)}: {found['admitted']} of {found['looked_at']} events would come in; mend {found['total']}?",
            abort=True,
        )
    if standing is not None:
        save(settings.shop, msgspec.convert({**found["mend"], "id": standing}, Mend))
        load(settings.shop)
        click.echo(f"mends.toml holds it as {standing!r}; `regulars replay {shop}` or a restart takes it up")
    outcome = ask_for(settings, f"/v1/failed/{cause}/mend", body, seconds=3600)
    click.echo(
        f"{outcome['admitted']} came in, {outcome['already_counted']} were counted already, "
        f"{outcome['refused']} refused for want of consent, {outcome['still_failing']} still fail; "
        f"{outcome['remaining']} are left"
    )


def _body(settings: Any, cause: str, mend: tuple[str, ...]) -> dict[str, Any]:
    """The mend that was given, or the first that is suggested."""
    if mend:
        said = parse(mend)
        return {"action": said.action, "field": said.field, "to": said.to, "value": said.value}
    found = tell(settings, f"/v1/failed/{cause}?limit=1")["suggestions"]
    if not found:
        raise click.UsageError("nothing can be suggested for this cause; say what mends it, see --help")
    return {name: found[0][name] for name in ("action", "field", "to", "value")}


def _told(body: dict[str, Any]) -> str:
    parts = [body["action"], body["field"], body["to"], "" if body["value"] is None else str(body["value"])]
    return " ".join(part for part in parts if part)


def _day(time: int) -> str:
    return datetime.fromtimestamp(time / 1000, UTC).strftime("%Y-%m-%d %H:%M")


def _json(value: Any) -> str:
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= 600 else text[:599] + "…"
