"""What tracking health found, in German and English: what happens, what it costs, how to mend it."""

from regulars.collect.findings import Finding

#: Code -> language -> (what happens, how to mend it).
_SAYS: dict[str, dict[str, tuple[str, str]]] = {
    "silent": {
        "en": (
            "{source} sends {share} of the usual since {since}: {counted} events instead of {expected}",
            (
                "Look whether the shop or the till still loads the tracking code with the right host and key; if so, "
                "look at the failed events and at what answers it gets"
            ),
        ),
        "de": (
            "{source} sendet seit {since} {share} des Üblichen: {counted} Ereignisse statt {expected}",
            (
                "Nachsehen, ob Shop oder Kasse das Messskript noch lädt, mit richtigem Host und Schlüssel; wenn ja: "
                "die gescheiterten Ereignisse ansehen und was es als Antwort erhält"
            ),
        ),
    },
    "quieter": {
        "en": (
            "{source} sends {share} of the usual since {since}, while the other sources send what they usually do",
            "Look whether one of several pages, tills or app versions stopped sending",
        ),
        "de": (
            "{source} sendet seit {since} {share} des Üblichen, während die anderen Quellen senden wie sonst",
            "Nachsehen, ob eine von mehreren Seiten, Kassen oder App-Fassungen nicht mehr sendet",
        ),
    },
    "flooded": {
        "en": (
            "{source} sends {times} times the usual since {since}, without more orders: probably machines",
            "Look at the machines' share and block or limit the key at the proxy; `rate` in sources.toml bounds it",
        ),
        "de": (
            "{source} sendet seit {since} das {times}-fache des Üblichen ohne mehr Bestellungen: wohl Maschinen",
            "Den Anteil der Maschinen ansehen und sie am Proxy sperren; `rate` in sources.toml begrenzt den Schlüssel",
        ),
    },
    "step_lost": {
        "en": (
            "{event} stopped at {source} since {since} while its neighbours go on: {counted} instead of {expected}",
            "Look where the shop sends {event}: after a release a button, a page or the event's name is often another",
        ),
        "de": (
            "{event} fehlt bei {source} seit {since}, während die Nachbarn weitergehen: {counted} statt {expected}",
            (
                "Nachsehen, wo der Shop {event} sendet: nach einer neuen Fassung heißt oft ein Knopf, eine Seite oder "
                "das Ereignis anders"
            ),
        ),
    },
    "doubled": {
        "en": (
            "{event} comes {times} times as often as usual from {source} since {since}, beside its neighbours",
            "Look whether the tag is on the page twice, or sent by the tag manager and by the shop",
        ),
        "de": (
            "{event} kommt bei {source} seit {since} {times}-mal so oft wie sonst, gemessen an den Nachbarn",
            "Nachsehen, ob das Skript zweimal auf der Seite ist oder Tag-Manager und Shop beide senden",
        ),
    },
    "failing": {
        "en": (
            "{share} of {event} from {source} fail since {since}, usually {usual}: {reason} {field}",
            "Open the failed events, mend them and send them again; then mend the client or events.toml",
        ),
        "de": (
            "{share} von {event} aus {source} scheitern seit {since}, sonst {usual}: {reason} {field}",
            (
                "Die gescheiterten Ereignisse öffnen, reparieren und aufnehmen; dann Client oder events.toml "
                "richtigstellen"
            ),
        ),
    },
    "field_empty": {
        "en": (
            "{field} is missing or empty in {share} of {event} from {source} since {since}, usually in {usual}",
            "Look whether the shop sends {field} under another name now; list it in `required` if nothing goes without",
        ),
        "de": (
            "{field} fehlt seit {since} in {share} von {event} aus {source}, sonst in {usual}",
            "Nachsehen, ob der Shop {field} jetzt anders nennt; ohne das Feld geht nichts: in `required` aufnehmen",
        ),
    },
    "repeated": {
        "en": (
            "{share} of what {source} sends since {since} came before, usually {usual}; nothing counts twice",
            "Look at the client's timeouts and retries: it does not hear that events are stored",
        ),
        "de": (
            "{share} dessen, was {source} seit {since} sendet, kam schon einmal, sonst {usual}; nichts zählt doppelt",
            "Wartezeiten und Wiederholungen des Clients ansehen: er hört nicht, dass Ereignisse gespeichert sind",
        ),
    },
    "unnamed": {
        "en": (
            "{share} of the events from {source} since {since} name nobody, usually {usual}",
            "Look whether `identify` is still called after the login, and whether login tokens still verify",
        ),
        "de": (
            "{share} der Ereignisse aus {source} seit {since} nennen niemanden, sonst {usual}",
            "Nachsehen, ob `identify` nach der Anmeldung noch aufgerufen wird und Anmelde-Token noch gelten",
        ),
    },
    "machines": {
        "en": (
            "{share} of what {source} sends since {since} is of machines, usually {usual}; none of it counts",
            "Nothing has to be done for the figures; block or limit them at the proxy if they are a burden",
        ),
        "de": (
            "{share} dessen, was {source} seit {since} sendet, stammt von Maschinen, sonst {usual}; nichts davon zählt",
            "Für die Zahlen ist nichts zu tun; am Proxy sperren oder begrenzen, wenn sie zur Last fallen",
        ),
    },
    "undeclared_place": {
        "en": (
            "{source} tells the stock of {counted} places that have no name: {reason}",
            "Name each in `stores` of its webhook in sources.toml: without it the stock of all places may be too small",
        ),
        "de": (
            "{source} meldet den Bestand von {counted} Lagerorten ohne Namen: {reason}",
            (
                "Jeden in `stores` seines Webhooks in sources.toml benennen: ohne ihn kann der Bestand aller Orte "
                "zusammen zu klein sein"
            ),
        ),
    },
    "orders_unseen": {
        "en": (
            "{counted} orders that {source} told since {since} came from no browser, {share} of them, usually {usual}",
            "Look at the order page: script errors, consent, redirects of payment services that never come back",
        ),
        "de": (
            "{counted} Bestellungen, die {source} seit {since} meldet, nannte kein Browser: {share}, sonst {usual}",
            "Die Bestellseite ansehen: Skriptfehler, Einwilligung, Bezahldienste, die nicht zurückleiten",
        ),
    },
    "orders_unbacked": {
        "en": (
            "{counted} orders from {source} since {since} were told by no server, {share} of them, usually {usual}",
            "Look at the webhook or export of the shop system; orders from browsers alone can be invented",
        ),
        "de": (
            "{counted} Bestellungen aus {source} seit {since} meldete kein Server: {share}, sonst {usual}",
            "Webhook oder Export des Shopsystems ansehen; Bestellungen nur aus Browsern können erfunden sein",
        ),
    },
}
#: Why events fail: reason -> in words.
REASONS = {
    "en": {
        "unknown_event": "not in the tracking plan", "missing_field": "missing:", "wrong_type": "of another type:",
        "invalid_value": "not allowed:", "unknown_field": "not in the tracking plan:", "unknown_type": "unknown call:",
        "no_identifier": "names nobody", "too_large": "too large", "malformed": "not readable",
        "number_out_of_range": "too large a number:", "too_large_amount": "too large an amount:",
        "unknown_topic": "no translation for this webhook", "undeclared_place": "a place is not declared:",
        "unreadable_consent": "a consent cannot be read",
    },
    "de": {
        "unknown_event": "nicht im Ereignisplan", "missing_field": "es fehlt", "wrong_type": "anderer Typ:",
        "invalid_value": "nicht erlaubt:", "unknown_field": "nicht im Ereignisplan:",
        "unknown_type": "unbekannter Aufruf:",
        "no_identifier": "nennt niemanden", "too_large": "zu groß", "malformed": "nicht lesbar",
        "number_out_of_range": "zu große Zahl:", "too_large_amount": "zu großer Betrag:",
        "unknown_topic": "keine Übersetzung für diesen Webhook", "undeclared_place": "Lagerort nicht angegeben:",
        "unreadable_consent": "Einwilligung nicht lesbar",
    },
}  # fmt: skip
_COST = {
    "en": ("{count} events are missing", "{count} events count too much", "about {money}", "affects {what}"),
    "de": ("es fehlen {count} Ereignisse", "{count} Ereignisse zählen zu viel", "etwa {money}", "betrifft {what}"),
}
_NOTHING = {"en": "nothing that is built uses it", "de": "nichts davon wird verwendet"}


def says(finding: Finding, language: str, *, since: str) -> str:
    """What happens; `since` is the beginning in words.

    >>> one = Finding(code="silent", state="broken", source="web", since=0, counted=12, expected=1000, share=0.012)
    >>> says(one, "en", since="10:00")
    'web sends 1 % of the usual since 10:00: 12 events instead of 1,000'
    >>> lost = Finding(code="step_lost", state="broken", source="web", event="goal:card", since=0, counted=0,
    ...                expected=9, share=0)
    >>> says(lost, "de", since="10:00")
    'Ziel card fehlt bei web seit 10:00, während die Nachbarn weitergehen: 0 statt 9'
    """
    return _SAYS[finding.code][_known(language)][0].format(
        source=finding.source, event=_named(finding.event, language), field=finding.field, since=since,
        reason=REASONS[_known(language)].get(finding.reason, finding.reason),
        share=percent(finding.share), usual=percent(finding.usual), times=number(finding.share, language, places=1),
        counted=number(finding.counted, language), expected=number(finding.expected, language),
    ).strip()  # fmt: skip


def mend(finding: Finding, language: str) -> str:
    """How to mend it."""
    return _SAYS[finding.code][_known(language)][1].format(event=_named(finding.event, language), field=finding.field)


def cost(language: str, *, missing: float = 0.0, extra: float = 0.0, money: str = "", affects: str = "") -> str:
    """What it costs: events, money and what is built on them.

    >>> cost("en", missing=3, money="60.00 EUR", affects="segment regulars")
    '3 events are missing; about 60.00 EUR; affects segment regulars'
    >>> cost("de", missing=53, money="2655.36 EUR", affects="Segment Stammkunden")
    'es fehlen 53 Ereignisse; etwa 2.655,36 EUR; betrifft Segment Stammkunden'
    """
    lost, more, worth, what = _COST[_known(language)]
    parts = [lost.format(count=number(missing, language))] if missing >= 1 else []
    parts += [more.format(count=number(extra, language))] if extra >= 1 else []
    parts += [worth.format(money=_amount(money, language))] if money else []
    parts.append(what.format(what=affects) if affects else _NOTHING[_known(language)])
    return "; ".join(parts)


def _amount(money: str, language: str) -> str:
    """An amount such as "2655.36 EUR" as people write it."""
    amount, _, currency = money.partition(" ")
    return f"{number(float(amount), language, places=len(amount.partition('.')[2]))} {currency}"


def _named(event: str, language: str) -> str:
    """An event, or a goal as it is counted beside events."""
    goal = event.removeprefix("goal:")
    return event if goal == event else f"{'Ziel' if _known(language) == 'de' else 'goal'} {goal}"


def number(value: float, language: str, *, places: int = 0) -> str:
    """A number as people write it.

    >>> number(12345.6, "de"), number(2.04, "de", places=1)
    ('12.346', '2,0')
    """
    text = f"{value:,.{places}f}"
    return text.translate(str.maketrans(",.", ".,")) if _known(language) == "de" else text


def percent(share: float) -> str:
    """A share of 1."""
    return f"{share * 100:.0f} %"


def _known(language: str) -> str:
    return "de" if language.startswith("de") else "en"
