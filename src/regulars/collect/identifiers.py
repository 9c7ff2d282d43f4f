"""The identifiers of a call: verified ones, and claims that a public key makes."""

from typing import Any

from regulars.collect.call import Call
from regulars.core.definitions import Identity
from regulars.core.identifier import format_key, is_person, subject_of, usable

_REMEMBERED = 100_000  # keys kept ready: the visitors of an hour


class Identifiers:
    """Reads identifiers as one shop declares them."""

    def __init__(self, identity: Identity) -> None:
        self._identity = identity
        self._types = frozenset((*identity.person, *identity.device))
        self._keys: dict[tuple[str, str | int], str | None] = {}

    def of(self, call: Call, traits: dict[str, Any], *, public: bool) -> tuple[str | None, list[str], list[str]]:
        """Subject, verified keys and claims. Under a public key only device types are verified."""
        keys: list[str] = []
        self._take("user_id", call.user_id, keys)
        self._take("anonymous_id", call.anonymous_id, keys)
        if call.previous_id is not None:
            self._take("anonymous_id", call.previous_id, keys)
        if call.context is not None and call.context.external_ids:
            for external in call.context.external_ids:
                self._take(external.type or "", external.id, keys)
        for kind in ("email", "phone"):
            value = traits.get(kind)
            if isinstance(value, str):
                self._take(kind, value, keys)
        claims: list[str] = []
        if public:
            claims = [key for key in keys if is_person(key, self._identity)]
            keys = [key for key in keys if key not in claims]
        subject = keys[0] if len(keys) == 1 else subject_of(keys, self._identity)
        return subject, keys, claims

    def _take(self, kind: str, value: str | int | None, keys: list[str]) -> None:
        if value is None or kind not in self._types:
            return
        place = (kind, value)
        try:
            key = self._keys[place]
        except KeyError:
            formatted = format_key(kind, str(value))
            key = formatted if usable(formatted, self._identity) else None
            if len(self._keys) >= _REMEMBERED:
                self._keys.clear()
            self._keys[place] = key
        if key is not None and key not in keys:
            keys.append(key)
