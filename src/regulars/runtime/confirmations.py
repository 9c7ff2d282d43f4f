"""Confirmation links: what a customer may confirm by one press of a button, signed so that nobody can make one up.

    signer = LinkSigner(folder.secret())
    link = Confirmation(action=CONSENT, identifier="email:ana@example.org", purposes=("newsletter",), id=new_id(), ...)
    address = f"{settings.public_address}/confirm/{signer.sign(link)}"

The page `/confirm/{token}` shows what is asked and changes nothing; its button issues the command `confirm`, which
counts once for each link (`flow.trust_commands`).
"""

import base64
import binascii
import hmac
import secrets
from typing import Literal

import msgspec

from regulars.core.errors import Rejected

Action = Literal["confirm_identifier", "consent", "me"]
IDENTIFIER: Action = "confirm_identifier"
CONSENT: Action = "consent"
#: The way to the customer's own page: it opens as often as one likes until it expires.
OWN_PAGE: Action = "me"
#: Characters of a token; a longer one is not even decoded.
LONGEST = 2_000


class Confirmation(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """What a link says. It is signed, not secret: whoever holds the link can read it."""

    action: Action
    identifier: str  # key `type:value` of the person who is to confirm
    id: str  # counts once
    asked_at: int  # UTC ms
    expires: int  # UTC ms; invalid from then on
    by: str  # who asked for the link
    device: str = ""  # key of the browser that asked; it is joined with the identifier
    purposes: tuple[str, ...] = ()  # what is agreed to
    text_version: str = ""  # of the words that the customer was shown
    language: str = ""  # in which to show the page; "": the browser's


class InvalidLink(Rejected):
    """A link that is not, or no longer, to be followed. `reason`: "broken" or "expired"."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail, field="token", expected="a confirmation link of this shop", got=reason)
        self.reason = reason


def new_id() -> str:
    """An id that no other link has."""
    return secrets.token_urlsafe(12)


class LinkSigner:
    """Signs and reads links with a key of its own, derived from the installation's secret (HMAC-SHA256).

    >>> signer = LinkSigner(bytes(32))
    >>> link = Confirmation(action=IDENTIFIER, identifier="email:a@b.de", id="1", asked_at=0, expires=10, by="shop")
    >>> signer.read(signer.sign(link), now=9) == link
    True
    """

    def __init__(self, secret: bytes) -> None:
        self._key = hmac.digest(secret, b"regulars confirmation link", "sha256")

    def sign(self, link: Confirmation) -> str:
        """The token of a link: letters, digits, - _ and one dot; raises Rejected for one that `read` would not take."""
        body = _text(msgspec.msgpack.encode(link))
        token = f"{body}.{self._signature(body)}"
        if len(token) > LONGEST:
            raise Rejected(
                f"the link would have {len(token)} characters and may have {LONGEST}; name fewer purposes",
                field="purposes", expected=f"a link of at most {LONGEST} characters", got=f"{len(token)} characters",
            )  # fmt: skip
        return token

    def read(self, token: str, *, now: int) -> Confirmation:
        """The link of a token at `now` (ms); raises InvalidLink."""
        body, _, signature = token.partition(".") if len(token) <= LONGEST else ("", "", "")
        if not hmac.compare_digest(self._signature(body).encode(), signature.encode(errors="replace")):
            raise InvalidLink("broken", "this link was not made by this shop, or a part of it is missing")
        try:
            link = msgspec.msgpack.decode(base64.urlsafe_b64decode(body + "=="), type=Confirmation)
        except (msgspec.MsgspecError, binascii.Error) as error:
            raise InvalidLink("broken", "this link was made by another version of the program") from error
        if now >= link.expires:
            raise InvalidLink("expired", "this link has expired; ask for a new one")
        return link

    def _signature(self, body: str) -> str:
        return _text(hmac.digest(self._key, body.encode(errors="replace"), "sha256"))


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
