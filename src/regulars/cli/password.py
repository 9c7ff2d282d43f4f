"""`regulars password`."""

from pathlib import Path

import click

from regulars.cli._options import DATA, SHOP, settings_of
from regulars.cli._server import ask
from regulars.console.accounts import ADMIN, hash_password, new_password


@click.command()
@SHOP
@click.argument("name", default=ADMIN)
@DATA
def command(shop: Path, name: str, data: Path | None) -> None:
    """Give a console user a new password and print it once; for the administrator who lost theirs.

    NAME is `admin` by default. The server must run. Every session of the account ends.
    """
    password = new_password()
    ask(settings_of(shop, data), "/v1/users/password", {"name": name, "password": hash_password(password)})
    click.echo(f"{name} logs in with {password} from now on; it is not shown again")
