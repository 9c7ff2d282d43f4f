"""Cycles of objects are searched between batches only, and found."""

import gc
import weakref
from collections.abc import Iterator

import pytest

from regulars.runtime.processes import Collecting


class _Ring:
    def __init__(self) -> None:
        self.self = self


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    yield
    gc.unfreeze()
    gc.enable()


def test_a_cycle_goes_when_it_is_time_and_not_before() -> None:
    now = 0.0
    collecting = Collecting(seconds=20, clock=lambda: now)
    ring = weakref.ref(_Ring())
    assert not collecting.between()
    assert ring() is not None
    now = 20.0
    assert collecting.between()
    assert ring() is None
    assert not gc.isenabled()
