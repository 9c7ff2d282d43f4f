"""A row of a file, and one that cannot even be read."""

from collections.abc import Mapping
from typing import Any

import msgspec


class BrokenRow(msgspec.Struct, frozen=True):
    """A row that cannot even be read; the rows after it are not affected."""

    line: int
    expected: str
    got: str


Row = tuple[int, Mapping[str, Any]] | BrokenRow
