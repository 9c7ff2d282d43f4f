"""`regulars demo`."""

from pathlib import Path

import click
from rich.console import Console

from regulars.cli._options import settings_of
from regulars.demo.run import run


@click.command()
@click.option("--shop", type=click.Path(path_type=Path), default=Path("examples/complete-journey"), show_default=True)
@click.option("--data", type=click.Path(path_type=Path), help="By default .demo beside the shop's folder's project.")
@click.option("--fresh", is_flag=True, help="Forget what an earlier demo imported and begin anew.")
@click.option("--live", is_flag=True, help="Keep the last four weeks back and replay them as live traffic.")
@click.option("--speed", type=click.FloatRange(0.1, 10_000), default=2.0, show_default=True, help="Shop days a minute.")
@click.option("--households", type=click.IntRange(2), help="Only so many of them, for a small machine or a short look.")
@click.option("--host", help="Where to listen; by default 127.0.0.1, this machine alone.")
@click.option("--port", type=click.IntRange(1, 65_535), help="By default 8765.")
def command(
    *,
    shop: Path,
    data: Path | None,
    speed: float,
    households: int | None,
    host: str | None,
    port: int | None,
    fresh: bool,
    live: bool,
) -> None:
    """See Regulars know 2,469 real households: import a grocery chain's year, train, and open the shop."""
    folder = data or Path(".demo") / ("live" if live else "year")
    settings, console = settings_of(shop, folder, host=host, port=port), Console()
    raise SystemExit(run(settings, fresh=fresh, live=live, speed=speed, console=console, households=households))
