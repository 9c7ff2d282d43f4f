"""`regulars identity explain`, `unlink`, `relink` and `split`."""

from pathlib import Path
from typing import Any
from urllib.parse import quote

import click
import msgspec

from regulars.cli._options import DATA, SHOP, settings_of
from regulars.cli._server import ask, tell

REASON = click.option("--reason", required=True, help="Why; kept with the link.")

_HOUSE = {"en": "{member} belongs to {group}", "de": "{member} gehört zu {group}"}
_BURNED = {"en": "tells nothing any more", "de": "sagt nichts mehr"}
_MORE = {"en": "there is more than is shown", "de": "es gibt mehr, als hier steht"}


@click.command("explain")
@SHOP
@click.argument("identifier")
@click.option("--language", type=click.Choice(["en", "de"]), default="en", show_default=True, help="Of the sentences.")
@click.option("--json", "as_json", is_flag=True, help="As the HTTP API answers it.")
@DATA
def explain(*, identifier: str, shop: Path, language: str, as_json: bool, data: Path | None) -> None:
    """Say why the identifiers of a customer (TYPE:VALUE or p_…) are one person, link by link.

    The server must run. The look is logged like every other.
    """
    path = f"/v1/profiles/{quote(identifier, safe='')}/identity?language={language}"
    told = tell(settings_of(shop, data), path)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(told)).decode())
        return
    click.echo(told["profile"])
    for one in told["identifiers"]:
        click.echo(f"  {one['key']}" + (f"  ({_BURNED[language]})" if one["burned"] else ""))
    for part in ("links", "devices", "refused", "withdrawn"):
        for one in told[part]:
            click.echo(f"- {one['text']}")
    for one in told["households"]:
        others = ", ".join(each["member"] for each in one["members"] if each["member"] != one["member"])
        click.echo(f"- {_HOUSE[language].format(**one)}" + (f" ({others})" if others else ""))
    if not told["complete"]:
        click.echo(_MORE[language])


@click.command("unlink")
@SHOP
@click.argument("a")
@click.argument("b")
@REASON
@DATA
def unlink(*, a: str, b: str, shop: Path, reason: str, data: Path | None) -> None:
    """Take the link of two identifiers back; the profiles come out as if it had never been."""
    result = ask(settings_of(shop, data), "/v1/privacy/unlink", {"a": a, "b": b, "reason": reason})
    click.echo(f"{result['a']} and {result['b']} are linked no more; {len(result['profiles'])} profiles folded anew")


@click.command("relink")
@SHOP
@click.argument("a")
@click.argument("b")
@REASON
@DATA
def relink(*, a: str, b: str, shop: Path, reason: str, data: Path | None) -> None:
    """Let a link of two identifiers count again that was taken back; the profiles come out as if it always had."""
    result = ask(settings_of(shop, data), "/v1/privacy/relink", {"a": a, "b": b, "reason": reason})
    click.echo(f"{result['a']} and {result['b']} are linked again; {len(result['profiles'])} profiles folded anew")


@click.command("split")
@SHOP
@click.argument("profile")
@click.argument("keys", nargs=-1, required=True)
@REASON
@DATA
def split(*, profile: str, keys: tuple[str, ...], shop: Path, reason: str, data: Path | None) -> None:
    """Take identifiers (KEYS) out of a customer (TYPE:VALUE or p_…): every link to the rest is taken back."""
    body: dict[str, Any] = {"profile": profile, "keys": list(keys), "reason": reason}
    result = ask(settings_of(shop, data), "/v1/privacy/split", body)
    click.echo(f"{len(result['withdrawn'])} links taken back; {len(result['profiles'])} profiles folded anew")
    for key, name in result["keys"].items():
        click.echo(f"  {key}  {name}")


COMMANDS = (explain, unlink, relink, split)
