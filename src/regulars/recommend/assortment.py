"""What the catalogue tells of its items, as columns by position: what models look at that need no sales.

Texts come in as terms (words in their stems, parts of compounds, attributes), which whoever reads the catalogue makes;
this room weighs them: term frequency times inverse document frequency, each item's weights of length 1 (Salton and
Buckley, "Term-weighting approaches in automatic text retrieval", 1988).
"""

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple, Self

import msgspec
import numpy as np
from numpy.typing import NDArray

from regulars.recommend.interactions import Catalogue, Float32, Float64, Int32, Int64, Mask

Column = NDArray[np.generic]
UNKNOWN = -1
#: Kinds of items by number: products, then content.
KINDS = ("product", "article", "tip", "video", "tutorial")
#: When content helps: before something is bought, or after.
PHASES = ("", "before", "after")
MOST_TERMS = 48  # of one item, the weightiest
#: What has numbers.
_Numbers = dict[str, dict[str, int]]  # of each list of names, the number of each name
_NUMBERED = ("brands", "styles", "colours", "seasons", "size_names")
#: A term in a larger share of all items says nothing of any; the share counts where there are so many items.
COMMON, MANY = 0.02, 2_000


class Good(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one item. What nobody told is empty or None."""

    kind: str = "product"
    terms: tuple[str, ...] = ()  # of title and attributes, as often as they occur
    brand: str = ""
    style: str = ""  # the same for what differs in colour, size and season alone
    colour: str = ""
    season: str = ""
    sizes: tuple[str, ...] = ()  # in which it can be had
    skus: tuple[tuple[str, str], ...] = ()  # of its variants, each with its size
    since: int | None = None  # day on which it came into the range
    price: int | None = None  # minor units
    cost: int | None = None
    products: tuple[str, ...] = ()  # content: what it is about
    interests: tuple[str, ...] = ()  # content: categories, or parts of their paths
    phase: str = ""  # content: "before" or "after" a purchase; "": whenever


class Rows(msgspec.Struct, frozen=True, eq=False):
    """Values of each item in one run: those of item i lie from start[i] to start[i + 1]."""

    start: Int64
    value: Int32

    @classmethod
    def of(cls, rows: Iterable[Sequence[int]]) -> Self:
        """The rows of lists."""
        lists = list(rows)
        start = np.zeros(len(lists) + 1, np.int64)
        np.cumsum([len(one) for one in lists], out=start[1:])
        return cls(start, np.asarray([value for one in lists for value in one], np.int32))

    def __getitem__(self, item: int) -> Int32:
        return self.value[self.start[item] : self.start[item + 1]]

    def turned(self, size: int) -> "Rows":
        """For each of `size` values the items that have it."""
        items = np.repeat(np.arange(len(self.start) - 1, dtype=np.int32), np.diff(self.start))
        order = np.argsort(self.value, kind="stable")
        start = np.zeros(size + 1, np.int64)
        np.cumsum(np.bincount(self.value, minlength=size), out=start[1:])
        return Rows(start, items[order])


class Index(NamedTuple):
    """For each term the items that have it, with its weight in each."""

    start: Int64
    items: Int32
    weights: Float32
    telling: Mask  # terms that are not in so many items that they say nothing


class Assortment:
    """Facts of all items of a catalogue."""

    def __init__(self, catalogue: Catalogue, columns: Mapping[str, Column], base: "Assortment | None" = None) -> None:
        self.catalogue = catalogue
        self.indexed: int = len(catalogue) if base is None else base.indexed  # items from there on are not in the index
        self._base = base
        self._columns = {**_no_skus(len(columns["kind"])), **columns}  # sets of before have none
        self.kind: Int32 = columns["kind"].astype(np.int32, copy=False)
        self.brand: Int32 = columns["brand"].astype(np.int32, copy=False)
        self.style: Int32 = columns["style"].astype(np.int32, copy=False)
        self.colour: Int32 = columns["colour"].astype(np.int32, copy=False)
        self.season: Int32 = columns["season"].astype(np.int32, copy=False)
        self.phase: Int32 = columns["phase"].astype(np.int32, copy=False)
        self.since: Int32 = columns["since"].astype(np.int32, copy=False)
        self.price: Int64 = columns["price"].astype(np.int64, copy=False)
        self.cost: Int64 = columns["cost"].astype(np.int64, copy=False)
        self.sizes = _rows(columns, "sizes")
        self._skus = _rows(self._columns, "skus")
        self._sku_keys: Int64 = self._columns["skus.key"].astype(np.int64, copy=False)
        self.about = _rows(columns, "about")
        self.topics = _rows(columns, "topics")
        self.terms = _rows(columns, "terms")
        self.weight: Float32 = columns["terms.weight"].astype(np.float32, copy=False)
        self.names: dict[str, tuple[str, ...]] = {
            name: unpacked(columns, name) for name in ("brands", "colours", "seasons", "size_names")
        }
        self.products: Mask = self.kind == 0

    def __len__(self) -> int:
        return len(self.kind)

    @classmethod
    def of(cls, catalogue: Catalogue, goods: Mapping[str, Good]) -> "Assortment":
        """The assortment of a catalogue; items of which nothing is told are products without a word."""
        blank = Good()
        all_of_them = [goods.get(one, blank) for one in catalogue.ids]
        numbers: _Numbers = {name: {} for name in _NUMBERED}
        columns = _said(all_of_them, numbers)
        for name, values in _listed(all_of_them, numbers, catalogue).items():
            rows = Rows.of(values)
            columns |= {f"{name}.start": rows.start, f"{name}.value": rows.value}
        for name in _NUMBERED:
            columns |= packed(name, list(numbers[name]))
        columns["skus.key"] = _sku_keys(all_of_them)
        return cls(catalogue, columns | _weighed([one.terms for one in all_of_them]))

    def grown(self, products: Mapping[str, tuple[str, Good]]) -> "Assortment":
        """The same with products behind those that there are: id -> category and what is told of it.

        Words that no item of before has say nothing until the next training; neither do sizes, colours and the like
        lose their numbers. Weights of words are those of before.
        """
        numbers: _Numbers = {of: {name: at for at, name in enumerate(self._all(of))} for of in _NUMBERED}
        goods = [good for _, good in products.values()]
        catalogue = _longer(self.catalogue, [(one, category) for one, (category, _) in products.items()])
        more = _said(goods, numbers)
        columns = {**self._columns, **{name: np.concatenate((self._columns[name], one)) for name, one in more.items()}}
        told = [self._weighed_as_before(one.terms) for one in goods]
        lists = {**_listed(goods, numbers, catalogue), "terms": [[term for term, _ in one] for one in told]}
        for name, values in lists.items():
            rows = Rows.of(values)
            start = self._columns[f"{name}.start"]
            columns[f"{name}.start"] = np.concatenate((start, start[-1] + rows.start[1:]))
            columns[f"{name}.value"] = np.concatenate((self._columns[f"{name}.value"], rows.value))
        weights = np.asarray([weight for one in told for _, weight in one], np.float32)
        columns["terms.weight"] = np.concatenate((self.weight, weights))
        columns["skus.key"] = np.concatenate((self._sku_keys, _sku_keys(goods)))
        for name in _NUMBERED:
            columns |= packed(name, list(numbers[name]))
        return Assortment(catalogue, columns, self if self._base is None else self._base)

    def _all(self, of: str) -> tuple[str, ...]:
        """Names by number; of a set trained before they were kept, one that nothing is called for each."""
        if f"{of}.text" in self._columns:
            return unpacked(self._columns, of)
        return tuple(f"\0{at}" for at in range(int(self.style.max(initial=-1)) + 1))

    def _weighed_as_before(self, terms: Sequence[str]) -> list[tuple[int, float]]:
        """Terms that are known, with weights of length 1."""
        numbers, inverse = self._vocabulary
        counts: dict[int, int] = {}
        for term in terms:
            at = numbers.get(term)
            if at is not None:
                counts[at] = counts.get(at, 0) + 1
        best = sorted(((1 + np.log(n)) * float(inverse[at]), at) for at, n in counts.items())[-MOST_TERMS:]
        length = float(np.sqrt(sum(weight**2 for weight, _ in best))) or 1.0
        return sorted((at, weight / length) for weight, at in best)

    @cached_property
    def _vocabulary(self) -> tuple[dict[str, int], Float64]:
        """Numbers of terms, and how telling each is."""
        if "vocabulary.text" not in self._columns:
            return {}, np.empty(0)
        held = np.bincount(self.terms.value, minlength=int(self._columns["terms.count"][0]))
        inverse = np.log(max(len(self), 1) / np.maximum(held, 1)) + 1e-6
        return {term: at for at, term in enumerate(unpacked(self._columns, "vocabulary"))}, inverse

    @cached_property
    def index(self) -> Index:
        """The inverted index of the terms, of the items that it was built of."""
        if self._base is not None:
            return self._base.index
        size = len(self)
        held = np.bincount(self.terms.value, minlength=int(self._columns["terms.count"][0]))
        order = np.argsort(self.terms.value, kind="stable")
        items = np.repeat(np.arange(size, dtype=np.int32), np.diff(self.terms.start))
        start = np.concatenate((np.zeros(1, np.int64), np.cumsum(held)))
        telling = held <= (COMMON * size if size >= MANY else size)
        return Index(start, items[order], self.weight[order], telling)

    def sizes_of(self, item: int, kept: Collection[int]) -> set[int]:
        """The sizes of those variants of an item whose keys are among `kept`."""
        part = slice(int(self._skus.start[item]), int(self._skus.start[item + 1]))
        keys, sizes = self._sku_keys[part].tolist(), self._skus.value[part].tolist()
        return {size for key, size in zip(keys, sizes, strict=True) if key in kept}

    def only_size(self, item: int) -> set[int]:
        """The size of an item that comes in one alone, sold out ones counted."""
        found = {*self.sizes[item].tolist(), *self._skus[item].tolist()}
        return found if len(found) == 1 else set()

    def columns(self) -> Mapping[str, Column]:
        """The arrays."""
        return self._columns

    def name(self, of: str, number: int) -> str:
        """A name by its number, "" where nobody told."""
        return "" if number < 0 else self.names[of][number]

    def margin(self, items: Int32) -> int | None:
        """What is left of the prices of several items together, minor units; None where one is not known."""
        price, cost = self.price[items], self.cost[items]
        return None if (price < 0).any() or (cost < 0).any() else int((price - cost).sum())

    def price_of(self, items: Int32) -> int | None:
        """What several items cost together, minor units; None where one is not known."""
        price = self.price[items]
        return None if (price < 0).any() else int(price.sum())


def sku_key(sku: str) -> int:
    """The number under which a variant is known.

    >>> sku_key("RJ-042-M") == sku_key("RJ-042-M") != sku_key("RJ-042-L")
    True
    """
    return int.from_bytes(hashlib.blake2b(sku.encode(), digest_size=8).digest(), signed=True)


def _sku_keys(goods: Sequence[Good]) -> Int64:
    return np.asarray([sku_key(sku) for one in goods for sku, size in one.skus if size], np.int64)


def _no_skus(items: int) -> dict[str, Column]:
    start, key = np.zeros(items + 1, np.int64), np.empty(0, np.int64)
    return {"skus.start": start, "skus.value": np.empty(0, np.int32), "skus.key": key}


def packed(name: str, texts: Sequence[str]) -> dict[str, Column]:
    """Texts as one run of UTF-8 with the end of each."""
    encoded = [text.encode() for text in texts]
    return {
        f"{name}.text": np.frombuffer(b"".join(encoded), np.uint8),
        f"{name}.end": np.cumsum([len(text) for text in encoded], dtype=np.int64),
    }


def unpacked(columns: Mapping[str, Column], name: str) -> tuple[str, ...]:
    """The inverse of `packed`."""
    text = columns[f"{name}.text"].tobytes()
    ends = columns[f"{name}.end"].tolist()
    return tuple(text[start:end].decode() for start, end in zip([0, *ends], ends, strict=False))


def _longer(catalogue: Catalogue, products: Sequence[tuple[str, str]]) -> Catalogue:
    """The catalogue with products behind those that there are."""
    numbers = {name: at for at, name in enumerate(catalogue.categories)}
    more = [numbers.setdefault(category, len(numbers)) for _, category in products]
    position = dict(catalogue.position)
    position.update((product, len(catalogue) + at) for at, (product, _) in enumerate(products))
    ids = (*catalogue.ids, *(product for product, _ in products))
    return Catalogue(ids, tuple(numbers), np.concatenate((catalogue.category, _ints(more))), position)


def _rows(columns: Mapping[str, Column], name: str) -> Rows:
    return Rows(
        columns[f"{name}.start"].astype(np.int64, copy=False), columns[f"{name}.value"].astype(np.int32, copy=False)
    )


def _said(goods: Sequence[Good], numbers: _Numbers) -> dict[str, Column]:
    """What is told of each item, a value each; names get numbers as they come."""
    return {
        "kind": _ints(KINDS.index(one.kind) if one.kind in KINDS else 0 for one in goods),
        "brand": _ints(_number(numbers["brands"], one.brand) for one in goods),
        "style": _ints(_number(numbers["styles"], one.style) for one in goods),
        "colour": _ints(_number(numbers["colours"], one.colour) for one in goods),
        "season": _ints(_number(numbers["seasons"], one.season) for one in goods),
        "phase": _ints(PHASES.index(one.phase) if one.phase in PHASES else 0 for one in goods),
        "since": _ints(UNKNOWN if one.since is None else max(one.since, 0) for one in goods),
        "price": _longs(UNKNOWN if one.price is None else one.price for one in goods),
        "cost": _longs(UNKNOWN if one.cost is None else one.cost for one in goods),
    }


def _listed(goods: Sequence[Good], numbers: _Numbers, catalogue: Catalogue) -> dict[str, list[list[int]]]:
    """What is told of each item in several values."""
    parts = _parts_of_paths(catalogue)
    return {
        "sizes": [[_number(numbers["size_names"], size) for size in one.sizes if size] for one in goods],
        "skus": [[_number(numbers["size_names"], size) for _, size in one.skus if size] for one in goods],
        "about": [catalogue.encode(one.products).tolist() for one in goods],
        "topics": [sorted({at for topic in one.interests for at in parts.get(topic.casefold(), ())}) for one in goods],
    }


def _number(known: dict[str, int], name: str) -> int:
    """The number of a name, the next one for a name that is new."""
    return known.setdefault(name, len(known)) if name else UNKNOWN


def _ints(values: Iterable[int]) -> Int32:
    return np.asarray(list(values), np.int32)


def _longs(values: Iterable[int]) -> Int64:
    return np.asarray(list(values), np.int64)


def _parts_of_paths(catalogue: Catalogue) -> dict[str, list[int]]:
    """Category numbers by whole path and by each name in it, folded."""
    found: dict[str, list[int]] = {}
    for at, path in enumerate(catalogue.categories):
        for name in {path.casefold(), *(part.strip().casefold() for part in path.split(">"))} - {""}:
            found.setdefault(name, []).append(at)
    return found


def _weighed(texts: Sequence[Sequence[str]]) -> dict[str, Column]:
    """Terms of each item with weights; a term of one item alone tells nothing of another."""
    document_count: dict[str, int] = {}
    for terms in texts:
        for term in set(terms):
            document_count[term] = document_count.get(term, 0) + 1
    numbers = {term: at for at, term in enumerate(sorted(one for one, n in document_count.items() if n > 1))}
    inverse = {term: np.log(len(texts) / document_count[term]) + 1e-6 for term in numbers}
    start, values, weights = np.zeros(len(texts) + 1, np.int64), [], []
    for at, terms in enumerate(texts):
        counts: dict[str, int] = {}
        for term in terms:
            if term in numbers:
                counts[term] = counts.get(term, 0) + 1
        best = sorted(((1 + np.log(n)) * inverse[term], numbers[term]) for term, n in counts.items())[-MOST_TERMS:]
        length = float(np.sqrt(sum(weight**2 for weight, _ in best))) or 1.0
        values += [term for _, term in best]
        weights += [weight / length for weight, _ in best]
        start[at + 1] = len(values)
    return packed("vocabulary", list(numbers)) | {
        "terms.start": start,
        "terms.value": np.asarray(values, np.int32),
        "terms.weight": np.asarray(weights, np.float32),
        "terms.count": np.asarray([len(numbers)], np.int64),
    }
