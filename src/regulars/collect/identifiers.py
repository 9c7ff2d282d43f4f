"""The identifiers of a call: verified ones, and claims that a public key makes."""

import re
from typing import Any

from regulars.collect.call import Call
from regulars.core.definitions import Identity
from regulars.core.identifier import format_key, rank, usable

#: Letters, digits, dashes: nothing to normalise.
_PLAIN = re.compile(r"[A-Za-z0-9_-]{1,256}\Z").match
_REMEMBERED = 100_000  # identifiers kept ready: the visitors of an hour


class Identifiers:
    """Reads identifiers as one shop declares them."""

    def __init__(self, identity: Identity) -> None:
        self._identity = identity
        self._types = frozenset((*identity.person, *identity.device))
        self._person = frozenset(identity.person)
        self._ranks = {kind: rank(f"{kind}:", identity) for kind in self._types}
        # Most ids are plain letters and digits; the short way through gives what `core.identifier` gives.
        self._opaque = self._types - {"email", "phone"}
        self._blocked = frozenset(value.casefold() for value in identity.blocked)
        # (type, value as sent) -> (rank, key), or None for what identifies nobody.
        self._found: dict[tuple[str, str | int], tuple[int, str] | None] = {}

    def of(self, call: Call, traits: dict[str, Any], *, public: bool) -> tuple[str | None, list[str], list[str]]:
        """Subject, verified keys and claims. Under a public key only device types are verified."""
        keys: list[tuple[int, str]] = []
        claims: list[tuple[int, str]] = []
        if call.user_id is not None:
            self._take("user_id", call.user_id, keys, claims, public=public)
        if call.anonymous_id is not None:
            self._take("anonymous_id", call.anonymous_id, keys, claims, public=public)
        if call.previous_id is not None:
            self._take("anonymous_id", call.previous_id, keys, claims, public=public)
        if call.context is not None and call.context.external_ids:
            for external in call.context.external_ids:
                if external.type is not None and external.id is not None:
                    self._take(external.type, external.id, keys, claims, public=public)
        if traits:
            for kind in ("email", "phone"):
                value = traits.get(kind)
                if isinstance(value, str):
                    self._take(kind, value, keys, claims, public=public)
        subject = min(keys)[1] if keys else None
        return subject, [key for _, key in keys], [key for _, key in claims]

    def _take(
        self, kind: str, value: str | int, keys: list[tuple[int, str]], claims: list[tuple[int, str]], *, public: bool
    ) -> None:
        try:
            found = self._found[kind, value]
        except KeyError:
            found = self._look(kind, value)
        if found is None:
            return
        into = claims if public and kind in self._person else keys
        if found not in into:
            into.append(found)

    def _look(self, kind: str, value: str | int) -> tuple[int, str] | None:
        found = None
        if kind in self._types:
            text = str(value)
            if kind in self._opaque and _PLAIN(text):
                key = f"{kind}:{text}"
                good = bool(text.strip("0-")) and text.casefold() not in self._blocked
            else:
                key = format_key(kind, text)
                good = usable(key, self._identity)
            if good:
                found = self._ranks[kind], key
        if len(self._found) >= _REMEMBERED:
            self._found.clear()
        self._found[kind, value] = found
        return found
