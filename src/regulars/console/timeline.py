"""Events as moments: what happened in a few words, and the whole of it for those who may see it."""

import contextlib
from collections.abc import Sequence
from typing import Any

import msgspec

from regulars.console.visit import Visit
from regulars.core.catalog import CatalogItem
from regulars.core.errors import Rejected
from regulars.core.event import CONSENT, ORDER_EVENTS, Event
from regulars.core.money import to_minor
from regulars.core.state import PRODUCT

_MOST_BODY = 20_000  # characters of a body that is shown
_item = msgspec.msgpack.Decoder(CatalogItem).decode


class Moment(msgspec.Struct, frozen=True):
    """One event."""

    title: str
    time: int
    source: str
    summary: str
    body: str  # "" for those who may not see it
    order: bool


def moments(visit: Visit, events: Sequence[Event]) -> list[Moment]:
    """The events for a timeline."""
    titles = _titles(visit, events)
    sources = {one.id: visit.words.of(one.title, one.id) for one in visit.house.definitions.sources}
    return [
        Moment(
            visit.house.event_title(event.name, visit.language),
            event.time,
            sources.get(event.source, event.source),
            _summary(visit, event, titles),
            _body(event) if visit.may("identifiers") else "",
            event.name in ORDER_EVENTS,
        )
        for event in events
    ]


def pretty(value: Any) -> str:
    """JSON as a person reads it."""
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()[:_MOST_BODY]


def _summary(visit: Visit, event: Event, titles: dict[str, str]) -> str:
    properties, f, t = event.properties, visit.formats, visit.words
    if event.name in ORDER_EVENTS:
        lines = properties.get("products")
        parts = []
        currency = str(properties.get("currency") or f.currency)
        with contextlib.suppress(KeyError, Rejected, ArithmeticError):
            parts.append(f.money(to_minor(properties["total"], currency), currency))
        if isinstance(lines, list):
            parts.append(t.count("count.lines", len(lines), n=f.number(len(lines))))
        return ", ".join(parts)
    if event.name == CONSENT and isinstance(properties.get("purposes"), dict):
        purposes = {one.id: t.of(one.title, one.id) for one in visit.house.definitions.purposes}
        said = properties["purposes"].items()
        return " · ".join(f"{purposes.get(p, p)}: {t('clause.yes' if granted else 'clause.no')}" for p, granted in said)
    product = properties.get("product_id")
    if isinstance(product, str | int):
        return titles.get(str(product)) or str(properties.get("name") or product)[:120]
    for name in ("query", "name", "title", "path", "coupon_id", "placement", "list_id"):
        told = properties.get(name)
        if isinstance(told, str | int) and not isinstance(told, bool):
            return str(told)[:120]
    return ""


def _titles(visit: Visit, events: Sequence[Event]) -> dict[str, str]:
    ids = {str(p) for event in events if isinstance(p := event.properties.get("product_id"), str | int)}
    rows = visit.house.services.state.many(PRODUCT, ids)
    found = {}
    for key, row in rows.items():
        data = row[3]
        if isinstance(data, bytes):
            found[str(key)] = _item(data).title
    return found


def _body(event: Event) -> str:
    said = {"properties": event.properties, "traits": event.traits, "context": event.context}
    kept: dict[str, Any] = {name: value for name, value in said.items() if value}
    return pretty(kept | {"messageId": event.message_id}) if kept else ""
