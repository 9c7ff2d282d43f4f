"""However a sensitive word is written, it is found; words that only look a little like one pass."""

import unicodedata

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from regulars.core.sensitive import Detector

DETECTOR = Detector()
WORDS = (
    "diabetes", "pregnant", "Schwangerschaft", "religion", "muslim", "katholisch", "disability", "depression",
    "cancer", "synagoge", "gewerkschaft", "fertility", "krankheit", "political", "lesbian", "chemotherapie",
)  # fmt: skip
SHORT = ("hiv", "aids", "gay", "koran", "islam", "halal")
ENDED = ("islamisch", "islamic", "islamist", "hinduismus", "hindus", "tumors", "ethnic")
#: Pieces that are words of their own wherever something is sold.
PASSING = ("isla m", "i slam", "kor an", "ga y", "a ids")
#: A letter of another script that is read as this one.
ALIKE = {
    "a": "CYRILLIC SMALL LETTER A", "c": "CYRILLIC SMALL LETTER ES", "e": "CYRILLIC SMALL LETTER IE",
    "o": "GREEK SMALL LETTER OMICRON", "p": "CYRILLIC SMALL LETTER ER", "i": "LATIN SMALL LETTER DOTLESS I",
    "x": "CYRILLIC SMALL LETTER HA", "y": "CYRILLIC SMALL LETTER U", "h": "CYRILLIC SMALL LETTER SHHA",
    "r": "FULLWIDTH LATIN SMALL LETTER R", "t": "MATHEMATICAL BOLD SMALL T", "s": "CYRILLIC SMALL LETTER DZE",
    "g": "LATIN SMALL LETTER SCRIPT G", "n": "MATHEMATICAL MONOSPACE SMALL N", "l": "CYRILLIC SMALL LETTER PALOCHKA",
}  # fmt: skip
DIGITS = {"o": "0", "i": "1", "e": "3", "a": "4", "s": "5", "t": "7"}
UNSEEN = ("ZERO WIDTH SPACE", "ZERO WIDTH JOINER", "SOFT HYPHEN", "RIGHT-TO-LEFT MARK", "WORD JOINER")
BETWEEN = (" ", "-", "_", ".", " - ", "/", "\N{EN DASH}", "\N{NO-BREAK SPACE}")
_HARMLESS = """
    Tee Kaffee Fahrrad Wanderschuhe Kinderwagen Kindergarten Kinder_Wunschliste Wunschzettel Blumentopf Geschenkkarte
    Allerlei aller_Generationen alle_Gerichte Politur Poliert Islandpullover Krebsfleisch Kirschkuchen Kirschen
    Glaubwürdigkeit Schulranzen Schwungrad Schwimmbad schwarze_Schuhe Hautpflege Haut_Farbe Gesamtbetrag Rasse
    Bestellung Versand_in_48h 4all L4D 2in1 A4 B2B H1 3D-Druck MP3 Größe_42 50ml 100%_Wolle 7_Zwerge 1_Liter
    Gewürze Geburtstag Umhang Umstand Kosmetik Korallen Hindernis Evangeline Transport Impressum Hallo Halle
    tea coffee bike hiking_boots lamp is_lamp_new his_lamp pregame preference fertile_soil cancel candles
    cancelled_order politeness policy relic reliable disk disco display deposit
    hivernal hike gayle Gayle_Ford aidan maids raids laids can_opener can_certainly burn_out_candles
    loyalty_tier shoe_size last_order newsletter preferred_store birthday customer_number hair_colour order-7-of-14
    is_lamp his_lambs the_lamps Isla_M Bikini_Isla_M First_Aid_S I_slam_it geh_hin_du_Held 7000_Chur_CH im_Potenzial
    aller_Gitarren Hi_Vis_Jacket Hi_V_Neck Hi-Fi AI_Design hi_val a_idea hal_alle tu_morgen Generation_Y data_IDs
    x100 email@shop.example 3-in-1 0800_123
"""


def told(text: str) -> bool:
    return bool(DETECTOR.name(text)) and DETECTOR.unwanted_name(text)


@st.composite
def disguised(draw: st.DrawFn) -> str:
    """A word with some of its letters replaced by others that look like them, and with what cannot be seen."""
    word = draw(st.sampled_from((*WORDS, *SHORT))).lower()
    letters = [unicodedata.lookup(ALIKE[one]) if one in ALIKE and draw(st.booleans()) else one for one in word]
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(1, len(letters) - 1))
        letters.insert(at, unicodedata.lookup(draw(st.sampled_from(UNSEEN))))
    return draw(st.sampled_from(("", "my ", "customer_"))) + "".join(letters)


@given(disguised())
def test_letters_that_look_alike_and_letters_that_cannot_be_seen_hide_nothing(text: str) -> None:
    assert told(text)
    assert DETECTOR.unwanted(text)


@given(st.sampled_from((*WORDS, *SHORT)), st.data())
def test_digits_for_letters_hide_nothing(word: str, data: st.DataObject) -> None:
    places = [at for at, one in enumerate(word) if one in DIGITS]
    chosen = data.draw(
        st.lists(st.sampled_from(places), unique=True, max_size=len(word) // 2) if places else st.just([])
    )
    assert told("".join(DIGITS[one] if at in chosen else one for at, one in enumerate(word)))


@given(st.sampled_from(WORDS), st.integers(1, 20), st.sampled_from(BETWEEN))
def test_a_long_word_is_found_in_two_pieces(word: str, at: int, between: str) -> None:
    at = min(at, 5)  # within what is listed of each
    assert told(f"{word[:at]}{between}{word[at:]}")
    assert DETECTOR.unwanted(f"{word[:at]}{between}{word[at:]}")


@given(st.sampled_from((*SHORT, *ENDED)), st.integers(1, 4), st.sampled_from(BETWEEN), st.sampled_from(("", "my ")))
def test_a_short_word_is_found_in_two_pieces(word: str, at: int, between: str, before: str) -> None:
    at = min(at, len(word) - 1)
    assume(f"{word[:at]} {word[at:]}" not in PASSING)
    assert told(f"{before}{word[:at]}{between}{word[at:]}")
    assert DETECTOR.unwanted(f"{before}{word[:at]}{between}{word[at:]}")


@given(st.sampled_from((*WORDS, *SHORT)), st.sampled_from(BETWEEN))
def test_every_word_is_found_letter_by_letter(word: str, between: str) -> None:
    assert told(between.join(word))


@pytest.mark.parametrize("text", _HARMLESS.split())
def test_harmless_words_pass(text: str) -> None:
    for spelt in (text, text.replace("_", " "), text.upper()):
        assert not DETECTOR.name(spelt), spelt
        assert not DETECTOR.unwanted(spelt)
