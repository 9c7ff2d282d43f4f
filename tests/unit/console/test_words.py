"""The console's words: the same keys in every language, and none too many."""

import re
from pathlib import Path
from string import Formatter

import pytest

import regulars.console
from regulars.console.formats import LANGUAGES, Formats
from regulars.console.words import Words, catalogue
from regulars.core.calendar import Calendar
from regulars.core.condition import Name, Schema, Type, check, mistakes
from regulars.core.condition.mistakes import PHRASES

HERE = Path(regulars.console.__file__).parent
SOURCES = [*HERE.rglob("*.py"), *HERE.rglob("*.html")]
#: A key in full, and a key that ends with a code.
WHOLE = re.compile(r"""(?:\bt|words|_words)\(\s*f?["']([a-z_]+(?:\.[a-z_0-9]*[a-z0-9])+)["']""")
COUNTED = re.compile(r"""\.count\(\s*["']([a-z_.]+)["']""")
BEGUN = re.compile(r"""(?:\bt|words|_words|known)\(\s*f?["']([a-z_]+(?:\.[a-z_]+)*[._])(?:["'{])""")

ORDERS = Schema(
    names={"orders": Name(type=Type.NUMBER, slot=0)},
    segments=frozenset(),
    interests=None,
    segment_slot=1,
    interest_slot=2,
)


def used() -> tuple[set[str], set[str]]:
    """Keys that the sources name, and beginnings of keys."""
    text = "\n".join(path.read_text(encoding="utf-8") for path in SOURCES)
    whole = set(WHOLE.findall(text))
    for key in COUNTED.findall(text):
        whole |= {f"{key}.one", f"{key}.many"}
    return whole, set(BEGUN.findall(text))


def test_every_language_has_the_same_keys() -> None:
    assert {language: catalogue(language).keys() for language in LANGUAGES} == dict.fromkeys(
        LANGUAGES, catalogue("en").keys()
    )


def test_no_text_is_empty_and_each_takes_the_same_arguments() -> None:
    formatter = Formatter()
    for key, english in catalogue("en").items():
        german = catalogue("de")[key]
        assert english.strip(), key
        assert german.strip(), key
        names = [{name for _, name, _, _ in formatter.parse(text) if name} for text in (english, german)]
        assert names[0] == names[1], key


def test_every_key_that_a_page_names_exists() -> None:
    whole, begun = used()
    known = catalogue("en").keys()
    assert len(whole) > 150
    assert whole - known == set()
    assert [start for start in begun if not any(key.startswith(start) for key in known)] == []


def test_no_key_is_left_over() -> None:
    whole, begun = used()
    text = "\n".join(path.read_text(encoding="utf-8") for path in SOURCES)
    whole |= {f"mistakes.{code}" for code in PHRASES}
    whole |= {key for key in catalogue("en") if f'"{key}"' in text}  # chosen between two in one expression
    left = [key for key in catalogue("en") if key not in whole and not key.startswith(tuple(begun))]
    assert left == []


def test_what_is_wrong_with_a_condition_is_said_in_the_reader_s_language() -> None:
    (found,) = check("orders > 'many'", ORDERS)
    assert Words("en").mistake(found) == (found.message, found.expected)
    assert Words("de").mistake(found) == ("orders ist eine Zahl, und 'many' ist ein Text", "eine Zahl")


def test_every_code_that_the_condition_language_uses_has_a_phrase() -> None:
    """Codes are words in quotes that stand where a mistake is noted; none is unknown and none is left over."""
    folder = Path(mistakes.__file__).parent
    quoted = set(
        re.findall(
            r'"([a-z_]+)"', "".join(file.read_text() for file in folder.glob("*.py") if file.name != "mistakes.py")
        )
    )
    made = {"a_number", "a_text", "a_boolean", "unknown_interest", "unknown_segment"}
    assert PHRASES.keys() - quoted - made == set()


def test_a_missing_key_is_a_defect_that_says_so() -> None:
    with pytest.raises(KeyError, match=r"no\.such\.key"):
        Words("en")("no.such.key")


@pytest.mark.parametrize(
    ("language", "number", "money", "share", "date"),
    [
        ("de", "1.234.567", "1.234,50\N{NO-BREAK SPACE}€", "12,3\N{NO-BREAK SPACE}%", "15.03.2024"),
        ("en", "1,234,567", "€1,234.50", "12.3%", "15 Mar 2024"),
    ],
)
def test_numbers_are_written_as_the_reader_writes_them(
    language: str, number: str, money: str, share: str, date: str
) -> None:
    f = Formats(language, "EUR", Calendar("Europe/Berlin"))
    assert (f.number(1_234_567), f.money(123_450), f.percent(0.1234, 1)) == (number, money, share)
    assert f.date(1_710_500_000_000) == date


def test_currencies_without_minor_units_keep_their_amounts() -> None:
    f = Formats("en", "JPY", Calendar("Asia/Tokyo"))
    assert f.money(1234) == "JP¥1,234"
