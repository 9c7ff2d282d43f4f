"""Search products by text: typing errors, word beginnings, German compounds and umlauts, article numbers, filters.

Tantivy (MIT, one wheel without a compiler) keeps the index in memory; what a word means is decided in `words`. Each
word of a query has to be found: as itself, as the beginning of one, with one or two letters
wrong, or as part of a compound. Where nothing has all words, products with some answer, and the answer says so.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
import tantivy
from tantivy import Occur, Query

from regulars.catalog.words import STOP_WORDS, Lexicon, stem, tokens
from regulars.core.catalog import CatalogItem
from regulars.core.errors import Rejected

#: What a match is worth by where it was found; the rarity of a word (BM25) multiplies the first four.
_TITLE, _PARTS, _CATEGORY, _BRAND, _TEXT = 4.0, 2.0, 1.2, 2.0, 0.6
_CODE, _BEGINNING, _FIRST_PART, _ONE_WRONG, _TWO_WRONG = 40.0, 2.0, 1.6, 1.5, 0.5
_HEAD = 0.3
_NAME = 6.0  # the whole title was typed
_ONE_WRONG_FROM, _TWO_WRONG_FROM = 4, 8  # letters
_LEAST_TAIL = 5  # letters of the end of a compound that the catalogue does not use alone; before it stand three or more
_RUNS = re.compile(r"\d+|[^\W\d]+")
_HEAP = 32_000_000  # bytes that the writer gathers documents in
LONGEST_QUERY = 200  # characters
MOST_WORDS = 10
MOST_HITS = 200
_FACETS = 20


class Filters(msgspec.Struct, frozen=True, kw_only=True):
    """What may be found at all."""

    category: str = ""  # path, "Sport > Fahrräder", or its beginning
    brand: str = ""
    kind: str = ""
    price_from: int | None = None  # minor units
    price_to: int | None = None
    in_stock: bool = False  # leave out what is sold out


class Hit(NamedTuple):
    """A product found. `exact`: its title says what was typed and nothing else, or its article number was typed."""

    id: str
    score: float
    exact: bool = False


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What a query found, best first."""

    hits: list[Hit]
    count: int
    partly: bool = False  # nothing has all words: these have some
    categories: list[tuple[str, int]] = []  # of the hits: category path and how many, most first
    brands: list[tuple[str, int]] = []


class ProductIndex:
    """The index of one catalogue. Written by one thread, read by any."""

    def __init__(self) -> None:
        build = tantivy.SchemaBuilder()
        for name in ("id", "category_path", "brand_name", "kind", "code"):
            build.add_text_field(name, stored=True, tokenizer_name="raw", index_option="basic")
        build.add_text_field("name", stored=True, tokenizer_name="raw", index_option="basic")  # `_name` of the title
        for name in ("title", "parts", "category", "brand", "text"):
            build.add_text_field(name, tokenizer_name="words", index_option="freq")
        build.add_text_field("word", tokenizer_name="words", index_option="basic")  # unstemmed
        build.add_unsigned_field("price", indexed=True, fast=True)
        build.add_unsigned_field("available", indexed=True, fast=True)
        self._schema = build.build()
        self._index = tantivy.Index(self._schema)
        analyser = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.whitespace()).build()
        self._index.register_tokenizer("words", analyser)
        self._writer = self._index.writer(_HEAP, 1)
        self._lexicon = Lexicon()
        self._paths: set[tuple[str, ...]] = set()  # whose words are learned
        self._pending = 0

    def __len__(self) -> int:
        """Products that can be found."""
        return int(self._index.searcher().num_docs)

    def put(self, items: Iterable[CatalogItem], *, learned: bool = False) -> None:
        """Take products in, in place of what was known under their ids; found after `commit`.

        Products that are not active leave the index. `learned`: `learn` knows their words already.
        """
        fresh = list(items)
        if not learned:
            self.learn(fresh)
        for item in fresh:
            self._writer.delete_documents_by_term("id", item.id)
            if item.active:
                self._writer.add_document(self._document(item))
        self._pending += len(fresh)

    def learn(self, items: Iterable[CatalogItem]) -> None:
        """Know the words of products before they are put in, so that the compounds of all others are taken apart."""
        for item in items:
            self._lexicon.learn(item.title)
            path = item.category
            if path not in self._paths:
                self._paths.add(path)
                for text in path:
                    self._lexicon.learn(text)

    def commit(self) -> None:
        """Let what was put in be found."""
        if self._pending:
            self._writer.commit()
            self._index.reload()
            self._pending = 0

    def search(self, text: str, *, n: int = 20, filters: Filters = Filters()) -> Found:
        """The best `n` products for a text; at most `MOST_HITS`.

        >>> index = ProductIndex()
        >>> index.put([CatalogItem(id="1", title="Kinderfahrrad 24 Zoll"), CatalogItem(id="2", title="Fahrradhelm")])
        >>> index.commit()
        >>> [hit.id for hit in index.search("fahrad kinder").hits]
        ['1']
        """
        if len(text) > LONGEST_QUERY:
            raise Rejected(
                f"the query has {len(text)} characters; shorten it",
                field="q",
                expected=f"at most {LONGEST_QUERY} characters",
            )
        n = min(n, MOST_HITS)
        words = tokens(text)
        telling = [word for word in words if word not in STOP_WORDS] or words
        typed = bool(words) and telling[-1] == words[-1] and not text[-1:].isspace()
        telling = telling[:MOST_WORDS]
        limits = self._limits(filters)
        searcher = self._index.searcher()
        if not telling:
            return Found(hits=[], count=0)
        clauses = [self._word(word, typed=typed and at == len(telling) - 1) for at, word in enumerate(telling)]
        typed_code, typed_name = _code(text), _name(words)
        code = Query.boost_query(Query.term_query(self._schema, "code", typed_code), _CODE)
        named = Query.boost_query(Query.term_query(self._schema, "name", typed_name), _NAME)
        whole = Query.boolean_query([(Occur.Must, one) for one in clauses])
        wanted = [whole, code, named, *self._joined(telling, clauses)]
        query = Query.boolean_query([(Occur.Should, one) for one in wanted])
        found: Any = searcher.search(_within(query, limits), MOST_HITS)
        if not found.count:
            tails = [self._tail(word, clause) for word, clause in zip(telling, clauses, strict=True)]
            query = Query.boolean_query([(Occur.Must, one) for one in tails])
            found = searcher.search(_within(query, limits), MOST_HITS)
        partly = False
        heads = [self._part(head) for word in telling if (head := self._lexicon.head(word))]
        if not found.count and len(clauses) + len(heads) > 1:
            partly = True
            clauses += [Query.boost_query(head, _HEAD) for head in heads]
            query = Query.boolean_query([(Occur.Should, one) for one in clauses])
            found = searcher.search(_within(query, limits), MOST_HITS)
        hits, categories, brands = [], Counter[str](), Counter[str]()
        for score, address in found.hits:
            document = searcher.doc(address)
            exact = document.get_first("name") == typed_name or typed_code in document.get_all("code")
            hits.append(Hit(str(document.get_first("id")), float(score), exact))
            categories[document.get_first("category_path") or ""] += 1
            brands[document.get_first("brand_name") or ""] += 1
        return Found(
            hits=hits[:n],
            count=int(found.count or 0),
            partly=partly,
            categories=[one for one in categories.most_common(_FACETS) if one[0]],
            brands=[one for one in brands.most_common(_FACETS) if one[0]],
        )

    def _document(self, item: CatalogItem) -> tantivy.Document:
        document = tantivy.Document()
        path = " > ".join(item.category)
        document.add_text("id", item.id)
        document.add_text("category_path", path)
        document.add_text("brand_name", item.brand)
        document.add_text("kind", item.kind)
        for code in {item.id, *(variant.sku for variant in item.variants), *_codes(item.attributes)}:
            document.add_text("code", _code(code))
        title = tokens(item.title)
        document.add_text("name", _name(title))
        texts = " ".join(str(value) for value in item.attributes.values() if isinstance(value, str | int | float))
        of_variants = " ".join(value for variant in item.variants for value in variant.attributes.values())
        more = tokens(f"{texts} {of_variants}")[:200]
        category, brand = tokens(path), tokens(item.brand)
        parts = [part for token in {*title, *category} for part in self._lexicon.parts(token)]
        document.add_text("title", _stems(title))
        document.add_text("parts", " ".join(parts))
        document.add_text("category", _stems(category))
        document.add_text("brand", _stems(brand))
        document.add_text("text", _stems(more))
        document.add_text("word", " ".join({*title, *category, *brand, *more}))
        document.add_unsigned("price", max(item.price or 0, 0))
        document.add_unsigned("available", int(item.in_stock() is not False))
        return document

    def _word(self, word: str, *, typed: bool) -> Query:
        """Everything that one word of a query may have meant; the best of it counts."""
        schema, short = self._schema, stem(word)
        fields = (("title", _TITLE), ("parts", _PARTS), ("category", _CATEGORY), ("brand", _BRAND), ("text", _TEXT))
        meant = [Query.boost_query(Query.term_query(schema, name, short), worth) for name, worth in fields]
        parts = self._lexicon.parts(word)
        if parts:
            each = [self._part(part) for part in parts]
            meant.append(Query.boolean_query([(Occur.Must, one) for one in each]))
        elif len(word) >= _TWO_WRONG_FROM and word.isalpha():
            meant += self._halves(word, typed=typed)
        if (typed and len(word) > 1) or len(word) >= _ONE_WRONG_FROM:
            # "kinder" begins "Kinderfahrrad", whether or not the catalogue uses the word alone.
            beginning = Query.fuzzy_term_query(schema, "word", word, 0, prefix=True)
            meant.append(Query.boost_query(beginning, _BEGINNING if typed else _FIRST_PART))
        if len(word) >= _ONE_WRONG_FROM and word.isalpha():
            meant.append(Query.boost_query(Query.fuzzy_term_query(schema, "word", word, 1), _ONE_WRONG))
        if len(word) >= _TWO_WRONG_FROM and word.isalpha():
            meant.append(Query.boost_query(Query.fuzzy_term_query(schema, "word", word, 2), _TWO_WRONG))
        return Query.disjunction_max_query(meant, 0.1)

    def _tail(self, word: str, clause: Query) -> Query:
        """What a word may mean where nothing else does: the end of a compound that the catalogue never uses alone.

        So "Mütze" finds a "Wollmütze", and "iphone15" what says "iPhone 15". Every word of the index is looked at.
        """
        meant = [clause]
        if len(word) >= _LEAST_TAIL and word.isalpha():
            pattern = f".{{3,}}{stem(word)}"
            meant.append(Query.boost_query(Query.regex_query(self._schema, "title", pattern), _HEAD))
        runs = _RUNS.findall(word)
        if len(runs) > 1:
            both = Query.boolean_query([(Occur.Must, self._word(one, typed=False)) for one in runs])
            meant.append(Query.boost_query(both, _HEAD))
        return Query.disjunction_max_query(meant, 0.1)

    def _joined(self, words: Sequence[str], clauses: Sequence[Query]) -> list[Query]:
        """What is written in one word where two were typed: "kamera stativ" for a "Kamerastativ"."""
        found = []
        for at in range(len(words) - 1):
            one = Query.term_query(self._schema, "title", stem(words[at] + words[at + 1]))
            others = [*clauses[:at], Query.boost_query(one, _TITLE), *clauses[at + 2 :]]
            found.append(Query.boolean_query([(Occur.Must, each) for each in others]))
        return found

    def _halves(self, word: str, *, typed: bool) -> list[Query]:
        """A compound of which one half is known, and the other is misspelt or still being typed."""
        found = []
        first, rest = self._lexicon.beginning(word)
        if first:
            found.append(self._both(first, rest, typed=typed))
        last = self._lexicon.head(word)
        if last and (at := word.rfind(last)) >= _ONE_WRONG_FROM:
            found.append(self._both(last, word[:at], typed=False))
        return found

    def _both(self, known: str, rest: str, *, typed: bool) -> Query:
        meant = [Query.fuzzy_term_query(self._schema, "word", rest, 0, prefix=True)] if typed else []
        if len(rest) >= _ONE_WRONG_FROM:
            meant.append(Query.fuzzy_term_query(self._schema, "word", rest, 1))
        if not meant:
            return Query.empty_query()
        other = Query.disjunction_max_query(meant, 0.1)
        return Query.boolean_query([(Occur.Must, self._part(known)), (Occur.Must, other)])

    def _part(self, part: str) -> Query:
        names = (("title", _TITLE), ("parts", _PARTS), ("category", _CATEGORY))
        found = [Query.boost_query(Query.term_query(self._schema, name, part), worth) for name, worth in names]
        return Query.disjunction_max_query(found, 0.1)

    def _limits(self, filters: Filters) -> list[Query]:
        schema = self._schema
        limits = []
        if filters.category:
            pattern = f"{_escaped(filters.category)}( > .*)?"
            limits.append(Query.regex_query(schema, "category_path", pattern))
        if filters.brand:
            limits.append(Query.term_query(schema, "brand_name", filters.brand))
        if filters.kind:
            limits.append(Query.term_query(schema, "kind", filters.kind))
        if filters.in_stock:
            limits.append(Query.term_query(schema, "available", 1))
        if filters.price_from is not None or filters.price_to is not None:
            low, high = filters.price_from or 0, filters.price_to
            top = (1 << 62) if high is None else high
            limits.append(Query.range_query(schema, "price", tantivy.FieldType.Unsigned, low, top))
        return limits


def _within(query: Query, limits: Sequence[Query]) -> Query:
    """The query within limits, which do not change the score."""
    unscored = [Query.const_score_query(limit, 0.0) for limit in limits]
    return Query.boolean_query([(Occur.Must, query), *((Occur.Must, limit) for limit in unscored)])


def _name(found: Sequence[str]) -> str:
    """What two texts that say the same have in common, whatever the order of their words.

    >>> _name(tokens("Fahrräder für Kinder")) == _name(tokens("kinder fahrrad"))
    True
    """
    return " ".join(sorted(stem(word) for word in found if word not in STOP_WORDS))[:500]


def _stems(found: Sequence[str]) -> str:
    return " ".join(map(stem, found))


def _code(text: str) -> str:
    """An article number as it is compared: without case, blanks and hyphens.

    >>> _code("40-0638 1333931")
    '4006381333931'
    """
    return "".join(one for one in text.casefold() if one.isalnum())[:100]


def _codes(attributes: Mapping[str, object]) -> list[str]:
    """Numbers that products are known by elsewhere."""
    return [str(attributes[name]) for name in ("gtin", "ean", "mpn", "isbn") if attributes.get(name)]


def _escaped(text: str) -> str:
    return "".join(f"\\{one}" if one in r"\.+*?()|[]{}^$#&~-" else one for one in text)
