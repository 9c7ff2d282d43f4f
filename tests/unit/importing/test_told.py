"""What `regulars import` says at its end."""

from pathlib import Path

import pytest

from regulars.cli._import import show_result
from regulars.importing import Given, Imported


@pytest.mark.parametrize(
    ("kind", "calls", "hinted"), [("programme", 3, True), ("programme", 0, False), ("calls", 3, False)]
)
def test_whoever_brings_a_schedule_is_told_how_traits_take_it_in(
    capsys: pytest.CaptureFixture[str], *, kind: str, calls: int, hinted: bool
) -> None:
    show_result(Given(path=Path("tv.csv"), kind=kind, format="csv"), Imported(rows=3, calls=calls), None)
    assert ("regulars replay --again" in capsys.readouterr().out) is hinted
