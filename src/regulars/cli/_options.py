"""Arguments that several commands take."""

from pathlib import Path
from typing import Any

import click

from regulars.runtime import Settings, settings

SHOP = click.argument("shop", type=click.Path(path_type=Path))
DATA = click.option(
    "--data", type=click.Path(path_type=Path), envvar="REGULARS_DATA", help="The data folder; by default SHOP/data."
)


def settings_of(shop: Path, data: Path | None = None, **flags: Any) -> Settings:
    """The settings of a command: flags, then the environment."""
    return settings(shop, data=data, **flags)
