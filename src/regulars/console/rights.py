"""What each role may do in the console, and how little a role without the right sees of an identifier."""

from typing import Literal

Right = Literal[
    "overview", "segments", "customers", "identifiers", "consent", "failed", "failed_bodies", "health", "access_log",
    "users", "duplicates", "links", "data_use", "orders", "erasures", "mend", "rules", "models", "models_switch",
]  # fmt: skip

ROLES = ("admin", "marketer", "agent", "privacy")
_ROLES_WITH: dict[Right, frozenset[str]] = {
    "overview": frozenset(ROLES),
    "segments": frozenset({"admin", "marketer", "privacy"}),
    "customers": frozenset(ROLES),
    "identifiers": frozenset({"admin", "agent", "privacy"}),  # names, addresses, raw properties of events
    "consent": frozenset({"admin", "agent", "privacy"}),  # note what a customer said
    "failed": frozenset({"admin", "marketer", "privacy"}),
    "failed_bodies": frozenset({"admin", "privacy"}),  # raw events, which may hold anything
    "mend": frozenset({"admin"}),  # take failed events in, changed
    "health": frozenset({"admin", "marketer", "privacy"}),
    "access_log": frozenset({"admin", "privacy"}),
    "users": frozenset({"admin"}),
    "orders": frozenset({"admin", "marketer"}),  # amounts and numbers of orders, nobody's name
    "rules": frozenset({"admin", "marketer"}),  # try merchandising rules; shows margins
    "models": frozenset({"admin", "marketer", "privacy"}),  # versions of the recommendation models
    "models_switch": frozenset({"admin"}),  # let another version serve
    "duplicates": frozenset({"admin", "agent", "privacy"}),  # decide whether two records are one person
    "data_use": frozenset({"admin", "privacy"}),  # the record of processing, and which fields are sent
    "erasures": frozenset({"admin", "privacy"}),  # erase a customer, and see the certificates
    "links": frozenset({"admin", "agent", "privacy"}),  # take a link between identifiers back
}


def may(role: str, right: Right) -> bool:
    """Whether a role has a right.

    >>> may("agent", "customers"), may("agent", "failed_bodies"), may("nobody", "overview")
    (True, False, False)
    """
    return role in _ROLES_WITH[right]


def masked(identifier: str) -> str:
    """An identifier of which only the type and the first letter are left.

    >>> masked("email:ana@example.org"), masked("user_id:1")
    ('email:a•••', 'user_id:•••')
    """
    kind, _, value = identifier.partition(":")
    return f"{kind}:{value[:1] if len(value) > 3 else ''}•••"
