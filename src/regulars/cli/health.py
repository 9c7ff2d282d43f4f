"""`regulars health`."""

from pathlib import Path

import click
import msgspec

from regulars.cli._options import DATA, SHOP, settings_of
from regulars.core.errors import Rejected
from regulars.runtime.build import reading_services
from regulars.runtime.tracking import TrackingDesk
from regulars.shop import load


@click.command()
@SHOP
@click.option("--goal", help="Only whether the tracking of this goal, or event of the plan, is sound.")
@click.option("--language", type=click.Choice(["en", "de"]), default="en", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="As JSON, as GET /v1/health/tracking answers.")
@DATA
def command(shop: Path, *, goal: str | None, language: str, as_json: bool, data: Path | None) -> int:
    """Tell what arrives otherwise than usual, what it costs and how to mend it. Works beside a running server.

    Exit code 1 when something is broken, else 0: for a monitor.
    """
    settings = settings_of(shop, data)
    services = reading_services(settings, load(settings.shop))
    try:
        desk = TrackingDesk(services)
        if goal is not None:
            sound = desk.goal(goal, language)
            if sound is None:
                known = ", ".join(one.id for one in services.definitions.goals) or "an event of events.toml"
                raise Rejected(f"there is no goal or event {goal!r}", field="--goal", expected=known, got=goal)
            click.echo(msgspec.json.encode(sound) if as_json else "\n".join((f"{goal}: {sound.state}", *sound.reasons)))
            return int(sound.state == "broken")
        found = desk.look(language)
    finally:
        services.close()
    if as_json:
        click.echo(msgspec.json.encode(found))
        return int(found.state == "broken")
    for source in found.sources:
        health = source.health
        share = "" if health.share is None else f", {health.share * 100:.0f} % of the usual"
        click.echo(f"{health.source}: {health.state}, {health.came} events in 24 hours{share}")
        for one in source.troubles:
            click.echo(f"  {one.finding.state}: {one.says}\n    {one.cost}\n    {one.mend}")
    for goal_found in found.goals:
        click.echo(f"goal {goal_found.goal}: {goal_found.state}")
    return int(found.state == "broken")
