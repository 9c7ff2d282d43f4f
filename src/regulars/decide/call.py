"""The body of `POST /v1/decide`: who asks, for which placements, with what at hand."""

from typing import Any

import msgspec

from regulars.core.errors import Rejected
from regulars.decide.table import MOST_PLACEMENTS

MOST_EVENTS = 50  # riding along with one call
MOST_BASKET = 200
#: In the context of a call: what the shop's backend signed for the customer who is logged in.
LOGIN = "regulars_token"


class Line(msgspec.Struct, frozen=True):
    """A product in the basket, as Segment's events name it."""

    product_id: str | int


class Call(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """One call. Product ids in the basket are texts, numbers or objects with a `product_id`."""

    placements: list[str]
    user_id: str | int | None = None
    anonymous_id: str | int | None = None
    identifier: str | None = None  # type:value, for servers
    context: dict[str, Any] = {}
    events: list[dict[str, Any]] = []
    basket: list[str | int | Line] = []
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


_decode = msgspec.json.Decoder(Call).decode


def read_call(body: bytes) -> Call:
    """The call; raises Rejected naming the field, what was expected and what came."""
    try:
        call = _decode(body)
    except msgspec.ValidationError as error:
        message, _, at = str(error).partition(" - at `$")
        field = at.strip("`.") or _named(message) or "body"
        expected, _, got = message.partition(", got ")
        raise Rejected(
            f"the body is no decide call: {error}",
            field=field,
            expected=expected.removeprefix("Expected ").strip("`"),
            got=got.strip("`"),
        ) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Rejected(
            f"the body is not JSON: {error}", field="body", expected='{"placements": [...]}', got=repr(body[:40])
        ) from None
    _bounded("placements", len(call.placements), MOST_PLACEMENTS)
    if not call.placements:
        raise Rejected(
            "name at least one placement", field="placements", expected="ids of placements.toml", got="an empty list"
        )
    _bounded("events", len(call.events), MOST_EVENTS)
    _bounded("basket", len(call.basket), MOST_BASKET)
    return call


def _bounded(field: str, count: int, most: int) -> None:
    if count > most:
        raise Rejected(
            f"{count} {field} in one call; send at most {most}", field=field, expected=f"at most {most}", got=str(count)
        )


def _named(message: str) -> str:
    return message.split("`")[1] if message.startswith(("Object missing", "Object contains")) else ""
