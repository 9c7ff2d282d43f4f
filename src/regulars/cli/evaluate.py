"""`regulars evaluate`."""

import sys
from pathlib import Path

import click
import msgspec
from rich.console import Console
from rich.table import Table

from regulars.analyst.client import AnalystClient
from regulars.cli._options import DATA, settings_of
from regulars.console.evaluation_report import level, page, resting
from regulars.console.formats import Formats
from regulars.console.words import Words
from regulars.core.calendar import Calendar
from regulars.core.errors import Rejected
from regulars.importing.beside import products_beside
from regulars.recommend.evaluation import Evaluation, Figures, Report
from regulars.recommend.measuring import METRICS, Interval
from regulars.runtime.folder import DataFolder
from regulars.shop import load

_ENTRY = "regulars.analyst.evaluating:evaluate_shop"


@click.command()
@click.argument("shop", type=click.Path(path_type=Path), required=False)
@click.option(
    "--path", type=click.Path(path_type=Path), help="A folder with train.parquet and test.parquet instead of a shop."
)
@click.option(
    "--days", default=28, show_default=True, type=click.IntRange(1, 365), help="Ask about the last DAYS days."
)
@click.option("--k", type=click.IntRange(1, 100), help="Products of a row; 10 for a shop, 20 for a folder.")
@click.option(
    "--html", "html_file", type=click.Path(path_type=Path, dir_okay=False), help="Write plots and tables to FILE."
)
@click.option("--language", type=click.Choice(["en", "de"]), default="en", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="JSON instead of tables.")
@DATA
def command(
    shop: Path | None,
    *,
    path: Path | None,
    days: int,
    k: int | None,
    html_file: Path | None,
    language: str,
    as_json: bool,
    data: Path | None,
) -> None:
    """Tell how good the recommendations would have been in the last weeks, without having seen them.

    Every model is trained anew on what lay before, and asked what customers bought or viewed next: hit rate, MRR, NDCG,
    coverage, novelty, re-views and discoveries apart, by activity and segment, with intervals, beside the time for a
    row and beside baselines. Works beside a running server and changes nothing.

    With --path any folder of sessions is measured the same way: train.parquet (session, position, item) and
    test.parquet (prefix, target); products.csv, .ndjson, .parquet or .xml beside them brings in the models that look at
    the catalogue.
    """
    if (shop is None) == (path is None):
        raise Rejected("say what to evaluate: a SHOP, or --path FOLDER", field="SHOP", expected="one of the two")
    currency, zone = "EUR", "UTC"
    if shop is not None:
        settings = settings_of(shop, data)
        definitions = load(settings.shop)
        if not DataFolder(settings.data).version.exists():
            raise Rejected(f"{settings.data} holds no data yet; import orders or start the shop first", field="--data")
        currency, zone = definitions.shop.currency, definitions.shop.time_zone
        analyst = AnalystClient(settings.data, definitions, threads=2)
        try:
            report = analyst.run(_ENTRY, {"days": days, "k": k or 10}, Report)
        finally:
            analyst.close()
    else:
        from regulars.analyst.evaluating import evaluate_folder  # loads pyarrow

        assert path is not None  # noqa: S101 - one of the two is given
        beside = products_beside(path, currency=currency)
        if beside is not None:
            click.echo(f"{beside[0]} tells of {len(beside[1]):,} products", err=True)
        report = evaluate_folder(path, k=k or 20, products=beside[1] if beside is not None else ())
    words = Words(language)
    if html_file is not None:
        html_file.write_text(page(report, words, Formats(language, currency, Calendar(zone))), encoding="utf-8")
        click.echo(f"written to {html_file}", err=True)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(report), indent=2))
    else:
        _show(report, words)


def _show(report: Report, words: Words) -> None:
    console = Console(file=sys.stdout, width=None if sys.stdout.isatty() else 160)
    for kind, found in report.evaluations.items():
        console.print(_table(kind, found, words, report))
        for told, cases in ((found.by_activity, found.activity_cases), (found.by_segment, found.segment_cases)):
            if told:
                console.print(_groups(found, told, cases, words, report))
    for line in resting(report, words):
        console.print(line)
    for kind, why in report.skipped.items():
        console.print(words("evaluation.skipped_text", kind=words.known(f"evaluation.kind.{kind}", kind), why=why))


def _table(kind: str, found: Evaluation, words: Words, report: Report) -> Table:
    title = words(f"evaluation.kind.{kind}")
    table = Table(title=title, caption=words(f"evaluation.text.{kind}", cases=f"{found.cases:,}", k=found.k))
    metrics = [metric for metric in METRICS if any(metric in one for one in found.figures.values())]
    heads = [words(f"evaluation.{one}") for one in (*metrics, "coverage", "latency", "fitting")]
    for number, head in enumerate((words("evaluation.model"), *heads)):
        table.add_column(head, justify="right" if number else "left")
    for name, figures in sorted(found.figures.items(), key=lambda one: -one[1]["hit_rate"].mean):
        latency, share, seconds = found.latency.get(name), found.coverage.get(name), report.seconds.get(name)
        table.add_row(
            words.known(f"recommender.{name}", name),
            *(_figure(figures.get(metric)) for metric in metrics),
            "" if share is None else f"{100 * share:.1f} %",
            "" if latency is None else f"{latency.p50:.3f} / {latency.p99:.2f}",
            "" if seconds is None else f"{seconds:.1f}",
        )
    return table


def _groups(found: Evaluation, told: dict[str, Figures], cases: dict[str, int], words: Words, report: Report) -> Table:
    names = list(found.figures)
    if told is found.by_segment:
        by = words("evaluation.by_segment")
    else:
        by = words("evaluation.by_length" if found.kind == "sessions" else "evaluation.by_activity")
    table = Table(title=f"{words('evaluation.hit_rate')}: {by}")
    heads = ("", words("evaluation.cases"), *(words.known(f"recommender.{one}", one) for one in names))
    for number, head in enumerate(heads):
        table.add_column(head, justify="right" if number else "left")
    for group, figures in told.items():
        own = told is found.by_segment
        name = words.of(report.segments.get(group, {}), group) if own else level(group, words)
        table.add_row(name, f"{cases[group]:,}", *(_figure(figures[one].get("hit_rate")) for one in names))
    return table


def _figure(found: Interval | None) -> str:
    return "" if found is None else f"{found.mean:.4f}\n{found.low:.3f}…{found.high:.3f}"
