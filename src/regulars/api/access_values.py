"""Values of the access page as a customer reads them: codes as words, amounts as money, details of events as a list."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from regulars.api.access_words import CODES, WORDS
from regulars.api.detail_words import DETAILS
from regulars.core.condition import Explanation, value_in_words
from regulars.core.condition.words import expected_in_words
from regulars.core.definitions import NOT_AGAIN, TOO_CLOSE, Definitions, Trait
from regulars.core.identifier import parse
from regulars.core.money import exponent, is_money
from regulars.core.schema import LIFECYCLE_STAGES, PREFERENCE
from regulars.runtime.fact_names import FactNames, known, said

_MOST_LISTED = 20
_MEASURES = frozenset({"sum", "max", "last", "first"})


class Speaker:
    """Says things in one language, German or English. Nothing that it says is escaped."""

    def __init__(self, definitions: Definitions, language: str) -> None:
        self.language = language
        self.words = WORDS[language]
        self.fact = FactNames(definitions, language)
        self._currency = definitions.shop.currency
        self._types = {one.id: dict(one.title) for one in definitions.identity.types}
        self._traits = {one.name: one for one in definitions.traits}
        self._segments = {one.id: one.title for one in definitions.segments}
        self._purposes = {one.id: one.title for one in definitions.purposes}
        self._wishes = {one.id: one for one in definitions.preferences}

    def code(self, kind: str, code: str) -> str:
        """A code in words; one that has none as one would write it."""
        found = CODES.get(f"{kind}.{code}")
        return known(code, self.language) if found is None else found[self.language != "de"]

    def user(self, name: str) -> str:
        """Who did something: the customer, or a name of the staff's."""
        return self.code("user", name) if f"user.{name}" in CODES else name

    def title(self, titles: Mapping[str, str], name: str) -> str:
        """A title of the shop's, else the name as one would write it."""
        return said(titles, self.language, "") or known(name, self.language)

    def identifier(self, key: str) -> str:
        """An identifier with its type in words."""
        kind, value = parse(key)
        return f"{self.title(self._types.get(kind, {}), kind)}: {value}"

    def purpose(self, name: str) -> str:
        """What a purpose is called."""
        return self.words["contract"] if name == "contract" else self.title(self._purposes.get(name, {}), name)

    def money(self, minor: float, currency: str) -> str:
        """An amount of minor units."""
        digits = exponent(currency)
        text = f"{minor / 10**digits:.{digits}f}"
        return f"{text.replace('.', ',') if self.language == 'de' else text} {currency}"

    def value(self, value: object) -> str:
        """A plain value."""
        if isinstance(value, bool):
            return self.words["yes" if value else "no"]
        if isinstance(value, list | tuple):
            return ", ".join(map(self.value, value))
        if isinstance(value, float):
            text = f"{value:g}"
            return text.replace(".", ",") if self.language == "de" else text
        return str(value)

    def wish(self, name: str, value: object) -> str:
        """An answer as the shop titles it."""
        one = self._wishes.get(name)
        answers = value if isinstance(value, list) else [value]
        options = one.options if one is not None else {}
        if name in (NOT_AGAIN, TOO_CLOSE):
            return ", ".join(self._refused(str(a)) for a in answers)
        return ", ".join(self.title(options[str(a)], str(a)) if str(a) in options else self.value(a) for a in answers)

    def _refused(self, said: str) -> str:
        """What is not to be shown again, as `category:Bikes` says it to the machine."""
        kind, colon, name = said.partition(":")
        if not colon or f"wish.{kind}" not in CODES:
            return said
        shown = self.title(self._traits[name].title, name) if kind == "trait" and name in self._traits else name
        return f"{self.code('wish', kind)} {shown}"

    def trait(self, name: str, value: object) -> str:
        """The value of a trait in its unit."""
        trait = self._traits.get(name)
        if isinstance(value, dict):
            best = sorted(value.items(), key=lambda pair: (-pair[1], pair[0]))[:_MOST_LISTED]
            return ", ".join(f"{key.rpartition(' > ')[2]} {share:.0%}" for key, share in best)
        if isinstance(value, str) and value in LIFECYCLE_STAGES and trait is not None and trait.kind == "lifecycle":
            return self.code("stage", value)
        if trait is not None and isinstance(value, int | float) and not isinstance(value, bool):
            return self._number(trait, value)
        return self.value(value)

    def reasons(self, explained: Any) -> str:
        """What a group's condition compared, and what held for the person: the clauses that hold."""
        return "; ".join(self._clauses(msgspec.convert(explained, Explanation)))

    def details(self, body: Mapping[str, Any], *, facts: bool = False) -> list[str]:
        """Details of an event, each a line."""
        found = []
        for name, value in body.items():
            if name == "purposes" and isinstance(value, dict):
                told = ", ".join(f"{self.purpose(one)}: {self.value(said)}" for one, said in value.items())
            elif name == "preferences" and isinstance(value, dict):
                told = ", ".join(f"{self._wish_title(one)}: {self.wish(one, said)}" for one, said in value.items())
            elif name == "facts" and isinstance(value, dict):
                told = ", ".join(self.details(value, facts=True))
            elif name == "origin" and isinstance(value, str) and not facts:
                told = self.fact.origin(value)
            elif value is None:
                told = self.words["taken_away"]
            else:
                told = self.value(value) if not _nested(value) else self._nested(value)
            found.append(f"{self.fact(name) if facts else self._detail(name)}: {told}")
        return found

    def _nested(self, value: Any) -> str:
        if isinstance(value, dict):
            return "(" + ", ".join(self.details(value)) + ")"
        return ", ".join(self._nested(one) if _nested(one) else self.value(one) for one in value[:_MOST_LISTED])

    def _detail(self, name: str) -> str:
        found = DETAILS.get(name)
        # A shop's own detail may have the title of the fact of that name.
        return self.fact(name) if found is None else found[self.language != "de"]

    def _wish_title(self, name: str) -> str:
        one = self._wishes.get(name)
        return self.title(one.title if one is not None else {}, name)

    def _clauses(self, one: Explanation) -> Iterable[str]:
        if one.kind != "clause":
            for child in one.children:
                yield from self._clauses(child)
            return
        if one.verdict is not True:
            return
        titles = [self._name(name) for name, _ in one.names] or [one.text]
        member = [self._segments[str(e)] for e in one.expected if str(e) in self._segments] if not one.names else []
        if member:
            yield self.title(member[0], one.text)
            return
        expected = expected_in_words(one, self.language)
        actual = self.trait(one.names[0][0], one.actual) if len(one.names) == 1 and one.actual is not None else ""
        if not actual:
            actual = value_in_words(one.actual, self.language)
        yield f"{', '.join(titles)}: {actual} ({expected})" if expected else f"{', '.join(titles)}: {actual}"

    def _name(self, name: str) -> str:
        if name.startswith("interest("):
            return name[len("interest('") : -2]
        if name.startswith(PREFERENCE):
            return self._wish_title(name[len(PREFERENCE) :])
        trait = self._traits.get(name)
        return self.title(trait.title if trait is not None else {}, name)

    def _number(self, trait: Trait, value: float) -> str:
        if trait.kind in _MEASURES and is_money(trait.of):
            return self.money(value, str(trait.where.get("currency", "")) or self._currency)
        if trait.kind == "days_since":
            return f"{value:g} {self.words['days']}"
        return self.value(value)


def _nested(value: object) -> bool:
    return isinstance(value, dict) or (isinstance(value, list) and any(isinstance(one, dict | list) for one in value))
