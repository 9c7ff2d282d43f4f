"""What customers type into a search: kept without numbers and addresses of people, not at all where it is sensitive.

A search is said in a `query`, and in the address of the page that shows what was found.
"""

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote_plus, unquote_plus

from regulars.collect.files.masking import masked_search
from regulars.core.definitions import Sensitive
from regulars.core.sensitive import detector

SEARCHED = "Products Searched"
WITHHELD = "withheld"
#: Properties of a search that hold what was typed.
_TYPED = ("query", "search_term", "term", "keyword", "keywords")
_ADDRESSES = ("url", "search", "referrer", "path")
#: What says on the page of a search what was looked for, beside its address.
_TITLED = ("title", "name")
_PARAMETER = re.compile(
    r"(?P<name>[?&;#](?:q|query|s|search|search_?(?:query|term|text)|suche|suchbegriff|term|keywords?|k|text)=)"
    r"(?P<value>[^&#]*)",
    re.IGNORECASE,
)
#: Where the words stand in the path: /search/red+shoes, /de/suche/rote-schuhe/2.
_PATH = re.compile(
    r"(?P<name>/(?:search|search[-_]?results?|suche|suchergebnis(?:se)?)/)(?P<value>[^/?#]+)", re.IGNORECASE
)


class Searches:
    """Takes out of events what a search must not keep, with one shop's words."""

    def __init__(self, own: Sensitive) -> None:
        self._withheld: Callable[[str], bool] = lambda text: bool(detector(own).typed(text))

    def clean(
        self, name: str, properties: dict[str, Any], context: dict[str, Any]
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Properties and context without it; `withheld` says "sensitive" where something was left out."""
        page = context.get("page")
        if name != SEARCHED and not _has_address(properties) and not (isinstance(page, dict) and _has_address(page)):
            return properties, context
        said, sensitive = dict(properties), False
        if name == SEARCHED:
            for key in _TYPED:
                if isinstance(said.get(key), str):
                    said[key] = self._text(said[key])
                    sensitive = sensitive or said[key] is None
        sensitive = self._addresses(said) or sensitive
        if isinstance(page, dict):
            shown = dict(page)
            if isinstance(shown.get("title"), str):  # "Results for …"
                shown["title"] = masked_search(shown["title"])
            sensitive = self._addresses(shown) or sensitive
            if sensitive:
                shown = {key: value for key, value in shown.items() if key not in (*_TITLED, "path", "search")}
            context = {**context, "page": shown}
        if sensitive:
            said = {key: value for key, value in said.items() if key not in _TITLED} | {WITHHELD: "sensitive"}
        return said, context

    def _text(self, text: str) -> str | None:
        if self._withheld(text):
            return None
        return text if text.isdecimal() else masked_search(text)  # a bare number is an article's

    def _addresses(self, said: dict[str, Any]) -> bool:
        """Clean the addresses in place; whether one told something sensitive."""
        found = False
        for key in _ADDRESSES:
            value = said.get(key)
            if isinstance(value, str) and (_PARAMETER.search(value) or _PATH.search(value)):
                said[key], left_out = self._address(value)
                found = found or left_out
        return found

    def _address(self, address: str) -> tuple[str, bool]:
        left_out = False

        def cleaned(part: re.Match[str]) -> str:
            nonlocal left_out
            text = unquote_plus(part["value"])
            kept = self._text(text)
            left_out = left_out or kept is None
            return part[0] if kept == text else part["name"] + quote_plus(kept or "")

        return _PATH.sub(cleaned, _PARAMETER.sub(cleaned, address)), left_out


def _has_address(said: dict[str, Any]) -> bool:
    for key in _ADDRESSES:
        value = said.get(key)
        if isinstance(value, str) and ("=" in value or (_may_be_path(value) and _PATH.search(value))):
            return True
    return False


def _may_be_path(value: str) -> bool:
    """Whether `_PATH` may find something: what nearly no address holds is found out without a pattern.

    >>> _may_be_path("/catalogue/garden"), _may_be_path("/SEARCH/red"), _may_be_path("/de/suche/rot")
    (False, True, True)
    """
    low = value.casefold()
    return "search" in low or "such" in low
