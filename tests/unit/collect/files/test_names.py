"""Names of people in reviews, chats and searches: what stands around them gives them away, and products stay."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regulars.collect.files.masking import masked, masked_search
from regulars.collect.files.names import NAME, without_names

#: Names that no list holds.
NAMES = ("Wiebke Ölscher", "Ana López", "Dorothea von der Aue", "Nils O'Hara", "Zoë", "Kai-Uwe Brömmelkamp", "Ada L.")
AROUND = (
    "Mein Name ist {}, guten Tag.", "ich heiße {} und suche ein Rad", "My name is {}. It broke.",
    "Danke an Frau {} im Laden", "ask Mr. {} about it", "Herr Dr. {} war freundlich", "Hallo {},\nwo bleibt es?",
    "customer: Hi {}!\nshop: hello", "Sehr geehrte Frau {},\nalles gut", "Dear {},\nthanks", "Gut.\nViele Grüße\n{}",
    "Prima!\nMit freundlichen Grüßen,\n{}", "Fine.\nBest regards\n{}\n", "Klasse. LG {}", "Ja\nLiebe Grüße aus Ulm, {}",
)  # fmt: skip


@given(st.sampled_from(AROUND), st.sampled_from(NAMES))
def test_whoever_is_addressed_introduced_greeted_or_signs_is_not_named(around: str, name: str) -> None:
    assert masked(around.format(name)) == around.format(NAME)


@pytest.mark.parametrize(
    "text",
    [
        "Sehr geehrte Damen und Herren,\nder Schuh passt.", "Hallo Zusammen,\nliebes Team", "Dear Customer Support,",
        "Für meine Frau Handschuhe, für den Herrn Socken", "Calvin Klein Jeans und ein Hemd von Paul Smith",
        "Hugo Boss Anzug, Tom Tailor Hose", "Mr Proper und Frau Holle", "LG OLED Fernseher", "Viele Grüße aus Bern",
        "Modell Anna in Schwarz, Regal Billy", "Moin,\nalles super.", "Danke und viele Grüße\n",
    ],
)  # fmt: skip
def test_products_brands_and_whom_nobody_is_stay(text: str) -> None:
    assert masked(text) == text


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("geschenk für anna müller", "geschenk für [name]"),
        ("Bestellung THOMAS SCHMIDT", "Bestellung [name]"),
        ("Kleid Anna Schwarz", "Kleid Anna Schwarz"),
        ("paul smith hemd", "paul smith hemd"),
        ("Hello Kitty", "Hello Kitty"),
        ("Frau Mantel Winter", "Frau Mantel Winter"),
        ("LG Waschmaschine", "LG Waschmaschine"),
    ],
)
def test_a_search_keeps_its_products(typed: str, kept: str) -> None:
    assert masked_search(typed) == kept


@given(st.lists(st.sampled_from((*AROUND, *NAMES, "\n", " ", ", ", "Herr ", "LG ", "Dr. ")), max_size=8))
def test_what_is_masked_once_is_masked(pieces: list[str]) -> None:
    text = "".join(one.format("Eva") if "{" in one else one for one in pieces)
    for hide in (masked, masked_search):
        assert hide(hide(text)) == hide(text)


@pytest.mark.parametrize(
    "piece", ["Herr ", "von ", "Viele Grüße ", "regards\n", "Hallo ", " ", "\t", "Dr. ", "Anna-", "A. "]
)
def test_no_text_takes_long(piece: str) -> None:
    text = (piece * 16_000)[:16_000]
    began = time.process_time()
    without_names(text)
    assert time.process_time() - began < 1
