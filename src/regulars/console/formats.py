"""Numbers, money, dates and sizes as a reader of German or English writes them."""

from datetime import date, datetime
from functools import lru_cache

from babel import Locale
from babel.dates import format_date, format_datetime, format_timedelta
from babel.numbers import format_compact_currency, format_compact_decimal, format_currency, format_decimal

from regulars.core.calendar import Calendar
from regulars.core.money import exponent

LANGUAGES = ("de", "en")
#: English dates and amounts follow the shop: American for dollars, British otherwise.
_LOCALES = {"de": "de_DE", "en": "en_GB"}
_DOLLARS = {"de": "de_DE", "en": "en_US"}
_UNITS = ("B", "kB", "MB", "GB", "TB")
_NO_BREAK = "\N{NO-BREAK SPACE}"


class Formats:
    """Formats for one language, in the shop's currency and time zone."""

    def __init__(self, language: str, currency: str, calendar: Calendar) -> None:
        self.language = language
        self.locale = Locale.parse((_DOLLARS if currency == "USD" else _LOCALES)[language])
        self.currency = currency
        self._calendar = calendar

    def number(self, value: float, digits: int = 0) -> str:
        """A number with grouping and at most so many digits after the point."""
        return format_decimal(value, format="#,##0" + ("." + "#" * digits if digits else ""), locale=self.locale)

    def compact(self, value: float) -> str:
        """A number in three or four characters: 1.2M, 1,2 Mio."""
        return format_compact_decimal(value, locale=self.locale, fraction_digits=0 if value < 1000 else 1)

    def percent(self, share: float, digits: int = 0) -> str:
        """A share of 1 as per cent."""
        pattern = "#,##0" + ("." + "0" * digits if digits else "")
        return format_decimal(share * 100, format=pattern, locale=self.locale) + self._percent_sign

    def money(self, minor: float, currency: str = "") -> str:
        """An amount of minor units."""
        code = currency or self.currency
        return str(format_currency(minor / 10 ** exponent(code), code, locale=self.locale))

    def money_short(self, minor: float, currency: str = "") -> str:
        """An amount in few characters, for figures at a glance and axes."""
        code = currency or self.currency
        value = minor / 10 ** exponent(code)
        if abs(value) < 1_000_000:
            return str(
                format_currency(value, code, format=_whole(self.locale), locale=self.locale, currency_digits=False)
            )
        return str(format_compact_currency(value, code, locale=self.locale, fraction_digits=2))

    def day(self, day: int, length: str = "medium") -> str:
        """A local day number as a date."""
        return format_date(self._calendar.date(day), format=length, locale=self.locale)

    def day_of(self, value: date, pattern: str) -> str:
        """A date by a pattern of CLDR."""
        return format_date(value, format=pattern, locale=self.locale)

    def date(self, instant: int, length: str = "medium") -> str:
        """The local date of an instant (ms)."""
        return format_date(self._calendar.local(instant).date(), format=length, locale=self.locale)

    def time(self, instant: int) -> str:
        """Local date and time of day of an instant (ms)."""
        return format_datetime(self._calendar.local(instant), format="medium", locale=self.locale, tzinfo=None)

    def clock(self, instant: int) -> str:
        """Local hour and minute of an instant (ms)."""
        local: datetime = self._calendar.local(instant)
        return f"{local:%H:%M}"

    def ago(self, milliseconds: int) -> str:
        """How long ago, in the largest unit that fits."""
        text = (
            format_timedelta(-max(milliseconds, 0) // 1000, add_direction=True, locale=self.locale)
            if (milliseconds >= 60_000)
            else ""
        )
        return str(text)

    def duration(self, seconds: float) -> str:
        """A length of time in its largest unit."""
        if seconds < 1:
            return f"{self.number(seconds * 1000)}{_NO_BREAK}ms"
        return str(format_timedelta(int(seconds), locale=self.locale, threshold=1.4))

    def size(self, count: float) -> str:
        """Bytes in decimal units (IEC 80000-13 leaves k to a thousand)."""
        at = 0
        while count >= 1000 and at < len(_UNITS) - 1:
            count, at = count / 1000, at + 1
        return f"{self.number(count, 1 if at and count < 100 else 0)}{_NO_BREAK}{_UNITS[at]}"

    @property
    def _percent_sign(self) -> str:
        return f"{_NO_BREAK}%" if self.language == "de" else "%"


@lru_cache(maxsize=4)
def _whole(locale: Locale) -> str:
    """The locale's pattern of amounts without minor units."""
    return str(locale.currency_formats["standard"].pattern).split(";")[0].replace(".00", "")
