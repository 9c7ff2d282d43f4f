"""How benchmarks tell their figures: a table for people, one JSON object as the last line for programs."""

import json
import operator
from collections.abc import Callable, Mapping

from rich.console import Console
from rich.table import Table

#: A budget is a comparison and a number: ">= 10000".
_COMPARED: dict[str, Callable[[float, float], bool]] = {">=": operator.ge, "<=": operator.le, "==": operator.eq}


def holds(figure: float | None, budget: str) -> bool:
    """Whether a figure keeps its budget; one that was not measured does not.

    >>> holds(12_000, ">= 10000"), holds(20, "<= 15"), holds(None, "<= 15")
    (True, False, False)
    """
    sign, number = budget.split()
    return figure is not None and _COMPARED[sign](figure, float(number))


def emit(name: str, figures: Mapping[str, float], budgets: Mapping[str, str]) -> bool:
    """Print the figures with their budgets; whether all are kept."""
    table = Table("figure", "value", "budget", "kept", title=name)
    for key, value in figures.items():
        budget = budgets.get(key, "")
        kept = ("yes" if holds(value, budget) else "no") if budget else ""
        table.add_row(key, f"{value:,.6g}", budget, kept)
    Console(width=120).print(table)
    ok = all(holds(figures.get(key), budget) for key, budget in budgets.items())
    rounded = {key: round(value, 6) for key, value in figures.items()}
    print(json.dumps({"name": name, "figures": rounded, "budgets": dict(budgets), "ok": ok}))
    return ok
