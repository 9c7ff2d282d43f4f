"""The use of data in tables of words, German or English: as a page without scripts, and as Markdown."""

import html
from typing import Any, NamedTuple

from regulars.shop.data_use_measures import MEASURES

_STYLE = (
    "body{font:1rem/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#1c2430}"
    "table{border-collapse:collapse;width:100%}th,td{text-align:left;vertical-align:top;padding:.4rem .6rem;"
    "border-top:1px solid #d8dee6;overflow-wrap:anywhere}.unused{color:#8a3b00;font-weight:600}"
)
_WORDS = {
    "de": {
        "title": "Verzeichnis der Verarbeitungstätigkeiten: {shop}", "configuration": "Konfiguration {version}",
        "purposes": "Zwecke", "basis": "Rechtsgrundlage", "channel": "Kanal", "term": "Dauer einer Zustimmung",
        "sources": "Quellen", "kind": "Art", "may": "Darf", "events": "Was erhoben wird", "event": "Ereignis",
        "field": "Angabe", "purpose": "Zweck", "kept": "Aufbewahrt", "used_for": "Wofür", "unused": "nicht genutzt",
        "for_ever": "bis zur Löschung", "days": "{n} Tage", "recipients": "Empfänger", "nobody": "niemand",
        "retention": "Aufbewahrung", "seen_by": "Wer es sieht", "counted": "gezählt von {names}",
        "events_days": "Ereignisse", "decisions_days": "Entscheidungen", "failed_days": "gescheiterte Ereignisse",
        "access_days": "Zugriffe", "one customer": "eine Kundin, ein Kunde", "numbers of groups": "Zahlen von Gruppen",
        "everything": "alles", "consent": "Einwilligung", "contract": "Vertrag", "none": "keiner",
        "legitimate_interest": "berechtigtes Interesse", "legal_obligation": "rechtliche Pflicht",
        "traits": "Was daraus berechnet wird", "trait": "Merkmal", "reads": "Liest", "window": "Zählt",
        "used_in": "Gebraucht von", "measures": "Technische und organisatorische Maßnahmen", "measure": "Maßnahme",
        "at_most": "Höchstens für", "as_allowed": "was Kundinnen und Kunden erlauben", "partner": "Partner",
        "own_purpose": "über Verträge hinaus nur mit Einwilligung in {purpose}",
        "found": "Was wirklich kam ({days} Tage)", "source": "Quelle", "count": "Ereignisse", "filled": "Gefüllt",
        "different": "Verschiedene Werte, etwa", "rare": "{n} Angaben, die fast niemand schickt (Namen nicht genannt)",
        "unplanned": "nicht im Plan", "not_found": "Das Lager ist noch leer oder war nicht lesbar.",
        "inactive_profile_days": "Profile, von denen nichts zu hören ist", "late_hours": "abgelehnte Ereignisse",
        "hours": "{n} Stunden", "offer": "Angebot", "segment": "Segment", "orders": "Bestellungen",
        "goal": "Ziel", "decisions": "Entscheidungen", "identifiers": "Kennungen",
        "recommendations at": "Empfehlungen auf", "facts of the profile": "Angaben im Profil",
        "account and consent": "Konto und Einwilligung", "browser": "Browser", "server": "Server",
        "collect": "senden", "decide": "entscheiden lassen", "profiles": "Profile lesen",
        "catalog": "Sortiment pflegen",
        "privacy": "Rechte ausüben", "admin": "verwalten", "required": "nur mit eigener Zustimmung",
        "some_unused": "{n} nicht genutzt",
        "role": "Rolle", "sees": "Sieht", "email": "E-Mail", "sms": "SMS", "push": "Push", "post": "Post",
        "phone": "Telefon", "messenger": "Messenger",
    },
    "en": {
        "title": "Record of processing: {shop}", "configuration": "configuration {version}", "purposes": "Purposes",
        "basis": "Legal basis", "channel": "Channel", "term": "How long a yes lasts", "sources": "Sources",
        "kind": "Kind", "may": "May", "events": "What is collected", "event": "Event", "field": "Property",
        "purpose": "Purpose", "kept": "Kept", "used_for": "Used for", "unused": "not used",
        "for_ever": "until erased", "days": "{n} days", "recipients": "Recipients", "nobody": "nobody",
        "retention": "Retention", "seen_by": "Who sees it", "counted": "counted by {names}",
        "events_days": "events", "decisions_days": "decisions", "failed_days": "failed events",
        "access_days": "accesses", "legitimate_interest": "legitimate interest",
        "legal_obligation": "legal obligation",
        "traits": "What is computed from it", "trait": "trait", "reads": "Reads", "window": "Counts",
        "used_in": "Used by", "measures": "Technical and organisational measures", "measure": "Measure",
        "at_most": "At most for", "as_allowed": "what customers allow", "partner": "Partner",
        "own_purpose": "beyond contracts only with consent to {purpose}",
        "found": "What really came ({days} days)", "source": "Source", "count": "Events", "filled": "Filled",
        "different": "Different values, about", "rare": "{n} fields that hardly anybody sends (not named)",
        "unplanned": "not in the plan", "not_found": "The lake is empty yet, or could not be read.",
        "inactive_profile_days": "profiles of whom nothing is heard", "late_hours": "refused events",
        "hours": "{n} hours", "collect": "send", "decide": "ask for decisions", "profiles": "read profiles",
        "catalog": "keep the catalogue", "privacy": "exercise rights", "admin": "administer",
        "required": "with consent of its own only", "role": "Role", "sees": "Sees", "some_unused": "{n} not used",
    },
}  # fmt: skip


class Group(NamedTuple):
    """Rows of a table that tell of one event, as a page folds them."""

    title: str
    about: str  # what holds for all of the rows
    unused: str  # how many of them nothing uses, in words; "": none
    heads: list[str]
    rows: list[list[str]]
    marked: frozenset[int]


class Told(NamedTuple):
    """A table of the report: every cell is plain text; a row that tells of something unused is marked."""

    id: str
    title: str
    heads: list[str]
    rows: list[list[str]]
    marked: frozenset[int] = frozenset()
    by: int = 0  # so many columns at the beginning are alike in rows that belong together; 0: none do
    shared: tuple[int, ...] = ()  # columns that say the same of all of them, or something of the first alone
    unused: str = ""  # how to say that some rows are marked

    @property
    def groups(self) -> list[Group]:
        """The rows that belong together; the first of them speaks of all."""
        found: dict[tuple[str, ...], list[int]] = {}
        for at, row in enumerate(self.rows):
            found.setdefault(tuple(row[: self.by]), []).append(at)
        told = [at for at in range(self.by, len(self.heads)) if at not in self.shared]
        groups = []
        for names, (first, *rest) in found.items():
            whole, last = self.rows[first], len(self.heads) - 1
            about = [f"{self.heads[at]}: {whole[at]}" for at in self.shared]
            about += [whole[last]] if whole[last] and first not in self.marked else []
            count = len(self.marked.intersection(rest))
            unused = whole[last] if first in self.marked else self.unused.format(n=count) if count else ""
            rows = [[self.rows[at][column] for column in told] for at in rest]
            marked = frozenset(place for place, at in enumerate(rest) if at in self.marked)
            heads = [self.heads[column] for column in told]
            groups.append(Group(" · ".join(names), " · ".join(about), unused, heads, rows, marked))
        return groups


def tables(record: dict[str, Any], language: str) -> list[Told]:
    """What `data_use` told, and `found_use` where it is in the record under "found", as tables in a language."""
    speech = _Speech(language)
    found = [_found(record["found"], speech)] if "found" in record else []
    return [
        _purposes(record, speech), _sources(record, speech), *found, _collected(record, speech),
        _traits(record, speech), _retention(record, speech), _recipients(record, speech), _seen(record, speech),
        _measures(record, speech),
    ]  # fmt: skip


def title(record: dict[str, Any], language: str) -> str:
    """The heading of the report."""
    return _Speech(language).words["title"].format(shop=record["controller"])


def page(record: dict[str, Any], language: str) -> str:
    """The report as one page to read."""
    heading = html.escape(title(record, language))
    version = html.escape(_Speech(language).words["configuration"].format(version=record["configuration"]))
    body = "".join(map(_table, tables(record, language)))
    return (
        f'<!doctype html><html lang="{html.escape(language)}"><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width"><title>{heading}</title><style>{_STYLE}</style>'
        f"<h1>{heading}</h1><p>{version}</p>{body}</html>\n"
    )


def markdown(record: dict[str, Any], language: str) -> str:
    """The report as Markdown."""
    version = _Speech(language).words["configuration"].format(version=record["configuration"])
    lines = [f"# {_plain(title(record, language))}", "", _plain(version), ""]
    for one in tables(record, language):
        lines += [f"## {_plain(one.title)}", ""]
        lines += [_line(one.heads), _line(["---"] * len(one.heads)), *map(_line, one.rows), ""]
    return "\n".join(lines)


def use_in_words(use: str, language: str) -> str:
    """A use of data, as `data_use` names it, in a language.

    >>> use_in_words("segment buyers", "de"), use_in_words("recommendations at home", "de")
    ('Segment buyers', 'Empfehlungen auf home')
    """
    return _Speech(language).use(use)


class _Speech:
    """The words of a language."""

    def __init__(self, language: str) -> None:
        self.german = language.startswith("de")
        self.words = _WORDS["de" if self.german else "en"]

    def say(self, word: str) -> str:
        return self.words.get(word, word)

    def days(self, count: int | None) -> str:
        return self.words["for_ever"] if count is None else self.words["days"].format(n=count)

    def heads(self, *words: str) -> list[str]:
        return [self.words[word] for word in words]

    def uses(self, uses: list[str]) -> str:
        """Uses as `data_use` names them: "offer paint", "orders"."""
        return ", ".join(self.use(one) for one in uses) or self.words["unused"]

    def use(self, use: str) -> str:
        """One of them."""
        if use in self.words:
            return self.words[use]
        kind, _, name = use.rpartition(" ")
        return f"{self.say(kind)} {name}"

    def share(self, part: float) -> str:
        text = f"{part * 100:.1f} %"
        return text.replace(".", ",") if self.german else text


def _purposes(record: dict[str, Any], speech: _Speech) -> Told:
    rows = [
        [p["title"], speech.say(p["basis"]), speech.say(p["channel"]), speech.days(p["expires_days"])]
        for p in record["purposes"]
    ]
    return Told("purposes", speech.words["purposes"], speech.heads("purpose", "basis", "channel", "term"), rows)


def _sources(record: dict[str, Any], speech: _Speech) -> Told:
    rows = []
    for one in record["sources"]:
        most = speech.words["as_allowed"] if one["purposes"] is None else ", ".join(map(speech.say, one["purposes"]))
        if one["consent"] == "required":
            most += f" ({speech.words['required']})"
        if one["own_purpose"]:
            most += f" ({speech.words['own_purpose'].format(purpose=one['own_purpose'])})"
        rows.append(
            [one["title"], speech.say(one["kind"]), ", ".join(map(speech.say, one["may"])), most, one["partner"]]
        )
    heads = speech.heads("sources", "kind", "may", "at_most", "partner")
    return Told("sources", speech.words["sources"], heads, rows)


def _found(found: dict[str, Any], speech: _Speech) -> Told:
    """What really came; a field that nothing uses is marked."""
    rows: list[list[str]] = []
    marked = set()
    for source in found["sources"]:
        for event in source["events"]:
            name = event["title"] if event["planned"] else f"{event['title']} ({speech.words['unplanned']})"
            rows.append([source["title"], name, "", str(event["events"]), "", "", ""])
            for field in event["fields"]:
                if field["unused"]:
                    marked.add(len(rows))
                told = field["name"] if field["planned"] or field["used_for"] else _unplanned(field["name"], speech)
                rows.append(
                    [source["title"], name, told, "", speech.share(field["share"]), str(field["different"]),
                     speech.uses(field["used_for"])]
                )  # fmt: skip
            if event["rare_fields"]:
                rows.append(
                    [source["title"], name, speech.words["rare"].format(n=event["rare_fields"]), "", "", "", ""]
                )
    title = speech.words["found"].format(days=found["days"])
    heads = speech.heads("source", "event", "field", "count", "filled", "different", "used_for")
    if not rows:
        return Told("found", title, heads, [[speech.words["not_found"], *[""] * (len(heads) - 1)]])
    return Told("found", title, heads, rows, frozenset(marked), 2, (3,), speech.words["some_unused"])


def _unplanned(name: str, speech: _Speech) -> str:
    return f"{name} ({speech.words['unplanned']})"


def _collected(record: dict[str, Any], speech: _Speech) -> Told:
    rows: list[list[str]] = []
    marked = set()
    for event in record["events"]:
        purpose, kept = speech.say(event["purpose"]), speech.days(event["keep_days"])
        counted = speech.words["counted"].format(names=", ".join(event["counted_by"])) if event["counted_by"] else ""
        if event["unused"]:
            marked.add(len(rows))
        rows.append([event["title"], "", purpose, kept, speech.words["unused"] if event["unused"] else counted])
        for field in event["fields"]:
            if field["unused"]:
                marked.add(len(rows))
            rows.append([event["title"], field["name"], purpose, kept, speech.uses(field["used_for"])])
    heads = speech.heads("event", "field", "purpose", "kept", "used_for")
    return Told(
        "events", speech.words["events"], heads, rows, frozenset(marked), 1, (2, 3), speech.words["some_unused"]
    )


def _traits(record: dict[str, Any], speech: _Speech) -> Told:
    rows = [
        [one["title"], speech.say(one["purpose"]), ", ".join(one["reads"]), speech.days(one["days"]),
         speech.days(one["keep_days"]), speech.uses(one["used_in"])]
        for one in record["traits"]
    ]  # fmt: skip
    marked = frozenset(at for at, one in enumerate(record["traits"]) if not one["used_in"])
    heads = speech.heads("trait", "purpose", "reads", "window", "kept", "used_in")
    return Told("traits", speech.words["traits"], heads, rows, marked)


def _retention(record: dict[str, Any], speech: _Speech) -> Told:
    rows = []
    for name, count in record["retention"].items():
        kept = speech.words["hours"].format(n=count) if name == "late_hours" else speech.days(count)
        rows.append([speech.say(name), kept])
    return Told("retention", speech.words["retention"], speech.heads("retention", "kept"), rows)


def _recipients(record: dict[str, Any], speech: _Speech) -> Told:
    rows = [[one] for one in record["recipients"]] or [[speech.words["nobody"]]]
    return Told("recipients", speech.words["recipients"], speech.heads("recipients"), rows)


def _seen(record: dict[str, Any], speech: _Speech) -> Told:
    rows = [[role, speech.say(what)] for role, what in record["seen_by"].items()]
    return Told("seen_by", speech.words["seen_by"], speech.heads("role", "sees"), rows)


def _measures(record: dict[str, Any], speech: _Speech) -> Told:
    said = MEASURES["de" if speech.german else "en"]
    rows = [[said[one["code"]].format(n=one["count"], of=one["of"])] for one in record["measures"]]
    return Told("measures", speech.words["measures"], speech.heads("measure"), rows)


def _table(told: Told) -> str:
    head = "".join(f'<th scope="col">{html.escape(one)}</th>' for one in told.heads)
    body = "".join(
        ('<tr class="unused">' if at in told.marked else "<tr>")
        + "".join(f"<td>{html.escape(cell)}</td>" for cell in row)
        + "</tr>"
        for at, row in enumerate(told.rows)
    )
    return f"<h2>{html.escape(told.title)}</h2><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(map(_plain, cells))} |"


def _plain(text: str) -> str:
    """Text that Markdown takes for nothing else."""
    flat = " ".join(html.escape(text, quote=False).split())
    return "".join(f"\\{one}" if one in _MARKS else one for one in flat) if flat != "---" else flat


_MARKS = frozenset("\\`*_[]|#!")
