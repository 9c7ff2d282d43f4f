"""What people type finds what they mean."""

from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regulars.catalog.search import LONGEST_QUERY, Filters, ProductIndex
from regulars.catalog.words import Lexicon, stem, tokens
from regulars.core.catalog import CatalogItem, Variant
from regulars.core.errors import Rejected

BICYCLES, CLOTHES = ("Sport", "Fahrräder"), ("Mode", "Jacken")
CATALOGUE = (
    CatalogItem(id="b1", title="Kinderfahrrad 20 Zoll", category=BICYCLES, brand="Puky", price=29900, stock=3),
    CatalogItem(
        id="b2", title="Fahrrad für Damen, Trekking", category=BICYCLES, brand="Kalkhoff", price=89900, stock=0
    ),
    CatalogItem(id="b3", title="Fahrradhelm", category=("Sport", "Helme"), brand="Uvex", price=5995),
    CatalogItem(
        id="b4", title="Rennräder-Ständer", category=("Sport", "Zubehör"), attributes={"gtin": "4006381333931"}
    ),
    CatalogItem(id="c1", title="Winterjacke Herren", category=CLOTHES, brand="Jack & Jones", price=12995),
    CatalogItem(
        id="c2",
        title="Regenjacke",
        category=CLOTHES,
        variants=(Variant(sku="RJ-042-XL", attributes={"color": "grün"}),),
    ),
    CatalogItem(id="c3", title="Mütze aus Wolle", category=("Mode", "Mützen"), price=1995),
    CatalogItem(id="k1", title="Kinderstuhl", category=("Möbel", "Stühle")),
    CatalogItem(id="e1", title="Running shoes for women", category=("Shoes",), brand="Asics"),
    CatalogItem(id="old", title="Laufrad", category=BICYCLES, active=False),
    CatalogItem(id="a1", kind="article", title="Fahrrad winterfest machen"),
)


@pytest.fixture(scope="module")
def index() -> ProductIndex:
    return made(CATALOGUE)


def made(items: Iterable[CatalogItem]) -> ProductIndex:
    index = ProductIndex()
    index.put(items)
    index.commit()
    return index


def ids(index: ProductIndex, text: str, **filters: object) -> list[str]:
    return [hit.id for hit in index.search(text, filters=Filters(**filters)).hits]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("typed", "first"),
    [
        ("kinderfahrrad", "b1"),
        ("Fahrrad für Kinder", "b1"),
        ("kinder fahrräder", "b1"),
        ("regen jacke", "c2"),
        ("jacke winter herren", "c1"),
        ("kinderfahrraeder", "b1"),
        ("kinderfharrad", "b1"),  # two letters changed places
        ("fahradhelm", "b3"),
        ("helm fahrrad", "b3"),
        ("muetze", "c3"),
        ("Mutze", "c3"),
        ("MÜTZEN", "c3"),
        ("jacke winter", "c1"),
        ("winterjaken", "c1"),
        ("regenj", "c2"),  # still typing
        ("grüne regenjacke", "c2"),
        ("rj042xl", "c2"),
        ("4006381333931", "b4"),
        ("runing shoe", "e1"),
        ("jack jones", "c1"),
    ],
)
def test_the_product_meant_stands_first(index: ProductIndex, typed: str, first: str) -> None:
    found = index.search(typed)
    assert found.hits, typed
    assert found.hits[0].id == first, [hit.id for hit in found.hits]
    assert not found.partly


def test_a_compound_is_found_by_its_last_part_and_not_by_chance(index: ProductIndex) -> None:
    assert set(ids(index, "jacke ")) == {"c1", "c2"}
    assert "k1" not in ids(index, "kinderfahrrad")


def test_the_end_of_a_compound_that_is_never_used_alone_finds_it_where_nothing_else_does() -> None:
    index = ProductIndex()
    titles = ("Wollmütze", "Haustürklingel", "iPhone 15 Hülle", "Sonderpreise", "Handschuh", "Winterschuh")
    index.put(CatalogItem(id=title, title=title) for title in titles)
    index.commit()

    def found(typed: str) -> tuple[list[str], bool]:
        answer = index.search(typed)
        return [hit.id for hit in answer.hits], answer.partly

    assert found("muetze ") == found("Mützen ") == (["Wollmütze"], False)
    assert found("klingel ") == (["Haustürklingel"], False)
    assert found("iphone15") == found("hülle iphone15") == (["iPhone 15 Hülle"], False)
    assert found("reis ") == found("iphone16") == ([], False), "by chance, or another one"
    index.put([CatalogItem(id="Schuh", title="Schuh")])
    index.commit()
    assert found("schuh ")[0] == ["Schuh"], "the catalogue uses it alone: what is at hand comes first, and suffices"


def test_filters_narrow_and_facets_count(index: ProductIndex) -> None:
    assert set(ids(index, "fahrrad", kind="product")) == {"b1", "b2", "b3"}
    assert ids(index, "fahrrad", in_stock=True, category="Sport > Fahrräder") == ["b1"]
    assert ids(index, "fahrrad", price_from=10000, price_to=50000) == ["b1"]
    assert ids(index, "fahrrad", brand="Uvex") == ["b3"]
    assert ids(index, "fahrrad", category="Sport > Fahr") == []  # a path, not its beginning letters
    assert ids(index, "fahrrad", category="(Sport|Mode).*") == []
    found = index.search("fahrrad", filters=Filters(category="Sport"))
    assert dict(found.categories) == {"Sport > Fahrräder": 2, "Sport > Helme": 1}
    assert dict(found.brands) == {"Puky": 1, "Kalkhoff": 1, "Uvex": 1}


def test_what_lacks_a_word_is_found_and_said_to_lack_it(index: ProductIndex) -> None:
    found = index.search("winterjacke zebra")
    assert found.partly
    assert found.hits[0].id == "c1"


def test_what_left_the_range_is_not_found_and_what_changed_is_found_anew() -> None:
    index = made(CATALOGUE)
    assert ids(index, "laufrad") == []
    index.put([CatalogItem(id="b3", title="Skihelm"), CatalogItem(id="c3", title="Mütze", active=False)])
    index.commit()
    assert ids(index, "skihelm")[0] == "b3"
    assert "b3" not in ids(index, "fahrradhelm")
    assert "c3" not in ids(index, "mütze")
    assert len(index) == len([item for item in CATALOGUE if item.active]) - 1


def test_a_query_that_is_too_long_is_refused(index: ProductIndex) -> None:
    with pytest.raises(Rejected, match="shorten"):
        index.search("x" * (LONGEST_QUERY + 1))


@given(st.text(max_size=LONGEST_QUERY))
@settings(deadline=None)
def test_whatever_is_typed_is_answered(index: ProductIndex, text: str) -> None:
    found = index.search(text)
    assert all(hit.id in {item.id for item in CATALOGUE if item.active} for hit in found.hits)


LONG = [
    (item, word)
    for item in CATALOGUE
    if item.active
    for word in tokens(item.title)
    if len(word) >= 6 and word.isalpha()
]


@given(st.sampled_from(LONG), st.data())
@settings(deadline=None)
def test_a_long_word_with_one_wrong_letter_still_finds_its_product(
    index: ProductIndex, chosen: tuple[CatalogItem, str], data: st.DataObject
) -> None:
    item, word = chosen
    at = data.draw(st.integers(1, len(word) - 1))
    wrong = word[:at] + data.draw(st.sampled_from("bcdfghk")) + word[at + 1 :]
    assert item.id in ids(index, wrong)


@given(st.text(max_size=60))
def test_folding_is_idempotent_and_stems_are_beginnings(text: str) -> None:
    found = tokens(text)
    assert all(word.startswith(stem(word)) for word in found)
    assert all(word.isascii() for word in found)
    for typed, umlaut in (("ae", "ä"), ("oe", "ö"), ("ue", "ü")):
        assert tokens(f"x{typed}x") == tokens(f"x{umlaut}x")


def test_a_compound_is_made_of_words_that_the_catalogue_has() -> None:
    lexicon = Lexicon(["Kinder", "Fahrrad", "Schutz", "Blech"])
    assert lexicon.parts("fahrradschutzblech") == ("fahrrad", "schutz", "blech")
    assert lexicon.parts("kindersfahrrad") == ("kind", "fahrrad")
    assert lexicon.parts("fahrradxyz") == ()
    assert lexicon.parts("fahrrad") == ()
