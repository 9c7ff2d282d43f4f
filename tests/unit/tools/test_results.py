"""RESULTS.md: a benchmark that is run replaces its own part, and says where it was measured."""

from typing import Any

from benchmarks.run import page


def part(name: str, value: float) -> tuple[str, dict[str, Any], float]:
    return f"python benchmarks/{name}.py", {"name": name, "figures": {"a": value}, "budgets": {}, "ok": True}, 1.0


def test_what_is_not_run_stays_as_it_stands() -> None:
    before = page([part("fold", 1), part("count", 2)])
    after = page([part("fold", 3)], before)
    assert "| a | 3 |" in after
    assert "| a | 1 |" not in after
    assert after.split("\n## count")[1] == before.split("\n## count")[1]
    assert page([], after).split("\n## ")[1:] == after.split("\n## ")[1:]


def test_one_that_did_not_end_says_so_in_its_own_part() -> None:
    after = page([("python benchmarks/fold.py --quick", None, 1.0)], page([part("fold", 1)]))
    assert after.count("\n## ") == 1
    assert "\n## fold\n" in after
    assert "It did not run to its end." in after
