"""Money: integer minor units with a currency; which properties of events are money, and how large an amount may be."""

import msgspec

from regulars.core.errors import Rejected

#: Currencies whose minor unit is not a hundredth (ISO 4217).
EXPONENTS = {"JPY": 0, "KRW": 0, "CLP": 0, "ISK": 0, "VND": 0, "BHD": 3, "KWD": 3, "OMR": 3, "TND": 3, "JOD": 3}

#: Properties that hold money, by the last name of their path (Segment e-commerce spec and its common extensions).
MONEY = frozenset(
    {
        "amount", "basket_value", "cart_value", "cost", "coupon_discount", "discount", "full_price", "list_price",
        "loyalty_discount", "margin", "order_total", "original_price", "paid", "price", "profit", "refund",
        "regular_price", "retail_discount", "revenue", "sale_price", "sales_value", "shipping", "spend", "subtotal",
        "tax", "total", "unit_price", "value",
    }
)  # fmt: skip
SCALE = 1000  # numbers that are not money count in thousandths
#: An amount that is summed, in minor units or thousandths, is smaller: it takes nine million of them to leave 64 bits.
LARGEST = 10**12
#: A number that is kept as it is, or a count of pieces: whole and exact also as a float.
LARGEST_KEPT = 2**53


def exponent(currency: str) -> int:
    """Decimal places of the currency's minor unit (ISO 4217)."""
    return EXPONENTS.get(currency, 2)


def is_money(path: str) -> bool:
    """Whether a property path holds money.

    >>> is_money("products.price"), is_money("products.quantity")
    (True, False)
    """
    return path.rpartition(".")[2] in MONEY


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
