"""Commands of shops that register by themselves: a registration, its confirmation, and the shop's leaving."""

from typing import Any, cast

from regulars.core.errors import Rejected
from regulars.core.state import SHOP_APP, Changes, Row
from regulars.flow.commanding import Command, Context, Handler
from regulars.flow.request_commands import note_request


def register_shop(context: Context, command: Command, changes: Changes) -> dict[str, Any]:
    """Begin a registration: {"shop", "url", "nonce", "timestamp", "known"}.

    `known`: the shop also signed with the secret that it has. Without that nobody takes the place of a shop that is
    confirmed, and a request that was sent before is none.
    """
    args = command.args
    shop, stamped = str(args["shop"]), int(args["timestamp"])
    row = context.state.get(SHOP_APP, (command.by, shop))
    if row is not None and row[3] and args.get("known") is not True:
        raise Rejected(
            "this shop is registered; a new registration must also be signed with its secret of now. A shop that has "
            "lost it takes the app out and installs it again",
            field="shopware-shop-signature", expected="HMAC-SHA256 with the shop's secret", got="none that holds",
        )  # fmt: skip
    if row is not None and stamped <= cast(int, row[8]):
        raise Rejected(
            "this registration was sent before", field="timestamp", expected=f"later than {row[8]!s}", got=str(stamped)
        )
    before = row or _empty(command.by, shop)
    changes.put(SHOP_APP, (*before[:4], str(args["nonce"]), str(args["url"]), *before[6:8], stamped, before[9]))
    return {"shop": shop}


def confirm_shop(context: Context, command: Command, changes: Changes) -> dict[str, Any]:
    """The shop has its secret: {"shop", "nonce"}. What it signed with before holds for what is under way."""
    shop, nonce = str(command.args["shop"]), command.args.get("nonce")
    row = context.state.get(SHOP_APP, (command.by, shop))
    if row is None or not row[4] or row[4] != nonce:
        raise Rejected("no such registration waits", field="shopId", expected="a shop that registered", got=shop)
    time = context.record.time
    changes.put(SHOP_APP, (command.by, shop, row[5], nonce, "", "", row[3], time, row[8], "confirmed"))
    return {"shop": shop, "status": "confirmed"}


def leave_shop(context: Context, command: Command, changes: Changes) -> dict[str, Any]:
    """The app was taken out of a shop: {"shop", "id", "erase"}. Its secret holds no longer; data may be asked to go."""
    shop = str(command.args["shop"])
    row = context.state.get(SHOP_APP, (command.by, shop))
    if row is None:
        raise Rejected("no such shop is registered", field="shopId", expected="a shop that registered", got=shop)
    changes.put(SHOP_APP, (*row[:3], "", "", "", "", 0, row[8], "left"))
    if command.args.get("erase") is True:
        asked = {"id": f"shop-{command.args.get('id')}", "kind": "shop_erasure", "shop": row[2]}
        note_request(context, Command("note_request", asked, command.by), changes)
    return {"shop": shop, "status": "left"}


def _empty(source: str, shop: str) -> Row:
    return (source, shop, "", "", "", "", "", 0, 0, "registering")


HANDLERS: dict[str, Handler] = {"register_shop": register_shop, "confirm_shop": confirm_shop, "leave_shop": leave_shop}
