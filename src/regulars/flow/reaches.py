"""What counts toward limits, as the flow keeps it in a profile's REACH part."""

from typing import Any


def merge_reach(left: list[Any], right: list[Any]) -> list[Any]:
    """The union of two profiles' decisions."""
    return left + right
