"""`regulars rules`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.console import Console
from rich.table import Table

from regulars.analyst.client import LONG_SECONDS, AnalystClient
from regulars.analyst.protocol import RowRules
from regulars.cli._options import DATA, SHOP, settings_of
from regulars.core.definitions import Definitions
from regulars.core.errors import Rejected
from regulars.core.merchandising import Trial
from regulars.core.money import Money
from regulars.decide.identity import decided_at
from regulars.decide.words import sentence
from regulars.runtime.build import reading_services
from regulars.runtime.trials import trial_lines, with_rules, without
from regulars.shop import load
from regulars.shop.load import read_folder

_DAY_MS = 86_400_000


@click.group()
def command() -> None:
    """Merchandising rules: try one on recorded decisions, and see what rules did to one decision."""


@command.command("try")
@SHOP
@click.argument("rule")
@click.option(
    "--days", default=1, show_default=True, type=click.IntRange(1, 366), help="Decisions of the last DAYS days."
)
@click.option("--language", type=click.Choice(["en", "de"]), default="en", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="JSON instead of a table.")
@DATA
def try_rule(shop: Path, rule: str, *, days: int, language: str, as_json: bool, data: Path | None) -> None:
    """Tell what RULE would have changed in the decisions of yesterday, and won or lost in clicks and margin.

    RULE is the id of a rule of the shop, which is then compared with doing without it, or a TOML file with rules that
    the shop does not have yet. Works beside a running server and changes nothing.
    """
    settings = settings_of(shop, data)
    definitions = load(settings.shop)
    changed, tried = _changed(settings.shop, definitions, rule)
    services = reading_services(settings, definitions)
    analyst = AnalystClient(settings.data, definitions)
    try:
        until = services.clock() + 1
        arguments = {
            "shop": msgspec.to_builtins(definitions), "changed": msgspec.to_builtins(changed), "tried": tried,
            "since": until - days * _DAY_MS, "until": until,
        }  # fmt: skip
        found = analyst.run("regulars.analyst.trial:try_rules", arguments, Trial, seconds=LONG_SECONDS)
    finally:
        analyst.close()
        services.close()
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(found), indent=2))
        return
    for line in trial_lines(found, language):
        click.echo(line)
    Console(width=120).print(_table(found, language))


@command.command("explain")
@SHOP
@click.argument("decision")
@click.option("--language", type=click.Choice(["en", "de"]), default="en", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="JSON instead of lines.")
@DATA
def explain_decision(shop: Path, decision: str, *, language: str, as_json: bool, data: Path | None) -> None:
    """Tell which rules took what out of the rows of a recorded decision, and what they moved."""
    settings = settings_of(shop, data)
    definitions = load(settings.shop)
    made = decided_at(decision)
    if made is None:
        raise Rejected(
            f"{decision!r} is no decision id", field="DECISION", expected="the decision_id of an answer", got=decision
        )
    analyst = AnalystClient(settings.data, definitions)
    try:
        arguments = {"shop": msgspec.to_builtins(definitions), "decision": decision, "since": made}
        rows = analyst.run("regulars.analyst.trial:recorded_row_rules", arguments, list[RowRules], seconds=LONG_SECONDS)
    finally:
        analyst.close()
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(rows), indent=2))
        return
    for row in rows:
        click.echo(f"{row.placement}: {', '.join(row.items)}")
        for line in _ruled(row, definitions, language):
            click.echo(f"  {line}")


def _changed(folder: Path, definitions: Definitions, rule: str) -> tuple[Definitions, list[str]]:
    """The definitions to compare with, and the ids of the rules that are tried."""
    known = [one.id for one in definitions.rules]
    if rule in known:
        return without(definitions, rule), [rule]
    path = Path(rule)
    if not path.is_file():
        raise Rejected(
            f"{rule!r} is neither a rule of the shop nor a file",
            field="RULE",
            expected=", ".join(known) or "a TOML file with [rules.<id>]",
            got=rule,
        )
    return with_rules(definitions, read_folder(folder), path.read_text(encoding="utf-8"))


def _table(found: Trial, language: str) -> Table:
    table = Table()
    columns = ("placement", "rows", "changed", "removed", "added", "clicks", "margin")
    for name in columns:
        table.add_column(sentence(f"trial.{name}", {}, language), justify="left" if name == "placement" else "right")
    little = sentence("trial.little", {}, language)
    for one in found.placements:
        clicks = (
            little
            if one.clicks is None
            else f"{one.clicks.value:+.1f} ({one.clicks.low:+.1f} … {one.clicks.high:+.1f})"
        )
        earned = little
        if one.margin is not None:
            low, high = (Money(round(part), found.currency) for part in (one.margin.low, one.margin.high))
            earned = f"{Money(round(one.margin.value), found.currency)} ({low} … {high})"
        counts = (one.rows, one.changed, one.removed, one.added)
        table.add_row(one.placement, *map(str, counts), clicks, earned)
    return table


def _ruled(row: RowRules, definitions: Definitions, language: str) -> Iterator[str]:
    kinds: dict[str, Any] = {rule.id: rule for rule in definitions.rules}
    for did in (row.removed, row.moved):
        for rule, items in did.items():
            kind = kinds[rule].kind if rule in kinds else "exclude" if did is row.removed else "boost"
            yield sentence(f"ruled.{kind}", {"rule": rule, "items": ", ".join(items)}, language)
    for code in row.notes:
        yield sentence(code, {}, language)
    if not row.same_configuration:
        yield sentence("trial.other_rules", {}, language)
