"""Vendors' own clients on a bad line, with processes that are killed: nothing is lost, nothing counts twice."""

from pathlib import Path

import pytest

from benchmarks.chaos import BUDGETS, chaos
from benchmarks.report import holds

pytestmark = [pytest.mark.acceptance, pytest.mark.kill, pytest.mark.slow]
EVENTS = 2_000


def missed(figures: dict[str, float]) -> set[str]:
    """The budgets that are not kept; how often something was killed is chance in a run this short."""
    return {name for name, budget in BUDGETS.items() if name != "kills" and not holds(figures.get(name), budget)}


@pytest.mark.timeout(240)
def test_nothing_is_lost_and_nothing_counts_twice(tmp_path: Path) -> None:
    figures = chaos(tmp_path, EVENTS)
    assert missed(figures) == set()
    assert sum(value for name, value in figures.items() if name.startswith("fault_")) > 0
    assert figures["kills"] > 0


@pytest.mark.timeout(240)
def test_an_event_taken_out_on_its_way_is_found(tmp_path: Path) -> None:
    figures = chaos(tmp_path, EVENTS, broken="lose")
    assert "acknowledged_lost" in missed(figures)
    assert figures["acknowledged_lost"] == 1


@pytest.mark.timeout(240)
def test_a_request_counted_twice_is_found(tmp_path: Path) -> None:
    figures = chaos(tmp_path, EVENTS, broken="double")
    assert {"counted_twice", "people_miscounted"} <= missed(figures)
