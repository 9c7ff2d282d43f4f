"""`regulars models`."""

import sys
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.console import Console
from rich.table import Table

from regulars.cli._options import DATA, SHOP, settings_of
from regulars.core.calendar import Calendar
from regulars.core.errors import RegularsError, Rejected
from regulars.flow.models import current, earlier, recommend_folder, versions
from regulars.flow.models import use as use_version
from regulars.recommend.blend import Blend
from regulars.recommend.evaluation import Evaluation
from regulars.recommend.ranked.learned import RANKER, RankerTold
from regulars.recommend.store import Manifest, read_manifest
from regulars.runtime.build import existing_folder
from regulars.shop import load as load_shop

#: Why a learned order does not serve.
WHY = {
    "": "",
    "no_extra": "LightGBM is not installed (pip install 'regulars[ml]')",
    "too_few": "too little to learn from",
    "no_better": "not better than what was there",
    "slow": "ordering takes too long",
}


_HEADS = (
    "version", "serves", "trained", "order lines", "visits", "products", "seconds", "next basket", "next product",
    "ranker",
)  # fmt: skip


@click.group()
def command() -> None:
    """The trained recommendation models: which are kept, which serve, and the way back."""


@command.command("list")
@SHOP
@click.option("--json", "as_json", is_flag=True, help="JSON instead of a table.")
@DATA
def list_(shop: Path, *, as_json: bool, data: Path | None) -> None:
    """Tell the versions, the newest first: since when, learned from what, how good, and which one serves."""
    settings = settings_of(shop, data)
    existing_folder(settings)
    models = settings.data / "models"
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(_told(models)), indent=2))
        return
    definitions = load_shop(settings.shop)
    console = Console(file=sys.stdout, width=None if sys.stdout.isatty() else 160)
    console.print(table(models, Calendar(definitions.shop.time_zone)))


@command.command()
@SHOP
@click.argument("version")
@DATA
def use(shop: Path, version: str, data: Path | None) -> None:
    """Let VERSION serve; a running server takes it within a second."""
    settings = settings_of(shop, data)
    existing_folder(settings)
    use_version(settings.data / "models", version)
    click.echo(f"{version} serves")


@command.command()
@SHOP
@DATA
def rollback(shop: Path, data: Path | None) -> None:
    """Let the version before the one that serves serve again."""
    settings = settings_of(shop, data)
    existing_folder(settings)
    models = settings.data / "models"
    serving, before = current(models), earlier(models)
    if before is None:
        raise Rejected("no version before the one that serves is kept", field="version", got=serving or "none")
    use_version(models, before)
    click.echo(f"{before} serves again in place of {serving}")


def _told(models: Path) -> list[dict[str, Any]]:
    serving = current(models)
    found = []
    for name in versions(models):
        try:
            manifest: Any = msgspec.to_builtins(read_manifest(recommend_folder(models) / name))
        except RegularsError as error:
            manifest = {"problem": str(error)}
        found.append({**manifest, "name": name, "serves": name == serving})
    return found


def table(models: Path, calendar: Calendar) -> Table:
    """The versions that are kept."""
    result = Table()
    for at, head in enumerate(_HEADS):
        result.add_column(head, justify="right" if at > 2 else "left")
    serving = current(models)
    for name in versions(models):
        try:
            manifest = read_manifest(recommend_folder(models) / name)
        except RegularsError as error:
            result.add_row(name, "cannot be read", str(error), *([""] * 7))
            continue
        result.add_row(name, "yes" if name == serving else "", *_cells(manifest, calendar))
    return result


def _cells(manifest: Manifest, calendar: Calendar) -> tuple[str, ...]:
    return (
        calendar.local(manifest.trained_at).strftime("%Y-%m-%d %H:%M"),
        f"{manifest.lines:,}",
        f"{manifest.visits:,}",
        f"{manifest.items:,}",
        f"{manifest.seconds:.0f}",
        _hits(manifest.evaluation),
        _hits(manifest.visits_evaluation),
        _ranker(manifest.ranker),
    )


def _ranker(told: RankerTold | None) -> str:
    """What the learned order was learned from, whether it serves, and what was measured of it."""
    if told is None:
        return ""
    found = told.learned_from + (", serves" if told.serves else f", rests: {WHY[told.why]}")
    if RANKER in told.figures:
        found += f"; NDCG@10 {told.figures[RANKER].mean:.3f}"
    if (lead := told.lead.get(Blend.name)) is not None:
        found += f", over the blend {lead.mean:+.3f} ({lead.low:+.3f}…{lead.high:+.3f})"
    if told.cpu_ms is not None:
        found += f"; {told.cpu_ms.p50:.1f} / {told.cpu_ms.p99:.1f} ms"
    return found


def _hits(evaluation: Evaluation | None) -> str:
    """The hit rate of what leads, with its interval."""
    if evaluation is None:
        return ""
    rate = evaluation.figures[evaluation.leader]["hit_rate"]
    return f"{rate.mean:.3f} ({rate.low:.3f}…{rate.high:.3f}) at {evaluation.k}"
