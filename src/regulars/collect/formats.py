"""The formats of other vendors, by the route under which the log keeps their bodies."""

from typing import Any

import msgspec

from regulars.collect.body import plain
from regulars.collect.call import UNREADABLE
from regulars.collect.files.format import RowsOfFiles
from regulars.collect.files.touches import ROWS
from regulars.collect.ga4 import GoogleAnalytics
from regulars.collect.mended import Mended
from regulars.collect.posthog import PostHog
from regulars.collect.shopify import Shopify
from regulars.collect.shopware import Shopware
from regulars.collect.snowplow import Snowplow
from regulars.collect.unomi import Unomi
from regulars.collect.webhook import ShopSystem
from regulars.collect.wire import Format, bounded, decoded, unreadable
from regulars.collect.woocommerce import WooCommerce

FORMATS: dict[str, Format] = {
    one.route: one for one in (PostHog(), Snowplow(), Unomi(), GoogleAnalytics(), Mended(), RowsOfFiles())
}
#: The webhooks of shop systems; the log keeps a delivery with what its headers said.
SHOP_SYSTEMS: dict[str, ShopSystem] = {one.route: one for one in (Shopify(), WooCommerce(), Shopware())}


def format_of(route: str) -> Format | None:
    """The format of the bodies that the log keeps under a route; None for calls of the Segment spec."""
    return FORMATS.get(route) or SHOP_SYSTEMS.get(route) or ROWS.get(route)


_decode_outer = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_list = msgspec.json.Decoder(list[msgspec.Raw] | None).decode


def parts(body: bytes, form: Format) -> tuple[dict[str, Any], list[msgspec.Raw]]:
    """What stands around the events of a stored body, and the events as they came; raises Rejected."""
    content = plain(form.opened(plain(body)))
    try:
        held = _decode_outer(content)
        raws = _decode_list(held.pop(form.events, b"null")) or []
        outer = {name: decoded(bytes(raw)) for name, raw in held.items()}
    except UNREADABLE as error:
        raise unreadable(error, f'an object with a list of "{form.events}"', content) from None
    bounded(len(raws))
    return outer, raws
