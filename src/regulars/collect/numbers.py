"""Numbers that no later room could store: integers beyond 64 bits."""

from typing import Any

_LARGEST = 2**63 - 1


def out_of_range(value: Any, path: str) -> str:
    """The path of the first number that is out of range; "" when there is none. Depth is bounded before.

    >>> out_of_range({"a": [1, 2**64]}, "properties")
    'properties.a.1'
    """
    if isinstance(value, dict):
        return next((found for key, held in value.items() if (found := out_of_range(held, f"{path}.{key}"))), "")
    if isinstance(value, list):
        return next((found for i, held in enumerate(value) if (found := out_of_range(held, f"{path}.{i}"))), "")
    return path if isinstance(value, int) and not -_LARGEST <= value <= _LARGEST else ""
