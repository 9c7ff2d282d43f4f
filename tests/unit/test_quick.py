"""With --quick property tests have fewer examples, and everything else of them stays."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import QUICK_LEAST, with_fewer_examples


@pytest.mark.parametrize(("full", "quick"), [(300, 30), (100, 10), (20, QUICK_LEAST), (3, 3)])
def test_a_property_test_has_a_tenth_of_its_examples(full: int, quick: int) -> None:
    seen: list[int] = []

    @settings(max_examples=full, derandomize=True, database=None)
    @given(st.integers())
    def holds(number: int) -> None:
        seen.append(number)

    holds()
    assert len(seen) == full
    seen.clear()
    with_fewer_examples(holds)
    holds()
    assert len(seen) == quick


def test_a_mistake_still_fails() -> None:
    @settings(max_examples=100, derandomize=True, database=None)
    @given(st.integers())
    def fails(number: int) -> None:
        raise ZeroDivisionError(number)

    with_fewer_examples(fails)
    with pytest.raises(ZeroDivisionError):
        fails()


def test_a_test_without_examples_stays_as_it_is() -> None:
    def plain() -> None: ...

    with_fewer_examples(plain)
    plain()
