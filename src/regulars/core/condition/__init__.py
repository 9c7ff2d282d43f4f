"""The condition (`when`) language: a SQL boolean expression over traits, segments, context and catalogue.

It is parsed by sqlglot, checked against what exists, compiled once to a Python closure for one profile and to SQL
over the profile table for a million, and explains itself clause by clause. `docs/reference/conditions.md` describes
the language; `interpret.py` defines its meaning.
"""

from regulars.core.condition.condition import Condition, check, compile_condition
from regulars.core.condition.explain import Expected, Explanation
from regulars.core.condition.mistakes import InvalidCondition, Mistake
from regulars.core.condition.schema import Name, Schema, Type
from regulars.core.condition.words import expected_in_words, render, value_in_words

__all__ = [
    "Condition",
    "Expected",
    "Explanation",
    "InvalidCondition",
    "Mistake",
    "Name",
    "Schema",
    "Type",
    "check",
    "compile_condition",
    "expected_in_words",
    "render",
    "value_in_words",
]
