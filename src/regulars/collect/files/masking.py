"""Texts that people wrote, without what must not be kept: names, card and account numbers, addresses, telephones."""

import re
from collections.abc import Callable

from regulars.collect.files.names import without_names, without_typed_names
from regulars.core.definitions import Sensitive
from regulars.core.sensitive import detector

#: Characters of a text that is kept.
LONGEST = 8_000
_EMAIL = re.compile(r"[^\s@<>,;:\"'()]{1,64}@[^\s@<>,;:\"'()]{1,190}\.[a-z]{2,24}", re.IGNORECASE)
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b", re.IGNORECASE)
_DIGITS = re.compile(r"(?<!\d)\+?\d(?:[ \-./()]{0,2}\d){6,18}(?!\d)")


def masked(text: str) -> str:
    """The text without them.

    >>> masked("Card 4111 1111 1111 1111, ada@shop.example, call 0170 1234567 about order 4711, Mrs Lovelace")
    'Card [card], [e-mail], call [number] about order 4711, Mrs [name]'
    """
    return _masked(text, without_names)


def masked_search(text: str) -> str:
    """The same of what somebody typed into a search, where fewer words around a name tell that it is one."""
    return _masked(text, without_typed_names)


def _masked(text: str, nameless: Callable[[str], str]) -> str:
    text = _EMAIL.sub("[e-mail]", text[: 2 * LONGEST])
    text = _IBAN.sub(_account, text)
    return nameless(_DIGITS.sub(_number, text))[:LONGEST]


def withheld(text: str) -> bool:
    """Whether a text tells of health, faith and the like: then nobody keeps it."""
    return detector(Sensitive()).unwanted(text)


def _account(found: re.Match[str]) -> str:
    """An IBAN: its checksum is what tells it from a product's number."""
    plain = found[0].replace(" ", "").upper()
    if not plain.isascii() or not 15 <= len(plain) <= 34:
        return found[0]
    number = "".join(str(int(one, 36)) for one in plain[4:] + plain[:4])
    return "[account]" if int(number) % 97 == 1 else found[0]


def _number(found: re.Match[str]) -> str:
    digits = [int(one) for one in found[0] if one.isdecimal()]
    if 13 <= len(digits) <= 19:
        doubled = [sum(divmod(2 * digit, 10)) if place % 2 else digit for place, digit in enumerate(reversed(digits))]
        if sum(doubled) % 10 == 0:
            return "[card]"
    return "[number]"
