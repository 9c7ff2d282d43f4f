"""`regulars identity plan`."""

from pathlib import Path

import click
import msgspec
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from regulars.cli._options import DATA, SHOP, settings_of
from regulars.core.state import IDENTIFIER
from regulars.flow import generation
from regulars.flow.identity_plan import Plan, plan
from regulars.profile.reasons import reason_in_words
from regulars.runtime.build import existing_folder, read_state
from regulars.shop import load


@click.command("plan")
@SHOP
@click.option("--show", is_flag=True, help="Name the identifiers of the examples, not only the profiles.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@DATA
def command(*, shop: Path, show: bool, as_json: bool, data: Path | None) -> None:
    """Say what the edited identity.toml would merge and split, and change nothing.

    Compares the rules that serve with those of the folder over all stored links. Works beside a running server.
    """
    settings = settings_of(shop, data)
    edited = load(settings.shop).identity
    state = read_state(existing_folder(settings))
    try:
        stored = generation.definitions(state)
        columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
        with Progress(*columns, console=Console(stderr=True)) as bar:
            task = bar.add_task("identifiers", total=state.count(IDENTIFIER).get(None, 0) or None)
            serving = stored.identity if stored is not None else edited
            found = plan(state, serving, edited, lambda done: bar.update(task, completed=done))
    finally:
        state.close()
    if not show:
        found.examples = [msgspec.structs.replace(one, identifiers=[]) for one in found.examples]
    click.echo(msgspec.json.format(msgspec.json.encode(found)).decode() if as_json else _text(found))


def _text(found: Plan) -> str:
    lines = [
        f"identifiers: {found.identifiers}",
        f"profiles: {found.profiles_before} now, {found.profiles_after} by the edited rules",
        f"merged: {found.merged}, split: {found.split}",
        f"identifiers that would identify nobody: {found.blocked}",
        f"links refused now that would count: {found.followed}",
    ]
    lines += [
        f"links that would be refused: {count}. {reason_in_words(reason)}"
        for reason, count in sorted(found.refused.items())
    ]
    if found.skipped:
        lines.append(f"not looked into: {found.skipped} identifiers that hang together by thousands")
    for one in found.examples:
        lines.append(f"{one.kind}, {one.size} identifiers: {' '.join(one.before)} -> {' '.join(one.after)}")
        lines += [f"  {key}" for key in one.identifiers]
    return "\n".join(lines)
