"""How far a demo's data folder is, so that an interrupted or a second start goes on where the last one ended."""

from pathlib import Path
from typing import Any

import msgspec

from regulars.core.errors import Rejected


class Marker(msgspec.Struct):
    """How far the demo's data folder is; beside the data, so that a second start begins at once."""

    days: int = 0  # imported
    products: bool = False
    training: dict[str, Any] | None = None
    households: int | None = None  # None: all


def begun(file: Path, households: int | None) -> Marker:
    """How far the data folder is; raises Rejected when it holds other households than are asked for."""
    if not file.exists():
        return Marker(households=households)
    marker = read(file)
    if marker.households != households:
        held = "all households" if marker.households is None else f"{marker.households} households"
        raise Rejected(
            f"{file.parent} was begun with {held}; add --fresh to begin anew, or ask for the same again",
            field="--households",
            expected=held,
            got=str(households or "all"),
        )
    return marker


def read(file: Path) -> Marker:
    """The marker, a new one where there is none yet; raises Rejected when it is damaged."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=Marker)
    except FileNotFoundError:
        return Marker()
    except msgspec.DecodeError:
        raise Rejected(f"{file} is damaged; begin anew with --fresh", field=str(file), expected="JSON") from None


def write(file: Path, marker: Marker) -> None:
    """Put it in place whole."""
    partial = file.with_suffix(".partial")
    partial.write_bytes(msgspec.json.encode(marker))
    partial.replace(file)
