"""Webhooks of shop systems: the signature over the raw body, then the verbatim body into the log, then the answer."""

import base64
import binascii
import hashlib
import hmac
import os
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import msgspec
import structlog

from regulars.api.hot import JSON, Answer, Done, Request, Route, too_large, within_rate
from regulars.api.keys import Keys, key_in, keys_of
from regulars.api.metrics import Metrics
from regulars.api.problem import Problem
from regulars.collect.body import plain
from regulars.collect.call import UNREADABLE
from regulars.collect.formats import SHOP_SYSTEMS
from regulars.collect.webhook import Head, ShopSystem, stored
from regulars.collect.wire import Fields, Wrong, decoded
from regulars.core.definitions import Source, Webhook
from regulars.core.errors import Unavailable
from regulars.core.log import COMMAND, EVENTS, PRODUCTS, NewRecord
from regulars.runtime import Services
from regulars.runtime.shop_secrets import ShopSecrets

#: Bytes of a delivery; orders of many lines are large.
BYTES = 2_000_000
_STORED = Answer(200, JSON, b'{"success":true}')
_HEARD = Answer(200, JSON, b'{"success":true,"stored":false}')
#: What Shopware tells of the app itself.
_LIFE, _LEFT = "app.", "app.deleted"
_LOG = structlog.get_logger("regulars.webhooks")


def routes(services: Services, metrics: Metrics) -> dict[str, Route]:
    """`/v1/webhooks/{system}/{source}` for each source that is a shop system."""
    keys = keys_of(services)
    return {
        f"/v1/webhooks/{source.webhook.shop}/{source.id}": WebhookDoor(services, keys, metrics, source, source.webhook)
        for source in services.definitions.sources
        if source.webhook is not None
    }


def secrets_of(webhook: Webhook, environ: Mapping[str, str] = os.environ) -> list[bytes]:
    """The secrets that hold, one a line; none where the variable or the file is missing."""
    where, _, name = webhook.secret.partition(":")
    if where == "env":
        text = environ.get(name, "")
    else:
        try:
            text = Path(name).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            text = ""
    return [line.strip().encode() for line in text.splitlines() if line.strip()]


def is_signed(body: bytes, signature: str, secrets: list[bytes], encoding: str) -> bool:
    """Whether one of the secrets signed the body (HMAC-SHA256); each is compared, in constant time.

    >>> import hmac
    >>> is_signed(b"{}", hmac.new(b"s", b"{}", "sha256").hexdigest(), [b"old", b"s"], "hex")
    True
    """
    try:
        given = bytes.fromhex(signature) if encoding == "hex" else base64.b64decode(signature, validate=True)
    except (ValueError, binascii.Error):
        given = b""
    good = False
    for secret in secrets:
        good |= hmac.compare_digest(given, hmac.digest(secret, body, hashlib.sha256))
    return good


class WebhookDoor(Route):
    """The door of one shop. A delivery is stored as it came and is read when it is folded."""

    scope = "collect"

    def __init__(self, services: Services, keys: Keys, metrics: Metrics, source: Source, webhook: Webhook) -> None:
        super().__init__(f"webhooks_{webhook.shop}", BYTES, keys, metrics)
        self._services = services
        self._source = source
        self._webhook = webhook
        self._system: ShopSystem = SHOP_SYSTEMS[webhook.shop]
        self._follows_records = services.definitions.shop.clock == "records"
        self._secrets = secrets_of(webhook)
        self._shops = ShopSecrets(services.folder, source.id) if webhook.app else None
        if not self._secrets:
            _LOG.warning("a shop's webhooks are refused until its secret is there", source=source.id, at=webhook.secret)

    def _read_head(self, request: Request) -> None:
        """A shop system sends no key; whoever sends too much is told before the body is read."""
        length = request.header(b"content-length")
        if length.isdigit() and int(length) > self.limit:
            raise too_large(self.limit, int(length))

    def _take(self, request: Request, body: bytes, done: Done) -> None:
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in request.headers}
        signature = headers.get(self._system.signature, "")
        if not signature and self._webhook.shop == "woocommerce" and self._system.is_test(headers, body):
            done(self.counted(request, _HEARD))  # unsigned, and nothing is done but answering
            return
        self._check(request, signature, headers, body)
        if self._system.is_test(headers, body):
            done(self.counted(request, _HEARD))
            return
        content = self._read(body)
        head = msgspec.structs.replace(
            self._system.head(headers, body),
            order_id=self._webhook.order_id,
            customer_type=self._webhook.customer_type,
        )
        if self._shops is not None and head.topic.startswith(_LIFE):
            if head.topic != _LEFT:
                done(self.counted(request, _HEARD))
                return
            self._services.intake.hand_in(self._leaving(head, body, content), partial(self._told, request, done))
            return
        if head.topic not in self._system.privacy_topics:  # a person's wish is heard however much a shop sends
            within_rate(self._services.rates, self._source, 1)
        record = self._record(head, body, content)
        self._services.intake.hand_in(record, partial(self._told, request, done))

    def _check(self, request: Request, signature: str, headers: Mapping[str, str], body: bytes) -> None:
        if not self._secrets:
            raise Unavailable(
                f"source {self._source.id!r} has no secret: {self._webhook.secret} is missing or empty on the server; "
                "set it and restart. The shop sends again"
            )
        holding = self._secrets
        if self._shops is not None:
            shop = self._system.shop_id(body)
            holding = self._shops.holding(self._services.state, shop, now=self._services.clock()) if shop else []
        if is_signed(body, signature.strip(), holding, self._system.encoding):
            return
        if not signature and self._webhook.shop == "shopware":
            # A flow that calls an address signs nothing; it sends the source's own server key as a header.
            key = key_in(headers.get("authorization", "").encode(), headers.get("x-write-key", "").encode())
            if key and self._keys.source(key) == self._source:
                return
        name = self._system.signature
        unsigned = Problem(
            401,
            f"the body is not signed with the secret of source {self._source.id!r}; nothing was stored. "
            f"Compare {self._webhook.secret} on the server with the secret that the shop system shows",
            field=name,
            expected=f"HMAC-SHA256 over the raw body, {self._system.encoding}",
            got="another signature" if signature else "nothing",
        )
        raise self._keys.refused(request.address, request.headers, unsigned)

    def _read(self, body: bytes) -> object:
        try:
            return decoded(plain(body))
        except UNREADABLE as error:
            raise Problem(
                400,
                f"the body is not JSON: {error}",
                field="body",
                expected="JSON in UTF-8",
                got=body[:40].decode(errors="replace") or "nothing",
            ) from None

    def _leaving(self, head: Head, body: bytes, content: object) -> NewRecord:
        """The app was taken out of the shop; whoever did it says whether the data are to go."""
        received = self._services.clock() if self._follows_records else time.time_ns() // 1_000_000
        payload = Fields(content if isinstance(content, dict) else {}).table("data").table("payload")
        args = {
            "shop": self._system.shop_id(body), "id": head.delivery,
            "erase": payload.held.get("keepUserData") is False,
        }  # fmt: skip
        said = {"name": "leave_shop", "args": args, "by": self._source.id}
        return NewRecord(COMMAND, self._source.id, "leave_shop", received, msgspec.json.encode(said))

    def _record(self, head: Head, body: bytes, content: object) -> NewRecord:
        received = self._services.clock() if self._follows_records else time.time_ns() // 1_000_000
        source, route = self._source.id, self._webhook.shop
        if head.topic in self._system.privacy_topics:
            return self._wish(head, content, received)
        of_products = head.topic in (*self._system.product_topics, *self._system.stock_topics)
        kind = PRODUCTS if of_products else EVENTS
        return NewRecord(kind, source, route, received, stored(head, body))

    def _wish(self, head: Head, content: object, received: int) -> NewRecord:
        """A person's right. Only whom it is about is kept: the body itself would have to be erased again."""
        try:
            wish = self._system.privacy(head, Fields(content if isinstance(content, dict) else {}))
        except Wrong as error:
            why = error.failure
            text = f"{why.field}: expected {why.expected}, got {why.got}"
            raise Problem(400, text, field=why.field, expected=why.expected, got=why.got) from None
        source = self._source.id
        if wish.wish == "erasure":
            said = {"name": "redact", "args": {"identifiers": wish.identifiers, "reason": head.topic}, "by": source}
            return NewRecord(COMMAND, source, "redact", received, msgspec.json.encode(said))
        asked = {"id": wish.id, "kind": wish.wish, "identifiers": wish.identifiers, "shop": wish.shop}
        said = {"name": "note_request", "args": asked, "by": source}
        return NewRecord(COMMAND, source, "note_request", received, msgspec.json.encode(said))

    def _told(self, request: Request, done: Done, outcome: int | Exception) -> None:
        if isinstance(outcome, Exception):
            done(self.refusal(request, outcome))
            return
        self._metrics.events += 1
        done(self.counted(request, _STORED))
