"""`regulars identity plan` and `apply`."""

import base64
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from regulars.cli._options import DATA, SHOP, settings_of
from regulars.cli._server import ask
from regulars.core.state import IDENTIFIER
from regulars.flow import generation
from regulars.flow.identity_apply import settled_by
from regulars.flow.identity_plan import Plan, plan
from regulars.profile.reasons import reason_in_words
from regulars.profile.rule_changes import in_words
from regulars.runtime.build import existing_folder, read_state
from regulars.shop import load

_COLUMNS = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())


@click.command("plan")
@SHOP
@click.option("--show", is_flag=True, help="Name the identifiers of the examples, not only the profiles.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@DATA
def command(*, shop: Path, show: bool, as_json: bool, data: Path | None) -> None:
    """Say what the edited identity.toml would merge and split, and change nothing.

    Compares the rules that everything was settled by with those of the folder, over all stored links. Works beside a
    running server.
    """
    settings = settings_of(shop, data)
    edited = load(settings.shop).identity
    state = read_state(existing_folder(settings))
    try:
        stored = generation.definitions(state)
        with Progress(*_COLUMNS, console=Console(stderr=True)) as bar:
            task = bar.add_task("identifiers", total=state.count(IDENTIFIER).get(None, 0) or None)
            serving = settled_by(state, stored.identity if stored is not None else edited)
            found = plan(state, serving, edited, lambda done: bar.update(task, completed=done))
    finally:
        state.close()
    if not show:
        found.examples = [msgspec.structs.replace(one, identifiers=[]) for one in found.examples]
    click.echo(msgspec.json.format(msgspec.json.encode(found)).decode() if as_json else _text(found))


@click.command("apply")
@SHOP
@DATA
def apply(*, shop: Path, data: Path | None) -> None:
    """Apply the edited identity.toml to the past: what `plan` says merges and splits, while the shop stays open.

    The rules hold at once for what comes. Profiles that merge or part are folded anew from their histories, some with
    each step. The server must run. After an interruption the same command goes on where it was.
    """
    settings = settings_of(shop, data)
    definitions = base64.b64encode(msgspec.msgpack.encode(load(settings.shop))).decode()
    told: dict[str, Any] = ask(settings, "/v1/identity/apply", {"definitions": definitions})
    with Progress(*_COLUMNS, console=Console(stderr=True)) as bar:
        task = bar.add_task("identifiers", total=told["total"] or None)
        while not told["done"]:
            told = ask(settings, "/v1/identity/apply", {})
            bar.update(task, completed=told["looked"], total=max(told["total"], told["looked"]))
    click.echo(f"{told['looked']} identifiers settled by the edited rules; {told['changed']} groups of them changed")
    click.echo(f"{told['refolded']} profiles folded anew")
    for line in _stays(told["stays"]):
        click.echo(line)
    if told["skipped"]:
        click.echo(f"not looked into: {told['skipped']} identifiers that hang together by thousands")


def _stays(codes: list[str]) -> list[str]:
    """What of the changed rules cannot be applied to the past, and why."""
    return [f"as before: {in_words(code)}" for code in codes]


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
    lines += _stays(found.stays)
    if found.skipped:
        lines.append(f"not looked into: {found.skipped} identifiers that hang together by thousands")
    for one in found.examples:
        lines.append(f"{one.kind}, {one.size} identifiers: {' '.join(one.before)} -> {' '.join(one.after)}")
        lines += [f"  {key}" for key in one.identifiers]
    return "\n".join(lines)
