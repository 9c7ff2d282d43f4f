"""The record of processing is told from the configuration, to the last property."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from regulars.cli._main import program
from regulars.shop.data_found import FACTS, found_use
from regulars.shop.data_use import data_use
from regulars.shop.data_use_measures import MEASURES
from regulars.shop.data_use_page import markdown, page, tables
from regulars.shop.load import build

TEXT = 'text = { de = "Wozu", en = "What for" }\n'
FILES = {
    "shop.toml": '[shop]\nname = "Corner <b>shop"\n[retention]\nevents_days = 90\nfailed_days = 7\n',
    "sources.toml": '[sources.web]\nkind = "browser"\nwrite_key = "wk_12345678"\ntitle = {de = "Laden"}\n'
    '[sources.alpina]\nkind = "server"\nkey_sha256 = "' + "ab" * 32 + '"\nbrand = "Alpina"\nown_purpose = "alpina"\n',
    "consent.toml": f"[purposes.analytics]\n{TEXT}expires_days = 365\n[purposes.partners]\n{TEXT}"
    f'[purposes."partners:acme"]\n{TEXT}partner = "acme"\n[purposes.alpina]\n{TEXT}',
    "events.toml": '[events."Product Viewed"]\nkeep_days = 60\n'
    'properties = {product_id = "id", colour = "text", mood = "text"}\n'
    '[events."Order Completed"]\nproperties = {order_id = "id", total = "number", note = "text"}\n'
    '[events."Page Left"]\nproperties = {seconds = "number"}\n',
    "traits.toml": '[traits.colours]\nkind = "distinct"\nof = "colour"\nevents = ["Product Viewed"]\nwindow_days = 30\n'
    'purpose = "analytics"\n[traits.orders]\nkind = "count"\nevents = ["Order Completed"]\n',
    "segments.toml": '[segments.colourful]\nwhen = "colours >= 3"\npurpose = "analytics"\n'
    "[segments.best]\nwhen = \"in_segment('colourful') and orders > 2\"\n",
    "placements.toml": '[placements.home]\nrecommend = "popular"\n',
    "offers/o.toml": '[offers.paint]\nplacements = ["home"]\npurpose = "analytics"\nvalue = 1\n'
    "when = \"in_segment('best')\"\n",
}


@pytest.fixture
def record() -> dict[str, Any]:
    definitions, mistakes = build({name: text.encode() for name, text in FILES.items()})
    assert definitions is not None, mistakes
    return data_use(definitions, "de")


def fields(record: dict[str, Any], name: str) -> dict[str, list[str]]:
    (event,) = [one for one in record["events"] if one["name"] == name]
    return {field["name"]: field["used_for"] for field in event["fields"]}


def test_a_property_is_followed_to_the_offers_that_rest_on_it(record: dict[str, Any]) -> None:
    assert fields(record, "Product Viewed") == {
        "product_id": ["recommendations at home"],
        "colour": ["trait colours", "offer paint", "segment best", "segment colourful"],
        "mood": [],
    }
    assert fields(record, "Order Completed") == {"order_id": ["orders"], "total": ["orders"], "note": []}


def test_what_nothing_reads_is_said_to_be_unused(record: dict[str, Any]) -> None:
    unused = {one["name"]: one["unused"] for one in record["events"]}
    assert unused == {"Product Viewed": False, "Order Completed": False, "Page Left": True}


def test_basis_term_and_recipients_are_told(record: dict[str, Any]) -> None:
    told = {one["name"]: (one["basis"], one["keep_days"]) for one in record["events"]}
    assert told == {
        "Product Viewed": ("consent", 60),
        "Order Completed": ("contract", None),
        "Page Left": ("consent", 90),
    }
    assert record["recipients"] == ["acme"]
    assert record["retention"]["failed_days"] == 7
    assert record["sources"][0]["title"] == "Laden"


def test_the_page_says_it_in_both_languages_and_takes_nothing_for_markup(record: dict[str, Any]) -> None:
    german, english = page(record, "de"), page(record, "en")
    assert "Corner &lt;b&gt;shop" in german
    assert "<b>" not in german
    assert "nicht genutzt" in german
    assert "not used" in english
    assert "bis zur Löschung" in german
    assert "nur mit Einwilligung in alpina" in german
    assert "only with consent to alpina" in english


def test_the_command_writes_json_or_a_page(tmp_path: Path) -> None:
    for name, text in FILES.items():
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")
    runner = CliRunner()
    assert json.loads(runner.invoke(program, ["report", "privacy", str(tmp_path)]).output)["recipients"] == ["acme"]
    answer = runner.invoke(program, ["report", "privacy", str(tmp_path), "--html", "--language", "de"])
    assert answer.output.startswith("<!doctype html>")


ROWS = [
    ("web", "Product Viewed", "", "", 200, 0, 90),
    ("web", "Product Viewed", "properties", "colour", 150, 7, 80),
    ("web", "Product Viewed", "properties", "mood", 20, 3, 2),
    ("web", "Product Viewed", "properties", "shoe_size", 40, 12, 20),
    ("web", "Product Viewed", "properties", "ana", 1, 1, 19),
    ("web", "Product Viewed", "properties", "?", 3, 1, 50),
    ("web", "Identify", "", "", 4, 0, 4),
    ("web", "Identify", "traits", "email", 4, 4, 4),
    ("gone", "Odd", "", "", 1, 0, 1),
]


def with_rows() -> dict[str, Any]:
    definitions, _ = build({name: text.encode() for name, text in FILES.items()})
    assert definitions is not None
    return data_use(definitions, "de") | {"found": found_use(definitions, ROWS, days=90, language="de")}


def test_what_came_is_told_by_source_and_field_and_what_few_sent_is_not_named() -> None:
    found = with_rows()["found"]
    gone, web = found["sources"]
    assert (gone["configured"], gone["events"][0]["planned"], web["title"]) == (False, False, "Laden")
    viewed, identify = web["events"]
    assert {one["name"]: (one["share"], one["planned"], one["unused"]) for one in viewed["fields"]} == {
        "colour": (0.75, True, False),
        "mood": (0.1, True, True),
        "shoe_size": (0.2, False, True),
    }
    assert viewed["rare_fields"] == 2
    assert identify["fields"][0]["used_for"] == [FACTS]


def test_the_tables_are_the_same_as_page_and_as_markdown() -> None:
    record = with_rows()
    for language in ("de", "en"):
        text, read = markdown(record, language), page(record, language)
        for told in tables(record, language):
            assert all(len(row) == len(told.heads) for row in told.rows), told.id
            assert told.title in read
        assert "Corner &lt;b&gt;shop" in text
        assert "<b>" not in text
        assert text.count("\n## ") == len(tables(record, language))
    assert "75,0 %" in page(record, "de")
    assert "75.0 %" in page(record, "en")
    assert "shoe_size (nicht im Plan)" in page(record, "de")


def test_every_measure_has_words_in_both_languages_and_only_what_is_set_up_is_claimed(record: dict[str, Any]) -> None:
    codes = {one["code"] for one in record["measures"]}
    assert MEASURES["de"].keys() == MEASURES["en"].keys()
    assert codes <= MEASURES["de"].keys()
    assert not codes & {"tokens", "origins", "partners", "double_opt_in", "inactive"}


def test_rows_that_tell_of_one_event_are_folded_under_it() -> None:
    told = {one.id: one for one in tables(with_rows(), "en")}
    viewed, ordered, left = told["events"].groups
    assert (viewed.title, viewed.about, viewed.unused) == (
        "Product Viewed", "Purpose: analytics · Kept: 60 days · counted by colours", "1 not used"
    )  # fmt: skip
    assert [row[0] for row in viewed.rows] == ["product_id", "colour", "mood"]
    assert (viewed.heads, sorted(viewed.marked)) == (["Property", "Used for"], [2])
    assert (ordered.unused, left.unused) == ("1 not used", "not used")
    groups = told["found"].groups
    assert [one.title for one in groups][-1] == "Laden · Identify"
    assert groups[1].about == "Events: 200"
    for one in told.values():
        if one.by:
            rows = sum(len(group.rows) + 1 for group in one.groups)
            assert rows == len(one.rows)
