"""`regulars trace`."""

from pathlib import Path

import click

from regulars.api.problem import Problem
from regulars.api.profiles import trace_of
from regulars.cli._options import DATA, SHOP, settings_of
from regulars.core.errors import Rejected
from regulars.runtime.build import reading_services
from regulars.runtime.customers import Customers
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
        found = trace_of(services, Customers(services), message_id, source)
    except Problem as problem:
        raise Rejected(str(problem), field="MESSAGE_ID", expected=problem.expected, got=message_id) from None
    finally:
        services.close()
    click.echo(f"{found.message_id} from {found.source}: {found.status}, {found.why}")
    for step in found.steps:
        facts = ", ".join(f"{name} {value}" for name, value in step.items() if name != "step")
        click.echo(f"  {step['step']}: {facts}")
    if found.failure:
        failure = found.failure
        click.echo(f"  {failure['field']}: expected {failure['expected']}, got {failure['got']} ({failure['reason']})")
    if found.profile:
        click.echo(f"  profile {found.profile}")
