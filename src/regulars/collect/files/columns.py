"""Names of columns in files of orders and events, as shop systems, tills and spreadsheets write them."""

import re
from collections.abc import Mapping

WHO: dict[str, tuple[str, ...]] = {
    "user_id": ("customer_id", "customer", "household_id", "member_id", "kundennummer", "kunde"),
    "loyalty_card": ("card_number", "loyalty_id", "card_id", "kundenkarte"),
    "email": ("customer_email", "e_mail", "email_address"),
    "phone": ("customer_phone", "mobile", "telefon"),
    "anonymous_id": ("visitor_id", "cookie_id", "device_id", "client_id"),
}
WHEN: dict[str, tuple[str, ...]] = {
    "timestamp": (
        "time", "date", "datetime", "created_at", "order_date", "ordered_at", "transaction_timestamp", "event_time",
        "occurred_at", "datum", "zeitpunkt",
    ),
    "message_id": ("event_id", "insert_id"),
}  # fmt: skip
ORDER: dict[str, tuple[str, ...]] = {
    "order_id": ("basket_id", "transaction_id", "order_number", "receipt_id", "bestellnummer", "bon"),
    "currency": ("currency_code", "waehrung", "währung"),
    "store_id": ("store", "branch", "filiale"),
    "shipping": ("shipping_cost", "versand"),
    "tax": ("vat", "steuer"),
    "coupon": ("coupon_code", "voucher", "gutschein"),
}
ORDER_TOTALS: dict[str, tuple[str, ...]] = {
    "total": ("order_total", "grand_total", "total_price", "amount", "revenue", "summe", "betrag"),
    "discount": ("order_discount", "total_discount", "rabatt"),
}
LINE: dict[str, tuple[str, ...]] = {
    "product_id": ("item_id", "article_number", "artikelnummer", "product"),
    "sku": ("variant_id", "variant_sku"),
    "name": ("product_name", "title", "item_name", "bezeichnung"),
    "quantity": ("qty", "units", "menge", "anzahl"),
    "price": ("unit_price", "item_price", "preis", "einzelpreis"),
    "total": ("line_total", "sales_value", "line_amount", "amount", "betrag", "gesamtpreis"),
    "discount": ("retail_disc", "line_discount", "rabatt"),
    "coupon_discount": ("coupon_disc",),
    "category": ("category_path", "kategorie", "warengruppe"),
    "brand": ("manufacturer", "marke"),
}
EVENT: dict[str, tuple[str, ...]] = {"event": ("event_name", "event_type", "action", "ereignis")}
#: Of a customer file; the names are those of the facts that linking compares (core.identity_types.PARTICULARS).
CUSTOMER: dict[str, tuple[str, ...]] = {
    "record_id": ("crm_id", "id", "customer_id", "customer_number", "kundennummer", "kundennr", "kunde"),
    "timestamp": ("updated_at", "changed_at", "modified_at", "geaendert_am", "geändert_am", "stand"),
    "first_name": ("given_name", "forename", "vorname"),
    "last_name": ("surname", "family_name", "nachname", "familienname"),
    "name": ("full_name",),
    "birth_date": ("birthday", "date_of_birth", "dob", "geburtsdatum", "geburtstag"),
    "street": ("address", "address_1", "strasse", "straße", "anschrift"),
    "house_number": ("street_number", "hausnummer", "hausnr"),
    "address_extra": ("address_2", "adresszusatz"),
    "postcode": ("postal_code", "zip", "zip_code", "plz", "postleitzahl"),
    "city": ("town", "suburb", "ort", "stadt", "wohnort"),
    "region": ("state", "province", "bundesland"),
    "country": ("land",),
    "language": ("sprache",),
    "contact_email": ("email", "e_mail", "email_address", "mail"),
    "contact_phone": ("phone", "mobile", "telephone", "telefon", "handy"),
}


class Columns:
    """Which field each column fills: as the caller says, or by its name.

    >>> columns = Columns({"price": ("unit_price",)}, {"Preis brutto": "price"})
    >>> columns.field("Preis brutto"), columns.field("Unit Price"), columns.field("Colour")
    ('price', 'price', None)
    """

    def __init__(self, aliases: Mapping[str, tuple[str, ...]], mapping: Mapping[str, str] | None = None) -> None:
        self._mapping = mapping or {}
        self._names: dict[str, str] = {}
        for field, others in aliases.items():
            for name in (field, *others):
                self._names.setdefault(squashed(name), field)
        self._known: dict[str, str | None] = {}

    def field(self, column: str) -> str | None:
        """The field of a column; None when it is none of the known ones, "" when it is mapped to nothing."""
        if column not in self._known:
            mapped = self._mapping.get(column)
            self._known[column] = self._names.get(squashed(column)) if mapped is None else mapped
        return self._known[column]


def squashed(column: str) -> str:
    """A column's name without case, blanks and punctuation."""
    return re.sub(r"[\W_]+", "", column.lower())
