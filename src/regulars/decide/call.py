"""The body of `POST /v1/decide`: who asks, for which placements, with what at hand."""

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from regulars.core.errors import Rejected
from regulars.decide.table import MOST_PLACEMENTS

MOST_EVENTS = 50  # riding along with one call
MOST_BASKET = 200
LONGEST_QUERY = 200  # characters
#: In the context of a call: what the shop's backend signed for the customer who is logged in.
LOGIN = "regulars_token"


class Line(msgspec.Struct, frozen=True):
    """A product in the basket, as Segment's events name it."""

    product_id: str | int


Told = TypeVar("Told", bound="Call")


class Call(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """One call. Product ids in the basket are texts, numbers or objects with a `product_id`."""

    placements: list[str]
    user_id: str | int | None = None
    anonymous_id: str | int | None = None
    identifier: str | None = None  # type:value, for servers
    context: dict[str, Any] = {}
    events: list[dict[str, Any]] = []
    basket: list[str | int | Line] = []
    query: str | None = None  # what the customer searches for
    language: str | None = None
    explain: bool = False
    write_key: str | None = None

    def token(self) -> str | None:
        """The token of the context."""
        found = self.context.get(LOGIN)
        return found if isinstance(found, str) else None

    def products(self) -> list[str]:
        """The product ids in the basket."""
        return [str(one.product_id) if isinstance(one, Line) else str(one) for one in self.basket]


class Narrowing(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a search may find at all; prices are amounts, "19.99" or 19.99."""

    category: str = ""
    brand: str = ""
    kind: str = ""
    price_from: str | float | None = None
    price_to: str | float | None = None
    in_stock: bool = False


class SearchCall(Call, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """A search for one customer: a call for one placement that answers its query."""

    placements: list[str] = []  # at most one; without it the first of the shop that answers searches
    limit: int | None = None
    filters: Narrowing = Narrowing()


_decode = msgspec.json.Decoder(Call).decode
_decode_search = msgspec.json.Decoder(SearchCall).decode


def read_search(body: bytes) -> SearchCall:
    """The search; raises Rejected like `read_call`."""
    call = _read(body, _decode_search, '{"query": "..."}')
    _bounded("placements", len(call.placements), 1)
    if call.query is None or not call.query.strip():
        raise Rejected("there is nothing to search for", field="query", expected="some words", got="nothing")
    return call


def read_call(body: bytes) -> Call:
    """The call; raises Rejected naming the field, what was expected and what came."""
    call = _read(body, _decode, '{"placements": [...]}')
    _bounded("placements", len(call.placements), MOST_PLACEMENTS)
    if not call.placements:
        raise Rejected(
            "name at least one placement", field="placements", expected="ids of placements.toml", got="an empty list"
        )
    return call


def _read(body: bytes, decode: Callable[[bytes], Told], example: str) -> Told:
    try:
        call = decode(body)
    except msgspec.ValidationError as error:
        message, _, at = str(error).partition(" - at `$")
        field = at.strip("`.") or _named(message) or "body"
        expected, _, got = message.partition(", got ")
        raise Rejected(
            f"the body is no such call: {error}",
            field=field,
            expected=expected.removeprefix("Expected ").strip("`"),
            got=got.strip("`"),
        ) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Rejected(f"the body is not JSON: {error}", field="body", expected=example, got=repr(body[:40])) from None
    _bounded("events", len(call.events), MOST_EVENTS)
    _bounded("basket", len(call.basket), MOST_BASKET)
    _bounded_query(call.query)
    return call


def _bounded(field: str, count: int, most: int) -> None:
    if count > most:
        raise Rejected(
            f"{count} {field} in one call; send at most {most}", field=field, expected=f"at most {most}", got=str(count)
        )


def _bounded_query(query: str | None) -> None:
    if query is not None and len(query) > LONGEST_QUERY:
        raise Rejected(
            f"the query has {len(query)} characters; shorten it",
            field="query",
            expected=f"at most {LONGEST_QUERY} characters",
            got=str(len(query)),
        )


def _named(message: str) -> str:
    return message.split("`")[1] if message.startswith(("Object missing", "Object contains")) else ""
