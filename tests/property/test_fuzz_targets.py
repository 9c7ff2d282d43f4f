"""Readers of strangers' bytes: damaged, spliced and blown up, they refuse or read, and never take long."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.targets import TARGETS, seeds

#: Of one reading, of at most half a megabyte; seconds of the processor. With each piece of a seed pumped up in turn,
#: the slowest took 0.3 s, and twenty times as long as a twentieth of it.
MOST_SECONDS = 3.0
_TOKENS = st.sampled_from(
    [
        b"null",
        b"[]",
        b"{}",
        b"1e999",
        b"-0",
        b"9" * 25,
        b'""',
        b'"\\ud800"',
        b"\xff",
        b"\x00",
        b"[" * 40,
        b"NaN",
        b"true",
    ]
)


@st.composite
def damaged(draw: st.DrawFn, name: str) -> bytes:
    """A seed with pieces replaced, doubled, cut."""
    body = draw(st.sampled_from(seeds(name)))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(body)))
        until = min(len(body), at + draw(st.integers(0, 12)))
        body = body[:at] + draw(_TOKENS | st.binary(max_size=6) | st.just(body[at:until] * 3)) + body[until:]
    return body


@pytest.mark.parametrize("name", TARGETS)
@given(data=st.data())
@settings(max_examples=25, deadline=None)
def test_damaged_bytes_are_read_or_refused(name: str, data: st.DataObject) -> None:
    TARGETS[name](data.draw(damaged(name)))


@pytest.mark.slow
@pytest.mark.parametrize("name", TARGETS)
@given(data=st.data())
@settings(max_examples=3, deadline=None)
def test_no_repetition_takes_long(name: str, data: st.DataObject) -> None:
    body = data.draw(st.sampled_from(seeds(name)))
    at = data.draw(st.integers(0, len(body) - 1))
    piece = body[at : at + data.draw(st.integers(1, 8))]
    pumped = body[:at] + piece * (400_000 // len(piece)) + body[at:]
    began = time.process_time()
    TARGETS[name](pumped)
    assert time.process_time() - began < MOST_SECONDS
