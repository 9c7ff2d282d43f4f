"""`regulars erase`."""

import time
from collections.abc import Sequence
from pathlib import Path

import click
import httpx
import msgspec
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from regulars.api.access import operator_key
from regulars.cli._options import DATA, SHOP, settings_of
from regulars.collect.identifiers import Identifiers
from regulars.core.erasure import DONE, PHASES, Erasure, remaining
from regulars.core.errors import Rejected, Unavailable
from regulars.core.identifier import format_key, parse
from regulars.runtime import Settings
from regulars.runtime import erasures as ledger
from regulars.runtime.build import existing_folder, read_state
from regulars.runtime.folder import holder
from regulars.runtime.status import read_status
from regulars.shop import load

_LOOK_SECONDS = 0.1
#: Exit code of --verify when something was found: nobody's input is wrong, but the promise is broken.
FOUND = 1


@click.command()
@SHOP
@click.argument("identifiers", nargs=-1, required=True, metavar="TYPE:VALUE...")
@click.option("--yes", is_flag=True, help="Do not ask whether this person is meant.")
@click.option("--reason", default="", help="Why; it stands in the certificate.")
@click.option("--verify", is_flag=True, help="Erase nobody: search every file for these identifiers.")
@click.option(
    "--in", "folders", multiple=True, type=click.Path(path_type=Path, exists=True),
    help="With --verify: search this file or folder as well (exports, backups). May be given several times.",
)  # fmt: skip
@DATA
def command(
    *,
    shop: Path,
    identifiers: tuple[str, ...],
    yes: bool,
    reason: str,
    verify: bool,
    folders: tuple[Path, ...],
    data: Path | None,
) -> int:
    """Erase a person everywhere and print the certificate, or search every file for somebody.

    With --verify the exit code is 1 when anything is found; every place is printed.
    """
    settings = settings_of(shop, data)
    if verify:
        return _verify(settings, _spelled(settings, [_key(one) for one in identifiers]), folders)
    if folders:
        raise Rejected("--in belongs to --verify", field="--in")
    if len(identifiers) > 1:
        raise Rejected("erase one person at a time: one identifier is enough for all of theirs", field="TYPE:VALUE")
    key = _key(identifiers[0])
    if not yes:
        click.confirm(f"erase the person behind {key}, with everything known of them? There is no way back", abort=True)
    _erase(settings, key, reason)
    return 0


def _key(text: str) -> str:
    kind, colon, value = text.partition(":")
    if not colon or not value:
        raise Rejected(
            f"{text!r} is not an identifier", field="TYPE:VALUE", expected="as in email:ana@example.org", got=text
        )
    return format_key(kind, value)


def _spelled(settings: Settings, keys: Sequence[str]) -> list[str]:
    """The keys, and as the shop's own rules spell them: a telephone number with its country."""
    identifiers = Identifiers(load(settings.shop).identity)
    own = [identifiers.key(*parse(key)) for key in keys]
    return list(dict.fromkeys([*keys, *(key for key in own if key is not None)]))


def _erase(settings: Settings, key: str, reason: str) -> None:
    folder = existing_folder(settings)
    if holder(folder) is None:
        raise Rejected(
            f"no server runs on {folder.root}; start `regulars serve {settings.shop}`, which erases while it is open",
            field="SHOP",
            expected="a running server",
            got="none",
        )
    address = str(read_status(folder.status / "supervisor").get("address") or settings.address)
    body = {"identifier": key, "reason": reason}
    try:
        answer = httpx.post(
            f"{address}/v1/privacy/erase", json=body, auth=(operator_key(folder.secret()), ""), timeout=60
        )
    except httpx.TransportError as error:
        raise Unavailable(f"the server at {address} does not answer: {error}; try again") from error
    if answer.status_code != 202:
        raise Rejected(str(msgspec.json.decode(answer.content).get("detail", answer.text)))
    identifier = str(answer.json()["id"])
    reader = read_state(folder)
    try:
        columns = (TextColumn("{task.description}"), BarColumn())
        with Progress(*columns, console=Console(stderr=True)) as bar:
            task = bar.add_task("erasing", total=len(PHASES) - 1)
            while (found := ledger.erasure(reader, identifier)) is None or found.phase != DONE:
                phase = found.phase if found is not None else PHASES[0]
                bar.update(task, completed=PHASES.index(phase), description=phase)
                time.sleep(_LOOK_SECONDS)
            bar.update(task, completed=len(PHASES) - 1, description=DONE)
    finally:
        reader.close()
    _print(found)


def _print(erasure: Erasure) -> None:
    """The certificate as JSON; a warning where the search still found something."""
    body = {"erasure": erasure, "remains": remaining(erasure)}
    click.echo(msgspec.json.format(msgspec.json.encode(body)).decode())
    if erasure.left:
        raise Unavailable(
            f"the search still found the person in {len(erasure.left)} places, see `left`; run it again with --verify"
        )


def _verify(settings: Settings, keys: Sequence[str], folders: Sequence[Path]) -> int:
    # Loads pyarrow, which only this needs.
    from regulars.analyst import search

    folder = existing_folder(settings)
    with Console(stderr=True).status("proving that the search finds"):
        planted = search.prove(keys, folder.root)
    for store, count in sorted(planted.items()):
        click.echo(f"{store}: planted ones found {count}")
    blind = sorted(store for store, count in planted.items() if not count)
    if blind:
        raise RuntimeError(f"the search does not find what was planted in {', '.join(blind)}")
    began = time.monotonic()
    with Console(stderr=True).status("searching"):
        hits = search.search([folder.root, *folders], keys)
    for hit in hits:
        click.echo(f"{hit.file}: {hit.form} form, {hit.place}")
    click.echo(f"searched in {time.monotonic() - began:.1f} s")
    click.echo(f"found: {len(hits)}")
    return FOUND if hits else 0
