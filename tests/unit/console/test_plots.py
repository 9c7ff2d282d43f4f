"""Plots: round axes, everything inside, nothing unescaped."""

import re
from itertools import pairwise
from xml.etree import ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from regulars.console.plots import Column, Stop, columns, interval, nice_ticks, share, spark, stacked


@given(st.floats(1e-6, 1e15))
def test_an_axis_begins_at_zero_reaches_the_largest_and_has_few_even_steps(largest: float) -> None:
    ticks = nice_ticks(largest)
    steps = [b - a for a, b in pairwise(ticks)]
    assert ticks[0] == 0
    assert ticks[-1] >= largest * (1 - 1e-9)
    assert 2 <= len(ticks) <= 7
    assert max(steps) - min(steps) <= 1e-9 * ticks[-1]
    assert ticks[-2] < largest


def test_an_axis_without_values_still_has_a_length() -> None:
    assert nice_ticks(0) == [0.0, 1.0]


@given(st.lists(st.integers(-50, 10**9), min_size=1, max_size=400))
def test_columns_stay_inside_the_plot(values: list[int]) -> None:
    svg = ET.fromstring(columns([Column(value, "x") for value in values], label="revenue", tick=str))  # noqa: S314
    height = float(svg.attrib["height"])
    found = [part for part in svg.iter("rect") if part.attrib["class"] == "column"]
    assert len(found) == len(values)
    for part in found:
        assert float(part.attrib["height"]) >= 0
        assert 0 <= float(part.attrib["y"]) <= height
        assert float(part.attrib["x"][:-1]) + float(part.attrib["width"][:-1]) <= 100.01


def test_the_tallest_column_is_the_largest_value() -> None:
    svg = columns([Column(10, "a"), Column(40, "b"), Column(20, "c")], label="x", tick=str)
    tall = [float(h) for h in re.findall(r'class="column" [^>]*height="([\d.]+)"', svg)]
    assert tall.index(max(tall)) == 1
    assert tall[1] == 4 * tall[0]


def test_text_of_a_shop_cannot_become_markup() -> None:
    evil = '"><script>alert(1)</script>'
    for svg in (
        columns([Column(1, evil, evil)], label=evil, tick=lambda _: evil),
        stacked([Stop(1.0, "stage-new", evil)], label=evil),
        share(0.5, title=evil),
        interval(0.2, 0.1, 0.3, top=1, title=evil),
        spark([1, 2], label=evil),
    ):
        assert "<script" not in svg
        ET.fromstring(svg)  # noqa: S314 - our own text


def test_a_share_is_never_wider_than_its_track() -> None:
    assert 'width="100.00%"' in share(1.7, title="all")
    assert 'class="fill"' not in share(0.0, title="none")
