"""What customers read for the names of events: the shop's title, a word for the usual names, or the name itself."""

from collections.abc import Mapping

from regulars.core.definitions import Definitions

#: Name -> (German, English): what every shop accepts, and the usual names of the Segment spec.
_KNOWN: dict[str, tuple[str, str]] = {
    "Identify": ("Angaben zur Person", "Details about you"), "Alias": ("Kennungen verbunden", "Identifiers joined"),
    "Group": ("Zugehörigkeit genannt", "Group named"), "Page Viewed": ("Seite besucht", "Page visited"),
    "Screen Viewed": ("App-Seite besucht", "App screen visited"),
    "Consent Updated": ("Einwilligung gegeben oder widerrufen", "Consent given or withdrawn"),
    "Fact Corrected": ("Angabe berichtigt", "Detail corrected"),
    "Preference Declared": ("Wunsch geäußert", "Wish told"), "Decision Shown": ("Etwas gezeigt", "Something shown"),
    "Product Viewed": ("Artikel angesehen", "Product viewed"),
    "Product List Viewed": ("Artikelliste angesehen", "List of products viewed"),
    "Product Clicked": ("Artikel angeklickt", "Product clicked"),
    "Product Added": ("Artikel in den Warenkorb gelegt", "Product put into the basket"),
    "Product Removed": ("Artikel aus dem Warenkorb genommen", "Product taken out of the basket"),
    "Products Searched": ("Artikel gesucht", "Products searched"),
    "Cart Viewed": ("Warenkorb angesehen", "Basket viewed"),
    "Checkout Started": ("Zur Kasse gegangen", "Checkout started"),
    "Product Added to Wishlist": ("Auf den Merkzettel gesetzt", "Product put on the wish list"),
    "Product Reviewed": ("Artikel bewertet", "Product reviewed"),
    "Coupon Applied": ("Gutschein eingelöst", "Coupon applied"),
    "Order Completed": ("Bestellt", "Order placed"), "Order Updated": ("Bestellung geändert", "Order changed"),
    "Order Refunded": ("Bestellung erstattet", "Order refunded"),
    "Order Cancelled": ("Bestellung storniert", "Order cancelled"),
    "Order Invoiced": ("Rechnung gestellt", "Order invoiced"),
    "Payment Received": ("Zahlung erhalten", "Payment received"),
    "Payment Failed": ("Zahlung gescheitert", "Payment failed"),
    "Payment Refunded": ("Zahlung erstattet", "Payment refunded"), "Zone Entered": ("Bereich betreten", "Zone entered"),
    "Zone Left": ("Bereich verlassen", "Zone left"), "Chat Transcribed": ("Gespräch im Chat", "Chat"),
    "Identifier Confirmed": ("Kennung bestätigt", "Identifier confirmed"),
    "Activity Recorded": ("Aktivität aufgezeichnet", "Activity recorded"), "Call Received": ("Angerufen", "Called us"),
    "Chat Ended": ("Gespräch im Chat", "Chat"),
    "Social Reaction Received": ("In einem sozialen Netzwerk reagiert", "Reaction in a social network"),
    "Application Installed": ("App installiert", "App installed"),
    "Application Updated": ("App aktualisiert", "App updated"),
    "Application Uninstalled": ("App entfernt", "App removed"),
    "Checkout Step Viewed": ("Schritt an der Kasse angesehen", "Step of the checkout viewed"),
    "Checkout Step Completed": ("Schritt an der Kasse erledigt", "Step of the checkout completed"),
    "Payment Info Entered": ("Zahlungsart eingegeben", "Way of payment entered"),
    "Product Shared": ("Artikel weitergesagt", "Product shared"),
    "Promotion Viewed": ("Aktion gesehen", "Promotion seen"),
    "Promotion Clicked": ("Aktion angeklickt", "Promotion clicked"),
    "File Downloaded": ("Datei heruntergeladen", "File downloaded"), "First Visit": ("Erster Besuch", "First visit"),
    "Form Started": ("Formular begonnen", "Form started"), "Form Submitted": ("Formular abgeschickt", "Form sent"),
    "Group Joined": ("Gruppe beigetreten", "Group joined"), "Lead Generated": ("Interesse gemeldet", "Interest told"),
    "Link Clicked": ("Verweis angeklickt", "Link clicked"), "Page Engaged": ("Seite gelesen", "Page read"),
    "Page Scrolled": ("Seite durchgeblättert", "Page scrolled"),
    "Script Failed": ("Fehler auf der Seite", "Fault on the page"),
    "Session Started": ("Besuch begonnen", "Visit begun"), "Signed In": ("Angemeldet", "Signed in"),
    "Signed Up": ("Konto eröffnet", "Account opened"),
}  # fmt: skip


def event_title(titles: Mapping[str, Mapping[str, str]], name: str, language: str) -> str:
    """What an event is called; `titles` are the shop's own, by name.

    >>> event_title({"Tea Tasted": {"de": "Tee gekostet"}}, "Tea Tasted", "de"), event_title({}, "Identify", "en")
    ('Tee gekostet', 'Details about you')
    """
    own = titles.get(name) or {}
    known = _KNOWN.get(name)
    if own.get(language) or known is None:
        return own.get(language) or own.get("en") or next(iter(own.values()), "") or name
    return known[0 if language.startswith("de") else 1]


def own_titles(definitions: Definitions) -> dict[str, Mapping[str, str]]:
    """The shop's own titles of events."""
    return {one.name: one.title for one in definitions.events}
