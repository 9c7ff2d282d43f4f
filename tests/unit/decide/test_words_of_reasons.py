"""Reasons say what is true: once is not often, and what was bought yesterday is not due."""

import pytest

from regulars.decide.words import LANGUAGES, SENTENCES, item_reason
from regulars.recommend.model import ReasonCode


@pytest.mark.parametrize(
    ("code", "arguments", "english", "german"),
    [
        ("bought_often", {"times": 1}, "You bought this before", "Haben Sie schon gekauft"),
        ("bought_often", {"times": 2}, "You bought this twice", "Haben Sie schon zweimal gekauft"),
        ("bought_often", {"times": 9}, "You often buy this", "Kaufen Sie öfter"),
        ("own_rhythm", {"gap_days": 30.0, "days_since": 1}, "You buy this regularly", "Kaufen Sie regelmäßig"),
        ("own_rhythm", {"gap_days": 30.0, "days_since": 28}, "About time to buy again", "Wird bald wieder gebraucht"),
        ("found", {"how": "exact"}, "Exactly what you searched for", "Genau das, wonach Sie gesucht haben"),
        ("found", {"how": "some"}, "Fits a part of your search", "Passt zu einem Teil Ihrer Suche"),
    ],
)
def test_a_reason_says_what_is_true(code: str, arguments: dict[str, object], english: str, german: str) -> None:
    assert [item_reason(code, arguments, {}, one) for one in ("en", "de")] == [english, german]


@pytest.mark.parametrize("code", list(ReasonCode))
def test_every_reason_has_a_sentence_without_gaps_in_both_languages(code: ReasonCode) -> None:
    # Whatever is not known of it: no product, no category, no place that it comes from.
    ways = ("", "basket", "viewed", "history", "removed", "wished", "category", "brand", "words", "other")
    for origin in ways:
        texts = {
            language: item_reason(code.value, {"from": origin, "item": "gone"}, {}, language) for language in LANGUAGES
        }
        assert len(set(texts.values())) == len(LANGUAGES), texts
        for text in texts.values():
            assert text != code.value
            assert "{" not in text
            assert text.strip() == text
            assert "  " not in text


def test_sentences_stand_in_both_languages_with_the_same_places() -> None:
    for code, told in SENTENCES.items():
        assert set(told) == set(LANGUAGES), code
        english, german = (sorted(part.split("}")[0] for part in told[one].split("{")[1:]) for one in LANGUAGES)
        assert english == german, code
