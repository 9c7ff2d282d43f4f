"""The identifiers of a call: verified ones, and claims that a public key makes."""

import re
from typing import Any

from regulars.collect.call import Call
from regulars.collect.phones import e164
from regulars.collect.tokens import Vouched
from regulars.core.identifier import MAX_LENGTH, cleaned, hashed, is_blocked, rank, usable
from regulars.core.identity_types import Identity

#: Letters, digits, dashes: nothing to normalise.
_PLAIN = re.compile(r"[A-Za-z0-9_-]{1,256}\Z").match
_REMEMBERED = 100_000  # identifiers kept ready: the visitors of an hour
#: Identifiers of one event; a device of more is no device.
MAX_IDENTIFIERS = 50


class Identifiers:
    """Reads identifiers as one shop declares them."""

    def __init__(self, identity: Identity) -> None:
        self._identity = identity
        self._types = frozenset(identity.by_id)
        self._device = frozenset(identity.device)
        self._group = frozenset(identity.group)
        self._hashed = identity.hashed
        traits = (t for t in ("email", "phone", *identity.hashes, *identity.group) if t in self._types)
        self._traits = tuple((kind, kind) for kind in traits)
        self._properties = tuple((one.id, one.property) for one in identity.types if one.property)
        # Most ids are plain letters and digits; the short way through gives what `core.identifier` gives.
        self._opaque = {one.id for one in identity.types if one.normalise == ("trim",) and not one.hash_of}
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
            for external in call.context.external_ids[:MAX_IDENTIFIERS]:
                if external.type is not None and external.id is not None:
                    self._take(external.type, external.id, keys, claims, public=public)
        if traits:
            self._named(traits, self._traits, keys, claims, public=public)
        if self._properties and call.properties:
            self._named(call.properties, self._properties, keys, claims, public=public)
        if not keys:
            return None, [], [key for _, key in claims]
        first = min(keys)[1]
        subject = None if self._group and first.partition(":")[0] in self._group else first
        return subject, [key for _, key in keys], [key for _, key in claims]

    def key(self, kind: str, value: str) -> str | None:
        """The key of a value as somebody wrote it; None when it identifies nobody."""
        found = self._look(kind, value)
        return found[1] if found else None

    def _named(
        self,
        facts: dict[str, Any],
        names: tuple[tuple[str, str], ...],
        keys: list[tuple[int, str]],
        claims: list[tuple[int, str]],
        *,
        public: bool,
    ) -> None:
        """Identifiers among traits or properties, (type, name of the fact)."""
        for kind, name in names:
            value = facts.get(name)
            if value is None:
                continue
            if isinstance(value, str) or type(value) is int:  # tables write telephones and households as numbers
                self._take(kind, value, keys, claims, public=public)

    def vouched(self, vouched: Vouched, keys: list[str], claims: list[str]) -> tuple[str, list[str], list[str]] | None:
        """The same once a token holds: the claims that it covers are verified. None when it covers none of them.

        Of devices only the token's own counts then: another one may be a stranger's and would be joined with it.
        """
        trusted = {*vouched.keys, *map(self._hash_of, vouched.keys)}
        covered = [key for key in claims if key in trusted]
        if not covered:
            return None
        devices = [key for key in keys if key == vouched.device or key in trusted]
        forms = [form for form in map(self._hash_of, covered) if form and form not in covered]
        verified = [*covered, *forms, *devices]
        rest = [key for key in (*claims, *keys) if key not in verified]
        return min(verified, key=lambda key: (rank(key, self._identity), key)), verified, rest

    def _hash_of(self, key: str) -> str:
        """The hashed form of a key, empty where its type has none."""
        form = self._hashed.get(key.partition(":")[0])
        return hashed(key, form) if form else ""

    def _take(
        self, kind: str, value: str | int, keys: list[tuple[int, str]], claims: list[tuple[int, str]], *, public: bool
    ) -> None:
        try:
            found = self._found[kind, value]
        except KeyError:
            found = self._look(kind, value)
        if found is None:
            return
        into = claims if public and kind not in self._device else keys
        if found not in into:
            into.append(found)
            if kind in self._hashed and into is keys:
                # The hashed form goes along, so that who is known by it alone is the same person.
                form = self._identity.ranks[self._hashed[kind]], hashed(found[1], self._hashed[kind])
                if form not in keys:
                    keys.append(form)

    def _look(self, kind: str, value: str | int) -> tuple[int, str] | None:
        if kind not in self._types:
            return None
        text = str(value)
        if len(text) > MAX_LENGTH * 2:  # it would be read anew each time, and is not worth to be kept
            return None
        found = None
        if kind in self._opaque and _PLAIN(text):
            key = f"{kind}:{text}"
            good = bool(text.strip("0-")) and not is_blocked(kind, text, self._identity)
        else:
            key = f"{kind}:{self._spelt(kind, text)}"
            good = usable(key, self._identity)
        if good:
            found = self._identity.ranks[kind], key
        if len(self._found) >= _REMEMBERED:
            self._found.clear()
        self._found[kind, value] = found
        return found

    def _spelt(self, kind: str, text: str) -> str:
        """A value in its one spelling; empty for what is none."""
        rules = self._identity.by_id[kind].normalise
        value = cleaned(text, (rule for rule in rules if rule != "phone"))
        if "phone" in rules and value and len(value) <= MAX_LENGTH:
            return e164(value, self._identity.country) or ""
        return value
