"""Prices over time: what an item cost in the last weeks, and the lowest of them.

Who announces a reduction has to say the lowest price of the 30 days before it (Directive 98/6/EC, article 6a; in
Germany section 11 of the Preisangabenverordnung).
"""

import msgspec

from regulars.core.catalog import CatalogItem, PriceSpan, Sale

DAY_MS = 86_400_000
#: What the law asks for, and how much is kept.
DAYS, KEPT_DAYS = 30, 60
_MOST = 100


def noted(before: CatalogItem | None, after: CatalogItem, now: int) -> CatalogItem:
    """`after`, with what it cost so far."""
    spans = list(after.prices)
    if before is not None and before.sale is not None and before.sale != after.sale:
        spans += _past(before.sale, spans, now)
    still = next((place for place, one in enumerate(spans) if one.until is None), None)
    if still is None or spans[still].price != after.price:
        if still is not None:
            old = spans.pop(still)
            if old.since < now:
                spans.append(PriceSpan(old.price, old.since, now))
        if after.price is not None:
            spans.append(PriceSpan(after.price, now))
    oldest = now - KEPT_DAYS * DAY_MS
    kept = tuple(sorted((one for one in spans if one.until is None or one.until > oldest), key=_since)[-_MOST:])
    return after if kept == after.prices else msgspec.structs.replace(after, prices=kept)


def lowest(item: CatalogItem, now: int, *, days: int = DAYS) -> int | None:
    """The lowest price of the last days, a reduction that holds now left out: what it has to be compared with."""
    sale = item.sale if item.sale is not None and item.sale.holds(now) else None
    end = now if sale is None or sale.since is None else sale.since
    begin = end - days * DAY_MS
    found = [one.price for one in item.prices if one.since <= end and (one.until is None or one.until > begin)]
    if item.sale is not None and sale is None and _overlaps(item.sale, begin, end):
        found.append(item.sale.price)
    return min(found, default=item.price)


def _past(sale: Sale, spans: list[PriceSpan], now: int) -> list[PriceSpan]:
    """A sale that ends, as far as it was in force."""
    known = min((one.since for one in spans), default=now)
    since = known if sale.since is None else sale.since
    until = now if sale.until is None else min(sale.until, now)
    return [PriceSpan(sale.price, since, until)] if since < until else []


def _overlaps(sale: Sale, begin: int, end: int) -> bool:
    return (sale.since is None or sale.since < end) and (sale.until is None or sale.until > begin)


def _since(span: PriceSpan) -> tuple[int, int]:
    return span.since, span.price
