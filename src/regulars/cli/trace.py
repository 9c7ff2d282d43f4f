"""`regulars trace`."""

import asyncio
from pathlib import Path

import click

from regulars.cli._options import DATA, SHOP, settings_of
from regulars.core.errors import Rejected
from regulars.runtime.build import reading_services
from regulars.runtime.customers import Customers
from regulars.runtime.traces import Trace, whole_trace
from regulars.shop import load


@click.command()
@SHOP
@click.argument("message_id")
@click.option("--source", help="The event's source; by default every source of the shop is looked at.")
@DATA
def command(shop: Path, message_id: str, source: str | None, data: Path | None) -> None:
    """Tell everything that happened to one event, and why nothing did. Works beside a running server."""
    settings = settings_of(shop, data)
    services = reading_services(settings, load(settings.shop))
    try:
        found = asyncio.run(whole_trace(services, Customers(services), message_id, source))
    except LookupError as error:
        wanted = "a message id of the last 7 days"
        raise Rejected(str(error), field="MESSAGE_ID", expected=wanted, got=message_id) from None
    finally:
        services.close()
    for one in (found, *found.others):
        _tell(one)


def _tell(found: Trace) -> None:
    click.echo(f"{found.message_id} from {found.source}: {found.status}, {found.why}")
    for step in found.steps:
        facts = ", ".join(f"{name} {value}" for name, value in step.items() if name != "step")
        click.echo(f"  {step['step']}: {facts}")
    if found.failure:
        failure = found.failure
        click.echo(f"  {failure['field']}: expected {failure['expected']}, got {failure['got']} ({failure['reason']})")
    if found.profile:
        click.echo(f"  profile {found.profile}")
    changed = found.changed
    if "unknown" in changed:
        click.echo(f"  what it changed: {changed['unknown']}")
    elif changed:
        traits = [f"{name} {old!r} -> {new!r}" for name, (old, new) in changed["traits"].items()]
        segments = [f"into {one}" for one in changed["entered"]] + [f"out of {one}" for one in changed["left"]]
        click.echo("  changed: " + (", ".join([*traits, *segments]) or "no trait and no segment"))
