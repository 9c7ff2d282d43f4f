"""Versions of models in the console: what is told of them, who may switch, and how far a training is."""

import io
import os
import time
from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from regulars.cli.models import table
from regulars.core.calendar import Calendar
from regulars.flow.models import (
    Progress,
    current,
    earlier,
    note_progress,
    point,
    progress,
    recommend_folder,
    training,
)
from regulars.recommend.measuring import Interval, Latency
from regulars.recommend.ranked.learned import FORM, Ranked, RankerTold, Why
from regulars.recommend.store import save
from tests.property.test_quick_blend import TRAINED
from tests.unit.console.corner import Corner, send, token_in


def two_versions(corner: Corner) -> Path:
    models: Path = corner.services.folder.models
    folder = recommend_folder(models)
    folder.mkdir(parents=True, exist_ok=True)
    for at, name in enumerate(("v1", "v2"), 1):
        save(TRAINED, folder / name, trained_at=1_700_000_000_000 + at, seconds=61.0)
    point(models, "v2")
    return models


def test_versions_are_told_with_what_they_learned_from_and_which_one_serves(own_corner: Corner) -> None:
    assert "Nothing is trained yet" in own_corner.as_("ada").get("/console/models").text
    two_versions(own_corner)
    page = own_corner.as_("ada").get("/console/models").text
    assert page.index("v2") < page.index(">serves<") < page.index("<code>v1</code>")
    assert f"{TRAINED.lines:,} order lines" in page
    pia = own_corner.as_("pia")
    send(pia, "/console/models", "/console/language", language="de")
    german = pia.get("/console/models").text
    assert "Bestellzeilen" in german
    assert "ask=v1" not in german, "who may not switch sees no button"


def test_a_switch_is_asked_once_more_is_carried_out_and_goes_back(own_corner: Corner) -> None:
    models = two_versions(own_corner)
    ada = own_corner.as_("ada")
    assert "ask=v1" in ada.get("/console/models").text
    asked = ada.get("/console/models?ask=v1").text
    assert "Let v1 serve?" in asked
    assert current(models) == "v2", "looking changes nothing"
    answer = ada.post("/console/models/use", data={"csrf": token_in(asked), "version": "v1"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/models?served=v1")
    assert (current(models), earlier(models)) == ("v1", None)
    assert own_corner.looks()[-1] == ("ada", "let models serve", "v1")
    assert send(ada, "/console/models", "/console/models/use", version="v2").status_code == 303
    assert (current(models), earlier(models)) == ("v2", "v1")


def test_only_an_administrator_switches_and_only_to_what_can_be_read(own_corner: Corner) -> None:
    models = two_versions(own_corner)
    mia = own_corner.as_("mia")
    token = token_in(mia.get("/console/account").text)
    assert mia.post("/console/models/use", data={"csrf": token, "version": "v1"}).status_code == 403
    ada = own_corner.as_("ada")
    for wrong in ("v9", "", "../v1", "<b>"):
        refused = send(ada, "/console/models", "/console/models/use", version=wrong)
        assert refused.status_code == 409
        assert "<b>" not in refused.text
    (recommend_folder(models) / "v1" / "manifest.json").write_text("{", encoding="utf-8")
    assert "Cannot be read." in ada.get("/console/models").text
    assert send(ada, "/console/models", "/console/models/use", version="v1").status_code == 409
    with training(models):
        held = send(ada, "/console/models", "/console/models/use", version="v2")
        assert (held.status_code, "being trained" in held.text) == (409, True)
    assert current(models) == "v2"


def test_how_far_a_training_is_and_that_it_is_over(own_corner: Corner) -> None:
    models = two_versions(own_corner)
    ada = own_corner.as_("ada")
    assert "A training is running" not in ada.get("/console/models").text
    note_progress(models, Progress(1, int(time.time() * 1000) - 5_000, os.getpid()))
    page = ada.get("/console/models").text
    assert 'class="now" aria-current="step">Learning from orders' in page
    assert "the last one took" in page
    note_progress(models, None)
    assert "The training is over." in ada.get("/console/models/training").text


def test_what_a_dead_training_left_behind_says_nothing(own_corner: Corner) -> None:
    models = two_versions(own_corner)
    note_progress(models, Progress(1, 1, 2**22 - 1))
    assert progress(models) is None
    (recommend_folder(models) / ".progress.json").write_text("{", encoding="utf-8")
    assert progress(models) is None


RANKER = RankerTold(
    serves=False, why="no_better", learned_from="simulated", rows=1778, clicks=2000, exposed_rows=0, form=FORM,
    figures={"ranker": Interval(0.507, 0.477, 0.541), "blend": Interval(0.518, 0.487, 0.551)},
    lead={"blend": Interval(-0.011, -0.021, -0.002)}, cpu_ms=Latency(1.9, 3.1),
)  # fmt: skip


@pytest.mark.parametrize(
    ("language", "why", "told"),
    [
        (
            "en",
            "no_better",
            (
                "simulated exposures (1,778 rows",
                "rests: not better",
                "\N{MINUS SIGN}0.011 (\N{MINUS SIGN}0.021 to \N{MINUS SIGN}0.002)",
            ),
        ),
        (
            "de",
            "no_better",
            (
                "simulierten Einblendungen (1.778 R",
                "ruht: nicht besser",
                "\N{MINUS SIGN}0,011 (\N{MINUS SIGN}0,021 bis \N{MINUS SIGN}0,002)",
            ),
        ),
        ("en", "slow", ("rests: ordering takes too long", "Ordering takes 1.9 ms", "3.1 ms")),
        ("de", "slow", ("ruht: das Ordnen dauert zu lange", "Das Ordnen dauert 1,9 ms", "3,1 ms")),
    ],
)
def test_a_resting_order_is_told_with_what_was_measured(
    own_corner: Corner, language: str, why: Why, told: tuple[str, ...]
) -> None:
    models = two_versions(own_corner)
    ranked = Ranked(msgspec.structs.replace(RANKER, why=why), None)
    save(msgspec.structs.replace(TRAINED, ranked=ranked), recommend_folder(models) / "v3", trained_at=3)
    ada = own_corner.as_("ada")
    if language == "de":
        send(ada, "/console/models", "/console/language", language="de")
    page = ada.get("/console/models").text
    for part in told:
        assert part in page


def test_the_command_line_tells_an_orders_lead_and_time(own_corner: Corner) -> None:
    models = two_versions(own_corner)
    save(
        msgspec.structs.replace(TRAINED, ranked=Ranked(RANKER, None)),
        recommend_folder(models) / "v3",
        trained_at=3,
    )
    console = Console(width=1000, record=True, file=io.StringIO())
    console.print(table(models, Calendar("UTC")))
    text = console.export_text()
    assert (
        "simulated, rests: not better than what was there; NDCG@10 0.507, over the blend -0.011 (-0.021…-0.002)" in text
    )
    assert "1.9 / 3.1 ms" in text
