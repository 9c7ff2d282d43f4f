"""What counts toward limits, as the flow keeps it in a profile's REACH part."""

from typing import Any

from regulars.decide import reach


def merge_reach(left: list[Any], right: list[Any]) -> list[Any]:
    """The union of two profiles' decisions and exposures."""
    return reach.merge(left, right)
