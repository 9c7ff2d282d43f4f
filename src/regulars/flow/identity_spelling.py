"""What is stored of identifiers, spelled as changed rules spell them: both spellings are one value from then on."""

from regulars.collect.identifiers import Identifiers
from regulars.core.identifier import hashed, parse
from regulars.core.identity_types import Identity
from regulars.profile.links import HASH, SPELLING, Link
from regulars.profile.rule_changes import spelled_anew

#: The message id of such a link: no message said so.
MESSAGE_ID = "rules"


class Spellings:
    """How edited rules spell what was stored by those of before."""

    def __init__(self, before: Identity, edited: Identity) -> None:
        self._identity = edited
        self._kinds = spelled_anew(before, edited)
        self._read = Identifiers(edited)

    def __bool__(self) -> bool:
        """Whether anything is spelled otherwise."""
        return bool(self._kinds)

    def concerns(self, key: str) -> bool:
        """Whether values of its type are spelled otherwise."""
        return parse(key)[0] in self._kinds

    def of(self, key: str) -> str | None:
        """The key as it is spelled now; None: it identifies nobody any more."""
        kind, value = parse(key)
        return self._read.key(kind, value) if kind in self._kinds else key

    def links(self, key: str, time: int) -> list[Link]:
        """That a stored key, first seen at a time (ms), and its new spelling are one value, with their hashed forms."""
        new = self.of(key)
        if new is None or new == key:
            return []
        pairs = [(key, new, SPELLING)]
        form = self._identity.hashed.get(parse(key)[0])
        if form is not None:
            pairs += [(new, hashed(new, form), HASH), (hashed(key, form), hashed(new, form), SPELLING)]
        return [Link(min(a, b), max(a, b), time, MESSAGE_ID, rule) for a, b, rule in pairs]
