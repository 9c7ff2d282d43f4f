"""Telephone numbers in one spelling: E.164, the international form."""

import re
import unicodedata
from functools import cache
from typing import Any

#: What may stand before a number and says nothing: the scheme of a link, the word of a form.
_BEFORE = re.compile(r"\s*(?:tel|phone|mobile?|mobil|telefon)\s*[.:]\s*", re.IGNORECASE)
#: What a table of numbers writes of one that it took for a quantity.
_QUANTITY = re.compile(r"\s*(\+?[0-9]{6,})\.0\s*\Z")


def e164(value: str, country: str) -> str | None:
    """The number as +49…; a number without a country is one of `country` (ISO 3166). None: it is nobody's number.

    A letter among the digits is a typing error (O for 0) or a word, and what is left without it would be a
    stranger's number. An extension leads to one of many behind a switchboard: the number alone is all of theirs. A
    number that can only be dialled within its town, or in an emergency, is no international one.

    >>> e164("0170 1234567", "DE"), e164("+43 1 5880010", "DE"), e164("0000", "DE")
    ('+491701234567', '+4315880010', None)
    >>> e164("491701234567", "DE"), e164("017O 1234567", "DE"), e164("030 123456 ext. 7", "DE"), e164("110", "DE")
    ('+491701234567', None, None, None)
    """
    value = unicodedata.normalize("NFKC", value)
    value = value[found.end() :] if (found := _BEFORE.match(value)) else value
    value = found[1] if (found := _QUANTITY.match(value)) else value
    if any(c.isalpha() for c in value):
        return None
    library = _library()
    try:
        number = library.parse(value, country)
        if "+" not in value:
            number = _with_its_country(number, value) or number
    except library.NumberParseException:
        return None
    national = str(number.national_number or "0")
    if number.extension or len(set(national)) == 1:  # 1111111 is what is typed to get past a form
        return None
    if library.is_possible_number_with_reason(number) != library.ValidationResult.IS_POSSIBLE:
        return None
    return str(library.format_number(number, library.PhoneNumberFormat.E164))


def _with_its_country(number: Any, value: str) -> Any:
    """The same read as an international number that lost its +, as tables of numbers do; None when it is none.

    Where national numbers begin with 0, one that was written without, with the country's own code, is international.
    """
    library, code = _library(), str(number.country_code)
    digits = str(library.normalize_digits_only(value))
    if digits != str(number.national_number) or not digits.startswith(code):
        return None
    found = library.parse(f"+{digits}", None)
    return found if library.is_valid_number(found) else None


@cache
def _library() -> Any:
    # Loaded with the first number: most processes and shops never see one.
    import phonenumbers

    return phonenumbers
