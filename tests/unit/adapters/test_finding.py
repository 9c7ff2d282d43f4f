"""Many patterns at once are found wherever one by one they would be."""

import hypothesis.strategies as st
import pytest
from hypothesis import given

from regulars.adapters import finding
from regulars.adapters.finding import Finder

LETTERS = st.binary(min_size=1, max_size=14).map(lambda some: bytes(b"aAbB@\xe9"[one % 6] for one in some))


def one_by_one(patterns: list[bytes], data: bytes) -> set[tuple[bytes, int]]:
    return {
        (pattern, at)
        for pattern in patterns
        for at in range(len(data) - len(pattern) + 1)
        if pattern in (data[at : at + len(pattern)], data[at : at + len(pattern)].lower())
    }


@given(st.lists(LETTERS, max_size=5), st.lists(LETTERS, max_size=8).map(b"".join))
def test_every_place_of_every_pattern_is_found(patterns: list[bytes], data: bytes) -> None:
    whole = data + b"".join(patterns) + data
    found = [tuple(one) for one in Finder(patterns).find(whole)]
    assert set(found) == one_by_one(patterns, whole)
    assert len(found) == len(set(found))


@pytest.mark.parametrize("piece", [8, 12, 64])
def test_a_pattern_across_two_pieces_is_found(monkeypatch: pytest.MonkeyPatch, piece: int) -> None:
    monkeypatch.setattr(finding, "PIECE", piece)
    data = b"".join(b"%03d ana@example.org, bo1; " % number for number in range(40))
    patterns = [b"ana@example.org", b"bo1"]
    assert {tuple(one) for one in Finder(patterns).find(data)} == one_by_one(patterns, data)
