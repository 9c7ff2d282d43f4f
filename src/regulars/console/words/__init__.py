"""The console's words in each language: one file a language, the same keys in all of them."""

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any

from regulars.console.formats import LANGUAGES
from regulars.core.condition.mistakes import PHRASES, Mistake

#: What is wrong with a condition says the condition language itself, in English.
_MISTAKES = {f"mistakes.{code}": text for code, text in PHRASES.items()}


class Words:
    """The words of one language. `words("nav.overview")`; `{name}` in a text takes the argument of that name."""

    def __init__(self, language: str) -> None:
        self.language = language
        self.texts = catalogue(language)

    def __call__(self, key: str, /, **arguments: object) -> str:
        """The text of a key. A missing key is a defect and says so."""
        text = self.texts[key]
        return text.format(**arguments) if arguments else text

    def count(self, key: str, number: int, /, **arguments: object) -> str:
        """The text for a number of things: `key.one` or `key.many`, which name it `{n}`."""
        return self(f"{key}.one" if number == 1 else f"{key}.many", **arguments)

    def known(self, key: str, otherwise: str) -> str:
        """The text of a key that may not exist, such as that of a code."""
        return self.texts.get(key, otherwise)

    def expected(self, what: str) -> str:
        """What a field should have held, as a failed event says it: "null or number"."""
        parts = [self.known(f"failed.expects.{part}", part) for part in what.split(" or ")]
        return f" {self('failed.expects.or')} ".join(parts)

    def mistake(self, found: Mistake) -> tuple[str, str]:
        """What is wrong with a condition, and what was expected instead ("" where nothing helps)."""
        phrases = {code: self.texts[f"mistakes.{code}"] for code in PHRASES}
        return found.said_by(phrases), found.expected_by(phrases)

    def of(self, titles: dict[str, str], otherwise: str) -> str:
        """A shop's own title in this language, or in another one that it has."""
        return titles.get(self.language) or titles.get("en") or next(iter(titles.values()), "") or otherwise


@cache
def catalogue(language: str) -> dict[str, str]:
    """Every text by its key."""
    if language not in LANGUAGES:
        raise ValueError(f"no words for language {language!r}; there are {', '.join(LANGUAGES)}")
    text = files("regulars.console.words").joinpath(f"{language}.toml").read_text(encoding="utf-8")
    found = dict(_flat(tomllib.loads(text), ""))
    return _MISTAKES | found if language == "en" else found


def _flat(table: dict[str, Any], prefix: str) -> list[tuple[str, str]]:
    found = []
    for key, value in table.items():
        found += _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else [(prefix + key, str(value))]
    return found
