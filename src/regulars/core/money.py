"""Money: integer minor units with a currency."""

import msgspec

from regulars.core.errors import Rejected

#: Currencies whose minor unit is not a hundredth (ISO 4217).
EXPONENTS = {"JPY": 0, "KRW": 0, "CLP": 0, "ISK": 0, "VND": 0, "BHD": 3, "KWD": 3, "OMR": 3, "TND": 3, "JOD": 3}


def exponent(currency: str) -> int:
    """Decimal places of the currency's minor unit (ISO 4217)."""
    return EXPONENTS.get(currency, 2)


def to_minor(amount: float | int | str, currency: str) -> int:
    """An amount in major units (as shops send it) as integer minor units, half rounded away from zero.

    >>> to_minor(12.345, "EUR"), to_minor("7", "JPY"), to_minor(-0.125, "USD")
    (1235, 7, -13)
    """
    try:
        scaled = round(float(amount) * 10 ** exponent(currency), 6)
    except (TypeError, ValueError):
        raise Rejected(f"{amount!r} is not an amount of money", expected="a number", got=repr(amount)) from None
    if not -9e15 < scaled < 9e15:
        raise Rejected(
            f"{amount!r} is too large for an amount of money", expected="below 90 trillion", got=repr(amount)
        )
    return int(scaled + 0.5) if scaled >= 0 else -int(-scaled + 0.5)


class Money(msgspec.Struct, frozen=True):
    """An amount in minor units of a currency."""

    minor: int
    currency: str

    def __add__(self, other: "Money") -> "Money":
        if other.currency != self.currency:
            raise ValueError(f"cannot add {other.currency} to {self.currency}; convert first")
        return Money(self.minor + other.minor, self.currency)

    def __str__(self) -> str:
        places = exponent(self.currency)
        return f"{self.minor / 10**places:.{places}f} {self.currency}"
