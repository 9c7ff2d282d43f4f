"""How a shop's identifiers are read: their types, the rules of who is who, and what records are compared by."""

from functools import cached_property
from typing import Literal

import msgspec

Normaliser = Literal["trim", "lower", "upper", "email", "phone", "digits", "uuid"]


class IdentifierType(msgspec.Struct, frozen=True, kw_only=True):
    """One type of identifier: what it means and how its values are read.

    A *person* joins, a *device* is held for an interval, a *reference* (an order number) belongs to who named it
    first, a *group* (a household) stands above persons and joins nobody.
    """

    id: str
    kind: Literal["person", "device", "reference", "group"]
    title: tuple[tuple[str, str], ...] = ()  # (language, text)
    unique: bool = False  # two different values never join: a limit of 1
    limit: int | None = None  # values of one person at most; None: as many as the person has room for
    priority: int = 1000  # smaller comes first: it names the subject and is the last to be dropped
    blocked: tuple[str, ...] = ()  # values that identify nobody; * stands for anything
    normalise: tuple[Normaliser, ...] = ("trim",)
    hash_of: str = ""  # its values are the SHA-256 of normalised values of this type, in lower-case hex
    property: str = ""  # of events: names a reference or a group, besides `context.externalIds`


def _built_in() -> tuple[IdentifierType, ...]:
    """The types that every shop has unless it says otherwise."""
    return (
        IdentifierType(id="user_id", kind="person", unique=True, priority=10, title=_two("Kundenkonto", "User id")),
        IdentifierType(
            id="loyalty_card", kind="person", limit=5, priority=20, title=_two("Kundenkarte", "Loyalty card")
        ),
        IdentifierType(
            id="email", kind="person", limit=5, priority=30, normalise=("email",), title=_two("E-Mail", "E-mail")
        ),
        IdentifierType(
            id="email_sha256",
            kind="person",
            priority=40,
            normalise=("lower",),
            hash_of="email",
            title=_two("E-Mail (Prüfsumme)", "E-mail (hash)"),
        ),
        IdentifierType(
            id="phone", kind="person", limit=5, priority=50, normalise=("phone",), title=_two("Telefon", "Phone")
        ),
        IdentifierType(id="order_id", kind="reference", priority=100, title=_two("Bestellnummer", "Order number")),
        IdentifierType(id="anonymous_id", kind="device", priority=200, title=_two("Browser", "Browser")),
        IdentifierType(id="device_token", kind="device", priority=210, title=_two("App", "App")),
        IdentifierType(
            id="beacon_device", kind="device", priority=220, title=_two("Gerät im Laden", "Device in store")
        ),
        IdentifierType(id="household", kind="group", priority=300, title=_two("Haushalt", "Household")),
    )


def _two(german: str, english: str) -> tuple[tuple[str, str], ...]:
    return ("de", german), ("en", english)


BUILT_IN_TYPES = _built_in()
_KIND_ORDER = ("person", "reference", "device", "group")


class Identity(msgspec.Struct, frozen=True, kw_only=True, dict=True, cache_hash=True):
    """Identifier types and the rules of who is who.

    >>> Identity().person[0], Identity().device[0], Identity().limits["email"]
    ('user_id', 'anonymous_id', 5)
    """

    types: tuple[IdentifierType, ...] = BUILT_IN_TYPES
    max_component: int = 200
    blocked: tuple[str, ...] = ("", "0", "-1", "null", "undefined", "none", "anonymous", "unknown", "nan")
    shared_sources: tuple[str, ...] = ()  # kiosks, tills, shop tablets: their devices belong to nobody
    shared_devices: tuple[str, ...] = ()  # keys of devices that belong to nobody
    country: str = "DE"  # ISO 3166: where a telephone number without a country is

    @cached_property
    def by_id(self) -> dict[str, IdentifierType]:
        """The types by name."""
        return {one.id: one for one in self.types}

    @cached_property
    def ranks(self) -> dict[str, int]:
        """Place of each type in the order of priority: persons, references, devices, groups."""
        ordered = sorted(
            enumerate(self.types), key=lambda one: (_KIND_ORDER.index(one[1].kind), one[1].priority, one[0])
        )
        return {one.id: place for place, (_, one) in enumerate(ordered)}

    def _of(self, kind: str) -> tuple[str, ...]:
        return tuple(name for name in self.ranks if self.by_id[name].kind == kind)

    @cached_property
    def person(self) -> tuple[str, ...]:
        """Types that join into persons, by priority."""
        return self._of("person")

    @cached_property
    def device(self) -> tuple[str, ...]:
        """Types held by whoever was logged in, by priority."""
        return self._of("device")

    @cached_property
    def reference(self) -> tuple[str, ...]:
        """Types that belong to who named them first."""
        return self._of("reference")

    @cached_property
    def joining(self) -> frozenset[str]:
        """Types that stand in the graph of persons: persons and references."""
        return frozenset((*self.person, *self.reference))

    @cached_property
    def group(self) -> tuple[str, ...]:
        """Types above persons."""
        return self._of("group")

    @cached_property
    def limits(self) -> dict[str, int]:
        """Values of a type that one person has at most. A hashed form counts as the type that it hashes."""
        most = ((one.id, 1 if one.unique else one.limit) for one in self.types if one.kind == "person")
        return {name: limit for name, limit in most if limit is not None}

    @cached_property
    def hashes(self) -> dict[str, str]:
        """The hashed type -> the type that it hashes."""
        return {one.id: one.hash_of for one in self.types if one.hash_of}

    @cached_property
    def hashed(self) -> dict[str, str]:
        """A type -> the type of its hashed form."""
        return {of: name for name, of in self.hashes.items()}

    @cached_property
    def shares(self) -> tuple[frozenset[str], frozenset[str]]:
        """Sources whose devices are shared, and shared devices."""
        return frozenset(self.shared_sources), frozenset(self.shared_devices)


def identity_of_lists(person: tuple[str, ...], device: tuple[str, ...], unique: tuple[str, ...]) -> Identity:
    """The short form: exactly these types, by priority.

    >>> identity_of_lists(("user_id", "card"), ("anonymous_id",), ("card",)).limits
    {'card': 1}
    """
    known = {one.id: one for one in BUILT_IN_TYPES}
    types: list[IdentifierType] = []
    for names in (person, device):
        for place, name in enumerate(names):
            one = known.get(name, IdentifierType(id=name, kind="person"))
            types.append(
                msgspec.structs.replace(
                    one,
                    kind="person" if names is person else "device",
                    unique=name in unique,
                    limit=None,
                    hash_of=one.hash_of if one.hash_of in person else "",
                    priority=place,
                )
            )
    return Identity(types=tuple(types))


#: What records are compared by, and the names of facts that say it, the first that is there.
PARTICULARS: dict[str, tuple[str, ...]] = {
    "first": ("first_name", "firstName", "given_name", "vorname"),
    "last": ("last_name", "lastName", "surname", "nachname"),
    "name": ("name", "full_name", "fullName"),  # both in one piece, where neither of them is there
    "birth": ("birth_date", "birthday", "date_of_birth", "geburtsdatum"),
    "street": ("street", "address_1", "strasse"),
    "number": ("house_number", "street_number", "hausnummer"),
    "extra": ("address_extra", "address_2", "adresszusatz"),
    "postcode": ("postcode", "postal_code", "zip", "plz"),
    "city": ("city", "suburb", "ort"),
    "region": ("region", "state"),
    "email": ("contact_email", "email"),
    "phone": ("contact_phone", "phone"),
}
