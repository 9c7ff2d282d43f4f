"""Who asks: the source behind a write key or an API key."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable, Sequence

import msgspec

from regulars.api.problem import Problem
from regulars.api.visitors import Visitors, visitors_of
from regulars.core.definitions import Source
from regulars.runtime import Services
from regulars.runtime.rates import Strangers

Headers = Iterable[tuple[bytes, bytes]]


class _Keyed(msgspec.Struct, rename="camel"):
    write_key: str | None = None


_KEYED = msgspec.json.Decoder(_Keyed)


class Keys:
    """The sources of a shop by their keys. Only hashes of server keys are known here."""

    def __init__(self, sources: Iterable[Source], visitors: Visitors | None = None) -> None:
        sources = tuple(sources)
        self._visitors = visitors or Visitors(Strangers())
        self._public = {source.write_key: source for source in sources if source.kind == "browser" and source.write_key}
        self._apps = {app_id: source for source in sources if source.kind == "browser" for app_id in source.app_ids}
        self._secret = [(source.key_sha256, source) for source in sources if source.key_sha256]
        browsers = [source for source in sources if source.kind == "browser"]
        self._any_origin = any(not source.origins for source in browsers)
        self._origins = {origin.encode() for source in browsers for origin in source.origins}

    def source(self, key: str) -> Source | None:
        """The source of a key. Every server key is compared, each in constant time."""
        found = self._public.get(key)
        digest = hashlib.sha256(key.encode(errors="surrogatepass")).hexdigest()
        for expected, source in self._secret:
            if hmac.compare_digest(expected, digest):
                found = source
        return found

    def named(self, key: str) -> Source | None:
        """The source of a key, or of what a tracker without a key calls its application."""
        return self.source(key) or self._apps.get(key)

    def refused(self, address: str, headers: Sequence[tuple[bytes, bytes]], problem: Problem) -> Problem:
        """What a key or signature that does not hold is answered with: this, or 429 when there were too many."""
        return self._visitors.refused(address, headers, problem)

    def allows_origin(self, origin: bytes) -> bool:
        """Whether some browser source may be used from pages of this origin."""
        return self._any_origin or origin in self._origins


def keys_of(services: Services) -> Keys:
    """The keys of a shop that is served."""
    return Keys(services.definitions.sources, visitors_of(services))


def key_in(authorization: bytes, x_write_key: bytes) -> str:
    """The key that the headers carry, "" for none: Basic with or without a colon, Bearer, or X-Write-Key."""
    if authorization:
        scheme, _, rest = authorization.partition(b" ")
        scheme = scheme.lower()
        if scheme == b"basic":
            try:
                decoded = base64.b64decode(rest.strip() + b"==", validate=False)
            except binascii.Error:
                decoded = b""
            return decoded.partition(b":")[0].decode(errors="replace")
        if scheme == b"bearer":
            return rest.strip().decode(errors="replace")
    return x_write_key.decode(errors="replace")


def key_in_body(body: bytes) -> str:
    """The `writeKey` of a body; "" when there is none."""
    try:
        return _KEYED.decode(body).write_key or ""
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""


def allows_origin(source: Source, origin: bytes) -> bool:
    """Whether pages of this origin may use the source's key."""
    return not source.origins or origin.decode(errors="replace") in source.origins
