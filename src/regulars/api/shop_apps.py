"""How a Shopware shop and Regulars agree on a secret when the app is installed: registration, proof, confirmation.

The shop signs the address that it asks with the secret of the app, which stands in the app's manifest; the answer
proves that Regulars knows it, too, and hands out a secret for this shop alone. The shop confirms with that one.
"""

import asyncio
import hashlib
import hmac
import secrets
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from litestar import Request, get, post
from litestar.params import FromPath

from regulars.api.problem import Problem
from regulars.api.visitors import visitors_of
from regulars.api.webhooks import is_signed, secrets_of
from regulars.core.definitions import Source, Webhook
from regulars.core.errors import Rejected
from regulars.runtime import Services
from regulars.runtime.shop_secrets import ShopSecrets

_APP, _SHOP = "shopware-app-signature", "shopware-shop-signature"
_LONGEST_ID, _LONGEST_URL, _BYTES = 128, 500, 20_000
_AHEAD_S = 86_400


class Handed(msgspec.Struct):
    """The proof that the app's secret is known here, the shop's own secret, and where it confirms."""

    proof: str
    secret: str
    confirmation_url: str


class Confirmed(msgspec.Struct):
    """The shop's secret holds from now on."""

    success: bool


class _Confirmation(msgspec.Struct, rename="camel"):
    """Keys to the shop's own API stand in it, too; they are not needed here and not kept."""

    shop_id: str


_decode = msgspec.json.Decoder(_Confirmation).decode


@get("/v1/webhooks/shopware/{source:str}/register", tags=["events"], operation_id="RegisterShop")
async def register(request: Request[Any, Any, Any], source: FromPath[str], services: Services) -> Handed:
    """A Shopware shop in which the app is installed asks for its secret. Signed with the secret of the app."""
    held, webhook, app_secrets = _app(services, source)
    query = bytes(request.scope["query_string"])
    app = next((one for one in app_secrets if _signed(query, _header(request, _APP), [one])), None)
    if app is None:
        raise _refused(request, services, _APP, "the secret of the app")
    shop, url, stamped = _asked(query, services)
    keys = ShopSecrets(services.folder, held.id)
    known = await asyncio.to_thread(keys.holding, services.state, shop, now=services.clock())
    nonce = secrets.token_urlsafe(24)
    args = {
        "shop": shop, "url": url, "nonce": nonce, "timestamp": stamped,
        "known": _signed(query, _header(request, _SHOP), known),
    }  # fmt: skip
    await _command(services, "register_shop", args, held.id)
    proof = hmac.new(app, f"{shop}{url}{webhook.app}".encode(), hashlib.sha256).hexdigest()
    place = f"{services.settings.public_address}/v1/webhooks/shopware/{held.id}/confirm"
    return Handed(proof, keys.secret(shop, nonce), place)


@post("/v1/webhooks/shopware/{source:str}/confirm", tags=["events"], operation_id="ConfirmShop", status_code=200)
async def confirm(request: Request[Any, Any, Any], source: FromPath[str], services: Services) -> Confirmed:
    """The shop has its secret and signs with it. Keys to the shop's API that come along are not kept."""
    held, _, _ = _app(services, source)
    body = await request.body()
    try:
        shop = _decode(body).shop_id if len(body) <= _BYTES else ""
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Problem(400, f"the body is no confirmation: {error}", field="body", expected='{"shopId": …}') from None
    keys = ShopSecrets(services.folder, held.id)
    waiting = await asyncio.to_thread(keys.pending, services.state, shop)
    if waiting is None or not is_signed(body, _header(request, _SHOP), [waiting[1]], "hex"):
        raise _refused(request, services, _SHOP, "the secret that the registration handed out")
    await _command(services, "confirm_shop", {"shop": shop, "nonce": waiting[0]}, held.id)
    return Confirmed(success=True)


def _app(services: Services, name: str) -> tuple[Source, Webhook, list[bytes]]:
    for source in services.definitions.sources:
        webhook = source.webhook
        if source.id == name and webhook is not None and webhook.shop == "shopware" and webhook.app:
            found = secrets_of(webhook)
            if not found:
                raise Problem(503, f"source {name!r} has no secret: {webhook.secret} is missing or empty on the server")
            return source, webhook, found
    raise Problem(404, f"no Shopware app registers at {name!r}", field="source", expected="a source with webhook.app")


def _signed(query: bytes, signature: str, keys: list[bytes]) -> bool:
    """Whether the address is signed: as it was sent, or by its three values where a proxy wrote it anew."""
    values = _values(query)
    plain = "&".join(f"{name}={values.get(name, '')}" for name in ("shop-id", "shop-url", "timestamp")).encode()
    return is_signed(query, signature, keys, "hex") | is_signed(plain, signature, keys, "hex")


def _values(query: bytes) -> dict[str, str]:
    try:
        return dict(parse_qsl(query.decode(errors="replace"), keep_blank_values=True, max_num_fields=50))
    except ValueError:
        return {}


def _asked(query: bytes, services: Services) -> tuple[str, str, int]:
    values = _values(query)
    shop, url, stamped = (values.get(name, "") for name in ("shop-id", "shop-url", "timestamp"))
    if not 0 < len(shop) <= _LONGEST_ID or not shop.isprintable():
        raise _wrong("shop-id", f"1 to {_LONGEST_ID} printable characters", shop)
    if not url.startswith(("https://", "http://")) or len(url) > _LONGEST_URL or not url.isprintable():
        raise _wrong("shop-url", "the address of the shop", url)
    if not stamped.isdecimal() or len(stamped) > 12 or int(stamped) > services.clock() // 1000 + _AHEAD_S:
        raise _wrong("timestamp", "seconds since 1970, not ahead of now", stamped)
    return shop, url, int(stamped)


async def _command(services: Services, name: str, args: dict[str, Any], source: str) -> None:
    answer = await services.command(name, args, source)
    if not answer.ok:
        said = answer.body if isinstance(answer.body, dict) else {}
        text = str(said.get("error", name))
        raise Problem(409, text, field=str(said.get("field", "")), error=text)  # Shopware shows `error` to its admin


def _header(request: Request[Any, Any, Any], name: str) -> str:
    return request.headers.get(name, "")[:200]


def _refused(request: Request[Any, Any, Any], services: Services, name: str, what: str) -> Problem:
    text = f"the request is not signed with {what}; nothing was stored"
    problem = Problem(401, text, field=name, expected="HMAC-SHA256 in hex", got="another signature", error=text)
    address = request.client.host if request.client is not None else ""
    return visitors_of(services).refused(address, list(request.scope["headers"]), problem)


def _wrong(field: str, expected: str, got: str) -> Rejected:
    return Rejected(
        f"{field}: expected {expected}, got {got[:60]!r}", field=field, expected=expected, got=repr(got[:60])
    )


HANDLERS = (register, confirm)
