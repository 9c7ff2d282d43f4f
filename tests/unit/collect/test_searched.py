"""Searches: what a customer types may name somebody, or tell of their health."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regulars.collect.searched import SEARCHED, Searches
from regulars.core.definitions import Sensitive

SEARCHES = Searches(Sensitive(words=("keto*",)))


def cleaned(query: str, **page: str) -> tuple[dict[str, Any], dict[str, Any]]:
    return SEARCHES.clean(SEARCHED, {"query": query, "results": 3}, {"page": page} if page else {})


@pytest.mark.parametrize(
    "query", ["Ibuprofen 400", "schuhe für diabetiker", "Schwangerschaftstest", "koscher", "ketoriegel", "medikamente"]
)
def test_a_sensitive_search_is_kept_without_its_words(query: str) -> None:
    page = {
        "title": f"Suche: {query}",
        "url": f"https://shop.example/s?q={query}&page=2",
        "path": f"/suche/{query}",
    }
    properties, context = cleaned(query, **page)
    assert properties == {"query": None, "results": 3, "withheld": "sensitive"}
    assert query.casefold() not in msgspec.json.encode([properties, context]).decode().casefold()
    assert context["page"] == {"url": "https://shop.example/s?q=&page=2"}


@pytest.mark.parametrize(
    ("query", "kept"),
    [
        ("rote Schuhe 38", "rote Schuhe 38"),
        ("4006381333931", "4006381333931"),  # the number of an article
        ("Gutschein von ada@shop.example", "Gutschein von [e-mail]"),
        ("anruf +49 170 1234567", "anruf [number]"),
        ("karte 4111 1111 1111 1111", "karte [card]"),
    ],
)
def test_numbers_and_addresses_of_people_are_masked_and_the_rest_stays(query: str, kept: str) -> None:
    assert cleaned(query)[0] == {"query": kept, "results": 3}


def test_the_address_of_a_page_says_no_more_than_its_search() -> None:
    page = {
        "url": "https://shop.example/?utm=x&search=Blutdruck+messen#top",
        "title": "Found",
        "referrer": "https://a.example/?q=tea",
    }
    properties, context = SEARCHES.clean("Page", {"search": "?suche=blutdruck", "category": "x"}, {"page": page})
    assert properties == {"search": "?suche=", "category": "x", "withheld": "sensitive"}
    assert context == {
        "page": {"url": "https://shop.example/?utm=x&search=#top", "referrer": "https://a.example/?q=tea"}
    }


def test_what_is_no_search_stays_as_it_is() -> None:
    properties, context = (
        {"name": "Ibuprofen", "url": "https://shop.example/ibuprofen?size=2"},
        {"page": {"path": "/x"}},
    )
    assert SEARCHES.clean("Product Viewed", properties, context) == (properties, context)


@given(st.text(max_size=60), st.sampled_from(["diabetes", "Insulin", "ramadan"]), st.text(max_size=60))
def test_no_text_around_it_hides_a_listed_word(before: str, word: str, after: str) -> None:
    query = f"{before} {word} {after}"
    assert cleaned(query)[0]["query"] is None


@given(st.text(max_size=200))
def test_cleaning_twice_changes_nothing_more(query: str) -> None:
    once = cleaned(query, url=f"https://shop.example/?q={query}")
    again = SEARCHES.clean(SEARCHED, *once)
    assert again == once or once[0]["query"] is None


@pytest.mark.parametrize("place", ["/search/{}", "/de/suche/{}/2", "/SEARCH-RESULTS/{}?page=2"])
def test_words_in_the_path_of_a_search_are_kept_no_more_than_those_behind_it(place: str) -> None:
    for words in ("ada%40shop.example", "schwangerschaftstest", "0170-1234567"):
        url = "https://shop.example" + place.format(words)
        page = {"url": url, "path": place.format(words), "referrer": url}
        told = SEARCHES.clean("Page Viewed", {"url": url}, {"page": page})
        assert words not in msgspec.json.encode(told).decode()
    plain = {"page": {"url": "https://shop.example" + place.format("rote-schuhe"), "path": "/research/7"}}
    assert SEARCHES.clean("Page Viewed", {}, plain) == ({}, plain)
