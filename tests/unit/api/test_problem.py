"""What callers read when something is wrong."""

import json

import pytest

from regulars.api.problem import Problem, problem_of
from regulars.core.errors import Misconfigured, Rejected, Unavailable


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (Rejected("no", field="userId", expected="text", got="5"), 400),
        (Rejected("too large", field="body", expected="at most 5 bytes", got="6 bytes"), 413),
        (Rejected("too many", field="batch", expected="at most 5 events", got="6"), 413),
        (Rejected("too deep", field="body", expected="at most 32 levels", got="more"), 400),
        (Unavailable("the disk is full"), 503),
        (Misconfigured("edit it"), 503),
        (KeyError("inside"), 503),
        (Problem(409, "as it is"), 409),
    ],
)
def test_each_failure_has_its_status(error: Exception, status: int) -> None:
    problem = problem_of(error)
    assert problem.status == status
    document = json.loads(problem.body())
    assert document["status"] == status
    assert document["type"].startswith("/problems/")
    assert ("retry-after" in {name.decode() for name, _ in problem.headers}) == (status == 503)


def test_a_defect_tells_nothing_of_its_inside() -> None:
    assert "inside" not in problem_of(KeyError("inside")).body().decode()


def test_an_answer_never_gives_a_large_request_back() -> None:
    assert len(problem_of(Rejected("x" * 100_000, got="y" * 100_000)).body()) < 3000


def test_long_values_are_cut() -> None:
    document = json.loads(Problem(400, "wrong", field="x", got="y" * 10_000).body())
    assert (document["field"], len(document["got"])) == ("x", 500)
