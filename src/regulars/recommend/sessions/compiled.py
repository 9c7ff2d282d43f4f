"""Whether loops are compiled: by numba, where the extra `[fast]` is installed and works here."""

from functools import cache
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType


@cache
def compiled(part: str = "fast") -> ModuleType | None:
    """A module of loops, or None: answers are the same without it, later by some microseconds.

    A numba that does not fit numpy cannot be imported; one that finds no folder to keep what it compiled (no home, a
    read-only installation) would compile at every start.
    """
    if find_spec("numba") is None:
        return None
    try:
        return import_module(f"regulars.recommend.sessions.{part}")
    except (ImportError, RuntimeError):
        return None
