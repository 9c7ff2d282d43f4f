"""Codes as sentences, in German and English. Sentences for customers say what they would expect to be known."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

LANGUAGES = ("en", "de")
#: Notes that tell of the shop's own rules and data: for staff, not for customers.
STAFF_NOTES = frozenset(
    {
        "model_missing",
        "no_margin",
        "ranker_rests.no_extra",
        "ranker_rests.too_few",
        "ranker_rests.no_better",
        "ranker_rests.slow",
        "ranker_rests",
        "pin.lost",
        "pin.taken",
    }
)
#: How often is not yet "often".
_TIMES = {1: "once", 2: "twice"}
#: Reasons for items whose sentences differ by where the reason comes from.
_FROM = frozenset(
    {"complement", "alternative", "bundle", "variant", "new_arrival", "similar", "left_behind", "guide", "ranked"}
)
#: Reasons for items (as the recommendation models code them), then for offers, then notes, then rules, then gates.
SENTENCES: dict[str, dict[str, str]] = {
    "bought_together.basket": {"en": "Goes well with {title} in your basket", "de": "Passt zu {title} im Warenkorb"},
    "bought_together.viewed": {"en": "Goes well with {title}", "de": "Passt zu {title}"},
    "bought_together.history": {
        "en": "Often bought together with {title}",
        "de": "Wird oft zusammen mit {title} gekauft",
    },
    "bought_together": {"en": "Often bought together with what you buy", "de": "Wird oft zu Ihren Einkäufen gekauft"},
    "similar_visits.other": {
        "en": "Others who looked at {title} looked at this too",
        "de": "Andere, die {title} ansahen, sahen auch dies an",
    },
    "similar_visits": {
        "en": "Others with visits like yours looked at this too",
        "de": "Andere mit ähnlichen Besuchen sahen auch dies an",
    },
    "viewed_together.other": {
        "en": "Often looked at together with {title}",
        "de": "Wird oft zusammen mit {title} angesehen",
    },
    "viewed_together": {
        "en": "Often looked at together with what you look at",
        "de": "Wird oft zusammen mit dem angesehen, was Sie ansehen",
    },
    "own_rhythm": {"en": "About time to buy again", "de": "Wird bald wieder gebraucht"},
    "own_rhythm.between": {"en": "You buy this regularly", "de": "Kaufen Sie regelmäßig"},
    "bought_often": {"en": "You often buy this", "de": "Kaufen Sie öfter"},
    "bought_often.once": {"en": "You bought this before", "de": "Haben Sie schon gekauft"},
    "bought_often.twice": {"en": "You bought this twice", "de": "Haben Sie schon zweimal gekauft"},
    "category": {"en": "From {category}, where you like to shop", "de": "Aus {category}, wo Sie gern einkaufen"},
    "trending": {"en": "Bought more than usual right now", "de": "Wird gerade öfter gekauft als sonst"},
    "popular": {"en": "Popular", "de": "Beliebt"},
    "popular.category": {"en": "Popular in {category}", "de": "Beliebt in {category}"},
    "complement.basket": {"en": "Made for {title} in your basket", "de": "Ergänzt {title} im Warenkorb"},
    "complement.viewed": {"en": "Made for {title}", "de": "Ergänzt {title}"},
    "complement.history": {"en": "Made for {title}, which you bought", "de": "Ergänzt {title} aus Ihren Einkäufen"},
    "complement": {"en": "Often bought in addition", "de": "Wird oft dazu gekauft"},
    "alternative.basket": {"en": "Instead of {title}", "de": "Statt {title}"},
    "alternative.viewed": {"en": "An alternative to {title}", "de": "Eine Alternative zu {title}"},
    "alternative": {"en": "An alternative", "de": "Eine Alternative"},
    "bundle.basket": {"en": "A set with {title} in your basket", "de": "Ein Set mit {title} im Warenkorb"},
    "bundle.viewed": {"en": "A set with {title}", "de": "Ein Set mit {title}"},
    "bundle.history": {"en": "Completes a set with {title}", "de": "Ergänzt ein Set mit {title}"},
    "bundle": {"en": "Often bought as a set", "de": "Wird oft als Set gekauft"},
    "variant.colour": {"en": "{title}, now in {colour}", "de": "{title}, jetzt in {colour}"},
    "variant.season": {"en": "{title}, now for {season}", "de": "{title}, jetzt für {season}"},
    "variant.history": {"en": "A variant of {title}", "de": "Eine Variante von {title}"},
    "variant": {"en": "A variant of what you have", "de": "Eine Variante von etwas, das Sie haben"},
    "variant.in_size": {"en": "{text}, in your size {size}", "de": "{text}, in Ihrer Größe {size}"},
    "new_arrival.category": {"en": "New in {category}", "de": "Neu in {category}"},
    "new_arrival.brand": {"en": "New from {brand}", "de": "Neu von {brand}"},
    "new_arrival.words": {"en": "New, and close to what you like", "de": "Neu und nah an dem, was Sie mögen"},
    "new_arrival": {"en": "New in our range", "de": "Neu im Sortiment"},
    "similar.history": {"en": "Similar to {title}, which you bought", "de": "Ähnlich wie {title} aus Ihren Einkäufen"},
    "similar.viewed": {"en": "Similar to {title}", "de": "Ähnlich wie {title}"},
    "similar.basket": {"en": "Similar to {title} in your basket", "de": "Ähnlich wie {title} im Warenkorb"},
    "similar": {"en": "Similar to what you looked at", "de": "Ähnlich wie etwas, das Sie angesehen haben"},
    "left_behind.viewed": {"en": "You looked at this", "de": "Haben Sie sich angesehen"},
    "left_behind.basket": {"en": "You had this in your basket", "de": "Lag in Ihrem Warenkorb"},
    "left_behind.removed": {"en": "You considered this", "de": "Hatten Sie in Betracht gezogen"},
    "left_behind.wished": {"en": "On your wish list", "de": "Steht auf Ihrem Wunschzettel"},
    "left_behind": {"en": "Not bought yet", "de": "Noch nicht gekauft"},
    "guide.history": {"en": "For {title}, which you bought", "de": "Zu {title} aus Ihren Einkäufen"},
    "guide.viewed": {"en": "About {title}", "de": "Über {title}"},
    "guide.basket": {"en": "About {title} in your basket", "de": "Über {title} im Warenkorb"},
    "guide.category": {"en": "About {category}, where you like to shop", "de": "Zu {category}, wo Sie gern einkaufen"},
    "guide": {"en": "Worth knowing", "de": "Gut zu wissen"},
    "found.exact": {"en": "Exactly what you searched for", "de": "Genau das, wonach Sie gesucht haben"},
    "found.all": {"en": "Fits your search", "de": "Passt zu Ihrer Suche"},
    "found.some": {"en": "Fits a part of your search", "de": "Passt zu einem Teil Ihrer Suche"},
    "ranked.exposures": {
        "en": "Placed here by what was chosen when it was shown",
        "de": "Steht hier, weil es gewählt wurde, wo es zu sehen war",
    },
    "ranked.simulated": {
        "en": "Placed here by what was bought and viewed, learned from simulated exposures",
        "de": "Steht hier nach Käufen und Besuchen, gelernt an simulierten Einblendungen",
    },
    "ranked": {"en": "Placed here by a learned order", "de": "Steht hier nach einer gelernten Reihenfolge"},
    "filled_up": {"en": "Also popular", "de": "Auch beliebt"},
    "discover": {"en": "New for you to discover", "de": "Neu zu entdecken"},
    "rule": {"en": "Our tip", "de": "Unser Tipp"},
    "best_offer": {"en": "The best of {count} offers", "de": "Das beste von {count} Angeboten"},
    "only_offer": {"en": "The only offer that fits", "de": "Das einzige passende Angebot"},
    "explored": {
        "en": "One of {count} offers, drawn to learn",
        "de": "Eines von {count} Angeboten, gezogen zum Lernen",
    },
    "no_offer": {"en": "No offer passed every gate", "de": "Kein Angebot kam durch alle Prüfungen"},
    "no_offer_made": {"en": "No offer is made for this placement", "de": "Für diesen Platz gibt es kein Angebot"},
    "stock_unknown": {
        "en": "Stock unknown: the gate had no data",
        "de": "Bestand unbekannt: der Prüfung fehlten Daten",
    },
    "no_consent": {
        "en": "No consent for {purpose}: popular items, the same for everybody",
        "de": "Keine Einwilligung für {purpose}: beliebte Artikel, für alle gleich",
    },
    "too_close": {
        "en": "Something personal felt too close here: popular items, the same for everybody",
        "de": "Etwas Persönliches kam hier zu nahe: beliebte Artikel, für alle gleich",
    },
    "not_wanted": {
        "en": "Without what the customer does not want again",
        "de": "Ohne das, was die Kundin oder der Kunde nicht mehr möchte",
    },
    "no_consent.search": {
        "en": "No consent for {purpose}: what was found in an order that is the same for everybody",
        "de": "Keine Einwilligung für {purpose}: das Gefundene in einer Reihenfolge, die für alle gleich ist",
    },
    "too_close.search": {
        "en": "Something personal felt too close here: what was found in an order that is the same for everybody",
        "de": "Etwas Persönliches kam hier zu nahe: das Gefundene in einer Reihenfolge, die für alle gleich ist",
    },
    "no_query": {
        "en": "Nothing was searched for: send a query with the call",
        "de": "Es wurde nichts gesucht: der Aufruf braucht eine Suchanfrage (query)",
    },
    "search.partly": {
        "en": "Nothing has all words that were searched for; these have some",
        "de": "Nichts enthält alle gesuchten Wörter; diese enthalten einige",
    },
    "no_model": {
        "en": "No recommendations are trained yet",
        "de": "Es sind noch keine Empfehlungen trainiert",
    },
    "short.filtered": {
        "en": "{count} of {asked} items: what else fits is unavailable, in the basket or shown elsewhere already",
        "de": "{count} von {asked} Artikeln: der Rest ist nicht verfügbar, im Warenkorb oder schon anderswo zu sehen",
    },
    "short.nothing_sold": {
        "en": "{count} of {asked} items: the shop sold too few products to fill the row",
        "de": "{count} von {asked} Artikeln: es wurden zu wenige Produkte verkauft",
    },
    "short.no_more": {
        "en": "{count} of {asked} items: {model} has no more for this customer",
        "de": "{count} von {asked} Artikeln: {model} hat keine weiteren für diese Person",
    },
    "short.found": {
        "en": "{count} of {asked} items: no other product fits the search",
        "de": "{count} von {asked} Artikeln: kein weiteres Produkt passt zur Suche",
    },
    "short.rules": {
        "en": "{count} of {asked} items: the shop's rules leave no more",
        "de": "{count} von {asked} Artikeln: die Regeln des Shops lassen nicht mehr zu",
    },
    "model_missing": {
        "en": "Model {model} is not trained yet: the next one of the chain fills the row",
        "de": "Das Modell {model} ist noch nicht trainiert: das nächste der Kette füllt die Reihe",
    },
    "ranker_rests": {
        "en": "The learned order rests, nothing was learned yet: the blend fills the row",
        "de": "Die gelernte Reihenfolge ruht, noch ist nichts gelernt: die Mischung füllt die Reihe",
    },
    "ranker_rests.no_extra": {
        "en": "The learned order rests: LightGBM is missing (pip install 'regulars[ml]'); the blend fills the row",
        "de": "Die gelernte Reihenfolge ruht: LightGBM fehlt (pip install 'regulars[ml]'), die Mischung füllt auf",
    },
    "ranker_rests.too_few": {
        "en": "The learned order rests: there is too little to learn it from; the blend fills the row",
        "de": "Die gelernte Reihenfolge ruht: es gibt zu wenig, um sie zu lernen; die Mischung füllt die Reihe",
    },
    "ranker_rests.no_better": {
        "en": "The learned order rests: it was not better than what was there; the blend fills the row",
        "de": "Die gelernte Reihenfolge ruht: sie war nicht besser als das Vorhandene; die Mischung füllt die Reihe",
    },
    "ranker_rests.slow": {
        "en": "The learned order rests: ordering took too long when it was trained; the blend fills the row",
        "de": "Die gelernte Reihenfolge ruht: das Ordnen dauerte beim Training zu lange; die Mischung füllt die Reihe",
    },
    "no_margin": {
        "en": "No cost of any product is known: the row is chosen for clicks",
        "de": "Von keinem Artikel ist der Einkaufspreis bekannt: die Reihe ist nach Klicks gewählt",
    },
    "pin.lost": {
        "en": "Rule {rule} could not pin {item}: it may not be shown here",
        "de": "Regel {rule} konnte {item} nicht festsetzen: der Artikel darf hier nicht gezeigt werden",
    },
    "pin.taken": {
        "en": "Rule {rule} lost position {position}: it is taken, or lies beyond the row",
        "de": "Regel {rule} verlor Platz {position}: er ist vergeben oder liegt hinter der Reihe",
    },
    "ruled.in_stock": {
        "en": "{rule} took out what is not in stock: {items}",
        "de": "{rule} nahm heraus, was nicht auf Lager ist: {items}",
    },
    "ruled.margin_floor": {
        "en": "{rule} took out what earns too little: {items}",
        "de": "{rule} nahm heraus, woran zu wenig verdient wird: {items}",
    },
    "ruled.exclude": {"en": "{rule} took out {items}", "de": "{rule} nahm heraus: {items}"},
    "ruled.no_repeat": {
        "en": "{rule} took out what was shown already: {items}",
        "de": "{rule} nahm heraus, was schon gezeigt wurde: {items}",
    },
    "ruled.cool_down": {
        "en": "{rule} took out what was bought a short time ago: {items}",
        "de": "{rule} nahm heraus, was vor Kurzem gekauft wurde: {items}",
    },
    "ruled.no_returned": {
        "en": "{rule} took out what went back: {items}",
        "de": "{rule} nahm heraus, was zurückging: {items}",
    },
    "ruled.boost": {"en": "{rule} moved up {items}", "de": "{rule} schob nach vorn: {items}"},
    "ruled.bury": {"en": "{rule} moved to the end {items}", "de": "{rule} schob ans Ende: {items}"},
    "ruled.pin": {"en": "{rule} pinned {items}", "de": "{rule} setzte fest: {items}"},
    "trial.head": {
        "en": "{rules}: with it less without it, {rows} rows of {decisions} decisions",
        "de": "{rules}: mit abzüglich ohne, {rows} Reihen aus {decisions} Entscheidungen",
    },
    "trial.agreement": {
        "en": "{share} of the rows come out as recorded by the rules of the shop",
        "de": "{share} der Reihen ergeben sich mit den Regeln des Shops wie aufgezeichnet",
    },
    "trial.untold.models": {
        "en": "{count} rows left out: their models are not kept any more",
        "de": "{count} Reihen ausgelassen: ihre Modelle sind nicht mehr da",
    },
    "trial.untold.traits": {
        "en": "{count} rows left out: decided with other traits",
        "de": "{count} Reihen ausgelassen: mit anderen Merkmalen entschieden",
    },
    "trial.untold.placement": {
        "en": "{count} rows left out: their placement recommends nothing any more",
        "de": "{count} Reihen ausgelassen: ihr Platz empfiehlt nichts mehr",
    },
    "trial.untold.seen_on": {
        "en": "Records do not tell on which channel something was shown: a new rule with seen_on counts all of them",
        "de": "Aufzeichnungen sagen nicht, auf welchem Kanal: eine neue Regel mit seen_on zählt alle Kanäle",
    },
    "trial.untold.per": {
        "en": "Records tell purchases and exposures of the pool's items only: a new rule `per` category takes out more",
        "de": "Aufzeichnungen kennen nur Käufe der Auswahlmenge: eine neue Regel mit `per` nimmt mehr heraus",
    },
    "trial.unfilled": {
        "en": "{count} slots would be filled by items beyond what records keep; nothing is counted for them",
        "de": "{count} Plätze würden mit Artikeln gefüllt, die nicht aufgezeichnet sind; für sie zählt nichts",
    },
    "trial.other_rules": {
        "en": "The shop folder is another version than at the decision: rules may have other names",
        "de": "Der Shop-Ordner ist eine andere Fassung als bei der Entscheidung: Regeln heißen vielleicht anders",
    },
    "trial.placement": {"en": "placement", "de": "Platz"},
    "trial.rows": {"en": "rows", "de": "Reihen"},
    "trial.changed": {"en": "changed", "de": "geändert"},
    "trial.removed": {"en": "items out", "de": "Artikel heraus"},
    "trial.added": {"en": "items in", "de": "Artikel hinein"},
    "trial.clicks": {"en": "clicks won (95 %)", "de": "Klicks gewonnen (95 %)"},
    "trial.margin": {"en": "margin won (95 %)", "de": "Marge gewonnen (95 %)"},
    "trial.little": {"en": "not enough data", "de": "zu wenig Daten"},
    "gate.placement": {"en": "Not for this placement: {detail}", "de": "Nicht für diesen Platz: {detail}"},
    "gate.schedule": {"en": "Not its time ({detail})", "de": "Nicht in seinem Zeitraum ({detail})"},
    "gate.consent": {"en": "No consent for {detail}", "de": "Keine Einwilligung für {detail}"},
    "gate.not_wanted": {"en": "The customer does not want this", "de": "Der Kunde möchte das nicht"},
    "gate.too_close": {
        "en": "This, or what it rests on, felt too close to the customer",
        "de": "Das, oder worauf es beruht, kam dem Kunden zu nahe",
    },
    "gate.machine": {"en": "A machine asks, not a customer", "de": "Es fragt eine Maschine, kein Kunde"},
    "gate.restricted": {"en": "The customer does not want to be profiled", "de": "Der Kunde möchte kein Profil"},
    "gate.eligibility": {"en": "The condition does not hold: {detail}", "de": "Die Bedingung gilt nicht: {detail}"},
    "gate.stock": {"en": "Product {detail} is out of stock", "de": "Artikel {detail} ist nicht auf Lager"},
    "gate.limit": {"en": "Shown often enough: {detail}", "de": "Oft genug gezeigt: {detail}"},
}


def sentence(code: str, arguments: Mapping[str, Any], language: str) -> str:
    """The sentence of a code; the code itself when there is none.

    >>> sentence("gate.consent", {"detail": "analytics"}, "de")
    'Keine Einwilligung für analytics'
    """
    told = SENTENCES.get(code)
    return code if told is None else told["de" if language.startswith("de") else "en"].format_map(_Lenient(arguments))


def item_reason(code: str, arguments: Mapping[str, Any], titles: Mapping[str, str], language: str) -> str:
    """The sentence for an item's reason; `titles` are those of the products that reasons speak of.

    >>> item_reason("category", {"category": "GROCERY > EGGS"}, {}, "en")
    'From Eggs, where you like to shop'
    """
    if arguments.get("category"):
        arguments = {**arguments, "category": aisle(str(arguments["category"]))}
    if code == "bought_together":
        other = str(arguments.get("item", ""))
        if not titles.get(other):
            return sentence("bought_together", {}, language)
        return sentence(f"{code}.{arguments.get('from', 'history')}", {"title": titles[other]}, language)
    if code in ("similar_visits", "viewed_together"):
        title = titles.get(str(arguments.get("item", "")))
        return sentence(f"{code}.other", {"title": title}, language) if title else sentence(code, {}, language)
    if code == "popular" and arguments.get("category"):
        return sentence("popular.category", arguments, language)
    if code == "own_rhythm" and not is_due(arguments):
        return sentence("own_rhythm.between", {}, language)
    if code == "bought_often" and (once := _TIMES.get(arguments.get("times", 0))):
        return sentence(f"bought_often.{once}", {}, language)
    if code == "found":
        return sentence(f"found.{arguments.get('how', 'all')}", {}, language)
    if code in _FROM:
        return _from(code, arguments, titles.get(str(arguments.get("item", "")), ""), language)
    return sentence(code, arguments, language)


def is_due(arguments: Mapping[str, Any]) -> bool:
    """Whether the larger part of the usual time since the last purchase has gone by; yes where nobody told.

    >>> is_due({"gap_days": 30.0, "days_since": 2}), is_due({"gap_days": 7.0, "days_since": 6})
    (False, True)
    """
    gap, since = arguments.get("gap_days"), arguments.get("days_since")
    return gap is None or since is None or 2 * float(since) >= float(gap)


def _from(code: str, arguments: Mapping[str, Any], title: str, language: str) -> str:
    """The sentence of a reason that says where it comes from; a plainer one where a title is not known."""
    how = str(arguments.get("from", ""))
    if code == "variant":
        how = next((one for one in ("colour", "season") if arguments.get(one)), how)
    elif code == "guide" and not arguments.get("item"):
        how = "category"
    chosen = f"{code}.{how}"
    if chosen not in SENTENCES or ("{title}" in SENTENCES[chosen]["en"] and not title):
        chosen = code
    if any(f"{{{name}}}" in SENTENCES[chosen]["en"] and not arguments.get(name) for name in ("category", "brand")):
        chosen = code
    text = sentence(chosen, {**arguments, "title": title}, language)
    if code == "variant" and arguments.get("size"):
        return sentence("variant.in_size", {"text": text, "size": arguments["size"]}, language)
    return text


def aisle(path: str) -> str:
    """The last name of a category path, not shouted."""
    name = path.rsplit(" > ", 1)[-1]
    return name.capitalize() if name.isupper() else name


@lru_cache(maxsize=500)
def spoken(wanted: str | None, header: str, known: tuple[str, ...]) -> str:
    """The language to answer in: what the call says, else the first wish of the browser that the shop speaks.

    >>> spoken(None, "fr;q=0.9, de-AT;q=0.8, en;q=0.7", ("en", "de"))
    'de'
    """
    wishes = [wanted] if wanted else []
    weighted = []
    for place, part in enumerate(header.split(",")[:20]):
        name, _, quality = part.strip().partition(";q=")
        try:
            weighted.append((-float(quality or 1), place, name))
        except ValueError:
            continue
    wishes += [name for _, _, name in sorted(weighted)]
    for wish in wishes:
        short = wish.lower().partition("-")[0]
        for language in known:
            if language.lower() == wish.lower() or language.lower().partition("-")[0] == short:
                return language
    return known[0] if known else "en"


class _Lenient(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return ""
