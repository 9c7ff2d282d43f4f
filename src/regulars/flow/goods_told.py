"""What the catalogue tells of its items, as recommendation models look at them."""

from collections.abc import Iterable
from datetime import date

from regulars.catalog.words import STOP_WORDS, Lexicon, stem, tokens
from regulars.core.catalog import CatalogItem
from regulars.recommend.assortment import Good

#: Attributes by what they say, in the words of feeds.
_COLOUR = ("colour", "color", "farbe")
_SIZE = ("size", "größe", "groesse")
_SEASON = ("season", "saison")
_STYLE = ("style", "style_id", "item_group_id", "model")
_PHASE = {"before": "before", "after": "after", "vorher": "before", "nachher": "after"}
_TEXTS = ("description", "text", "beschreibung")
_MOST_WORDS = 60  # of a longer text
_LONGEST_VALUE = 40  # of an attribute that is a property and no text
_EPOCH = date(1970, 1, 1).toordinal()


def goods_of(items: Iterable[CatalogItem]) -> dict[str, Good]:
    """Items by id. Compounds are taken apart by the words of the same catalogue."""
    known = list(items)
    lexicon = Lexicon(one.title for one in known)
    return {one.id: good_of(one, lexicon) for one in known}


def good_of(item: CatalogItem, lexicon: Lexicon) -> Good:
    """What models look at of one item."""
    colours, sizes, seasons = (_values(item, names) for names in (_COLOUR, _SIZE, _SEASON))
    return Good(
        kind=item.kind,
        terms=tuple(_terms(item, lexicon)),
        brand=item.brand,
        style=_style(item, {*colours, *sizes, *seasons}),
        colour=colours[0] if len(colours) == 1 else "",
        season=seasons[0] if len(seasons) == 1 else "",
        sizes=tuple(sizes),
        skus=_sized(item),
        since=_day(item.since),
        price=item.price,
        cost=item.cost,
        products=item.products,
        interests=item.interests,
        phase=_PHASE.get(str(item.attributes.get("phase", "")).strip().casefold(), ""),
    )


def _terms(item: CatalogItem, lexicon: Lexicon) -> Iterable[str]:
    yield from _words(item.title, lexicon)
    for name in item.category:
        yield f"category={name.casefold()}"
    if item.brand:
        yield f"brand={item.brand.casefold()}"
    for name, value in item.attributes.items():
        if name.casefold() in _TEXTS:
            yield from _words(str(value), lexicon)
        elif isinstance(value, str | int | float) and len(str(value)) <= _LONGEST_VALUE:
            yield f"{name.casefold()}={str(value).casefold()}"


def _words(text: str, lexicon: Lexicon) -> Iterable[str]:
    for token in tokens(text)[:_MOST_WORDS]:
        if token not in STOP_WORDS:
            yield stem(token)
            yield from lexicon.parts(token) or lexicon.parts(stem(token))


def _values(item: CatalogItem, names: tuple[str, ...]) -> list[str]:
    """The values of an attribute, of the item itself or of its variants that can be bought."""
    found: dict[str, None] = {}
    for attributes in (
        item.attributes,
        *(one.attributes for one in item.variants if one.stock is None or one.stock > 0),
    ):
        for name, value in attributes.items():
            if name.casefold() in names and str(value).strip():
                found.setdefault(str(value).strip())
    return list(found)


def _sized(item: CatalogItem) -> tuple[tuple[str, str], ...]:
    """SKU and size of each variant, sold out or not: what was bought once tells what fits for long."""
    return tuple(
        (one.sku, size)
        for one in item.variants
        for name, value in one.attributes.items()
        if name.casefold() in _SIZE and (size := str(value).strip())
    )


def _style(item: CatalogItem, differing: set[str]) -> str:
    """What variants share: a style that the feed names, else brand, category and title without what differs."""
    for name, value in item.attributes.items():
        if name.casefold() in _STYLE and str(value).strip():
            return f"{item.brand}/{value}"
    left_out = {token for value in differing for token in tokens(value)}
    words = tokens(item.title)
    kept = [token for token in words if token not in left_out]
    if not kept or len(kept) == len(words):
        return ""
    return "/".join((item.brand, *item.category, *kept))


def _day(since: str) -> int | None:
    try:
        return date.fromisoformat(since).toordinal() - _EPOCH if since else None
    except ValueError:
        return None
