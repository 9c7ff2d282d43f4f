"""What customers read for the names of facts: the shop's title, a known word, or the name as one would write it.

FactNames(definitions, "de")("shoeSize")    "Schuhgröße", where facts.toml says so; else "Shoe size"
"""

import re
from collections.abc import Mapping

from regulars.core.definitions import Definitions
from regulars.flow.facts import ASKED_ERASURE
from regulars.profile.policy import BRAND, STORE

_HUMPS = re.compile(r"(?<=[a-zäöüß0-9])(?=[A-ZÄÖÜ])|(?<=[A-ZÄÖÜ])(?=[A-ZÄÖÜ][a-zäöüß])")
_SEPARATORS = re.compile(r"[\s_.:/-]+")
#: Names, whatever their spelling ("firstName", "first-name") -> (German, English): Segment, files.
_KNOWN: dict[str, tuple[str, str]] = {
    "name": ("Name", "Name"), "full_name": ("Name", "Name"), "first_name": ("Vorname", "First name"),
    "given_name": ("Vorname", "First name"), "vorname": ("Vorname", "First name"),
    "last_name": ("Nachname", "Last name"), "family_name": ("Nachname", "Last name"),
    "surname": ("Nachname", "Last name"), "nachname": ("Nachname", "Last name"), "title": ("Titel", "Title"),
    "salutation": ("Anrede", "Salutation"), "anrede": ("Anrede", "Salutation"), "gender": ("Geschlecht", "Gender"),
    "email": ("E-Mail", "E-mail"), "contact_email": ("E-Mail", "E-mail"), "phone": ("Telefon", "Phone"),
    "contact_phone": ("Telefon", "Phone"), "mobile": ("Mobiltelefon", "Mobile phone"),
    "telefon": ("Telefon", "Phone"), "address": ("Anschrift", "Address"), "street": ("Straße", "Street"),
    "strasse": ("Straße", "Street"), "address_1": ("Straße", "Street"),
    "address_2": ("Adresszusatz", "Address, second line"),
    "address_extra": ("Adresszusatz", "Address, second line"), "adresszusatz": ("Adresszusatz", "Address, second line"),
    "house_number": ("Hausnummer", "House number"), "street_number": ("Hausnummer", "House number"),
    "hausnummer": ("Hausnummer", "House number"), "zip": ("Postleitzahl", "Postcode"),
    "zip_code": ("Postleitzahl", "Postcode"), "postcode": ("Postleitzahl", "Postcode"),
    "postal_code": ("Postleitzahl", "Postcode"), "plz": ("Postleitzahl", "Postcode"), "city": ("Ort", "City"),
    "ort": ("Ort", "City"), "suburb": ("Ortsteil", "Suburb"), "region": ("Region", "Region"),
    "state": ("Bundesland", "State"),
    "country": ("Land", "Country"), "land": ("Land", "Country"), "language": ("Sprache", "Language"),
    "locale": ("Sprache", "Language"), "timezone": ("Zeitzone", "Time zone"), "currency": ("Währung", "Currency"),
    "birthday": ("Geburtstag", "Birthday"), "birth_date": ("Geburtsdatum", "Date of birth"),
    "date_of_birth": ("Geburtsdatum", "Date of birth"), "geburtsdatum": ("Geburtsdatum", "Date of birth"),
    "age": ("Alter", "Age"), "company": ("Firma", "Company"), "username": ("Benutzername", "User name"),
    "website": ("Webseite", "Website"), "description": ("Beschreibung", "Description"), "avatar": ("Bild", "Picture"),
    "created_at": ("Konto seit", "Account since"), "member_since": ("Mitglied seit", "Member since"),
    "store": ("Filiale", "Store"), "preferred_store": ("Stammfiliale", "Preferred store"),
    "newsletter": ("Newsletter", "Newsletter"), "tier": ("Stufe", "Tier"), "loyalty_tier": ("Stufe", "Tier"),
    "customer_number": ("Kundennummer", "Customer number"), "notes": ("Notiz", "Note"),
    ASKED_ERASURE: ("Um Löschung gebeten am", "Asked to be erased on"),
}  # fmt: skip
_SAID_BY = {
    "customer": ("von Ihnen selbst", "said by you"), "staff": ("vom Personal notiert", "noted by our staff"),
    "brand": ("von einer Marke", "told by a brand"),
}  # fmt: skip
_OF = {
    BRAND: ("von der Marke {name}", "told by the brand {name}"),
    STORE: ("aus der Filiale {name}", "told by the store {name}"),
}
_PARTNER = ("vom Partner {name}", "told by the partner {name}")


_FLAT = {name.replace("_", ""): words for name, words in _KNOWN.items()}


class FactNames:
    """The names in one language, German or English."""

    def __init__(self, definitions: Definitions, language: str) -> None:
        self._language = language
        self._place = 0 if language.startswith("de") else 1
        self._titles = {one.id: one.title for one in definitions.facts}
        self._sources = definitions.sources

    def __call__(self, name: str) -> str:
        """What a fact is called."""
        own = self._titles.get(name)
        return said(own, self._language, "") or known(name, self._language) if own else known(name, self._language)

    def origin(self, code: str) -> str:
        """Who said a fact; "" where nothing is known but the source of the event."""
        if code in _SAID_BY:
            return _SAID_BY[code][self._place]
        kind, _, name = code.partition(":")
        texts = _OF.get(kind + ":") or (_PARTNER if kind == "partners" else None)
        if texts is None:
            return code
        field = {BRAND: "brand", STORE: "store"}.get(kind + ":", "partner")
        named = [one for one in self._sources if getattr(one, field) == name]
        title = said(named[0].title, self._language, name) if len(named) == 1 else name
        return texts[self._place].format(name=title)


def known(name: str, language: str) -> str:
    """The word for a well-known name, however it is spelt; any other name as a reader would write it.

    >>> known("firstName", "de"), known("post-code", "en"), known("shoeSizeEU", "en"), known("pets_name", "de")
    ('Vorname', 'Postcode', 'Shoe size EU', 'Pets name')
    """
    words = _SEPARATORS.sub(" ", _HUMPS.sub(" ", name)).split()
    found = _FLAT.get("".join(words).casefold())
    if found is not None:
        return found[0 if language.startswith("de") else 1]
    plain = " ".join(one if one.isupper() and len(one) > 1 else one.lower() for one in words)
    return plain[:1].upper() + plain[1:] if plain else name


def said(titles: Mapping[str, str], language: str, otherwise: str) -> str:
    """A title of the shop's in this language, or in another one that it has."""
    return titles.get(language) or titles.get("en") or next(iter(titles.values()), "") or otherwise
