"""Telephone numbers in one spelling: E.164, the international form."""

from functools import cache
from typing import Any


def e164(value: str, country: str) -> str | None:
    """The number as +49…; a number without a country is one of `country` (ISO 3166). None: it is no number.

    >>> e164("0170 1234567", "DE"), e164("+43 1 5880010", "DE"), e164("0000", "DE")
    ('+491701234567', '+4315880010', None)
    """
    library = _library()
    try:
        number = library.parse(value, country)
    except library.NumberParseException:
        return None
    if not number.national_number or not library.is_possible_number(number):
        return None
    return str(library.format_number(number, library.PhoneNumberFormat.E164))


@cache
def _library() -> Any:
    # Loaded with the first number: most processes and shops never see one.
    import phonenumbers

    return phonenumbers
