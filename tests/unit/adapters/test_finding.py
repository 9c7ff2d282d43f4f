"""Many patterns at once are found wherever one by one they would be."""

import hypothesis.strategies as st
import numpy as np
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


@given(
    st.lists(LETTERS, max_size=5),
    st.lists(st.lists(LETTERS, max_size=8).map(b"".join), min_size=2, max_size=4),
    st.sampled_from([1, 2, 256]),
)
def test_what_was_learned_of_other_data_hides_nothing(patterns: list[bytes], data: list[bytes], common: int) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(finding, "_WORTH_A_LOOK", 4)
        patched.setattr(finding, "_LOOKED_AT", 2)
        patched.setattr(finding, "_COMMON", common)
        finder = Finder(patterns)
        for one in data:
            whole = one + b"".join(patterns) + one
            found = [tuple(hit) for hit in finder.find(whole)]
            assert set(found) == one_by_one(patterns, whole)
            assert len(found) == len(set(found))


def test_words_that_are_common_in_other_data_are_not_looked_up_there() -> None:
    person = b"ana@shop" + bytes(8)  # zeros are rare in texts, and most of what is in a database
    finder = Finder([person])
    text, pages = b"ana@shop is open." * 100_000, bytes(2_000_000)
    assert list(finder.find(text)) == []
    zeros = np.frombuffer(pages, "<u4")
    some, desk = zeros[:1_000], finding._Desk()  # noqa: SLF001
    assert finder._rare is not None  # noqa: SLF001
    assert len(finder._rare.places(some, desk)) == len(some)  # noqa: SLF001
    assert len(finder._rare_in(zeros).places(some, desk)) == 0  # noqa: SLF001
    assert list(finder.find(pages + person + pages)) == [(person, len(pages))]
