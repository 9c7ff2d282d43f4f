"""The report of an evaluation names what people know, and fits where it is read."""

import re

import numpy as np
import pytest

from regulars.console.evaluation_report import page
from regulars.console.formats import Formats
from regulars.console.words import Words
from regulars.core.calendar import Calendar
from regulars.recommend.evaluation import Report
from regulars.recommend.sessions.data import Sessions
from regulars.recommend.sessions.questions import baselines, evaluate_next, next_items, share_of_sessions

VISITS = Sessions.of_lists([[0, 1], [0, 1, 2], [3, 2], [0, 1, 0], [4, 2], [5, 2]] * 30)


def report() -> Report:
    share = share_of_sessions(VISITS, 6)
    everybody = {"loyal_ones": range(90), "others": range(90, 180)}
    told = evaluate_next(
        baselines(share), next_items(VISITS), share=share, leader="seen_last", k=3, members=everybody
    )  # fmt: skip
    titles = {"loyal_ones": {"en": "Loyal <customers>", "de": "Treue Kundschaft"}}
    return Report(
        title="Corner", first_day=1, cut_day=2, last_day=3, products=6, learned_from={"visits": 180}, seconds={},
        evaluations={"review": told}, segments=titles,
    )  # fmt: skip


@pytest.mark.parametrize(("language", "title"), [("en", "Loyal &lt;customers&gt;"), ("de", "Treue Kundschaft")])
def test_segments_have_the_names_that_the_shop_gave_them(language: str, title: str) -> None:
    text = page(report(), Words(language), Formats(language, "EUR", Calendar("UTC")))
    assert title in text
    assert "loyal_ones" not in text
    assert ">others<" in text, "without a name its id is all there is"


def test_every_figure_can_say_its_head_where_there_is_no_room_for_a_table() -> None:
    text = page(report(), Words("en"), Formats("en", "EUR", Calendar("UTC")))
    cells = re.findall(r"<td[^>]*>", text)
    assert cells
    assert all(re.search(r'data-head="[^"]+"', cell) for cell in cells)
    assert np.all(["Hit rate" in text, "max-width" in text])
