"""Rows that are about nobody: advertising by day, search queries, the programme of TV, radio and print, footfall."""

from datetime import UTC as _UTC
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from regulars.collect.files import cells
from regulars.collect.files.kind import Said
from regulars.collect.files.touch import Touch, needed_text, number, text, texts
from regulars.core.event import ADVERTISING, FOOTFALL, PROGRAMME, SEARCHES

_DATE = ("day", "datum", "tag", "reporting_starts", "date_start")
ADVERTISING_COLUMNS: dict[str, tuple[str, ...]] = {
    "message_id": ("event_id",),
    "date": _DATE,
    "channel": ("platform", "network", "source", "kanal", "netzwerk"),
    "account": ("account_name", "customer", "konto", "kontoname"),
    "campaign": ("campaign_name", "kampagne", "kampagnenname"),
    "campaign_id": ("kampagnen_id",),
    "ad_group": ("ad_group_name", "ad_set", "ad_set_name", "anzeigengruppe", "anzeigengruppenname"),
    "product_id": ("item_id", "artikel"),
    "cost": ("spend", "amount_spent", "amount_spent_eur", "kosten", "ausgaben", "ausgegebener_betrag_eur"),
    "currency": ("currency_code", "währung", "waehrung"),
    "clicks": ("link_clicks", "klicks", "link_klicks"),
    "impressions": ("impr", "impressionen"),
    "conversions": ("results", "purchases", "ergebnisse", "conv"),
    "conversion_value": ("conv_value", "purchase_value", "purchases_conversion_value", "conversion_wert"),
}
SEARCH_COLUMNS: dict[str, tuple[str, ...]] = {
    "message_id": ("event_id",),
    "date": _DATE,
    "query": ("top_queries", "search_query", "keyword", "suchanfrage", "häufigste_suchanfragen"),
    "page": ("url", "landing_page", "top_pages", "seite"),
    "clicks": ("klicks",),
    "impressions": ("impressionen",),
    "position": ("average_position", "avg_position", "durchschnittliche_position"),
    "country": ("land",),
    "device": ("gerät",),
}
PROGRAMME_COLUMNS: dict[str, tuple[str, ...]] = {
    "message_id": ("event_id",),
    "starts": ("start", "from", "begin", "time", "timestamp", "air_time", "sendezeit", "beginn", "von"),
    "ends": ("end", "until", "to", "ende", "bis"),
    "duration_seconds": ("duration", "length", "länge", "dauer"),
    "station": ("channel", "network", "title_of_print", "sender", "medium_name", "titel_print"),
    "medium": ("type", "media", "gattung"),
    "kind": ("form", "art"),
    "title": ("programme", "program", "show", "sendung", "motiv", "spot_name"),
    "spot_id": ("spot", "creative_id", "spotnummer"),
    "campaign": ("kampagne",),
    "product_ids": ("products", "product_id", "items", "artikel"),
    "phone": ("number_shown", "dnis", "telefon", "rufnummer"),
    "cost": ("price", "kosten"),
    "response_minutes": ("response", "antwortfenster"),
}
FOOTFALL_COLUMNS: dict[str, tuple[str, ...]] = {
    "message_id": ("event_id",),
    "starts": ("timestamp", "time", "from", "interval_start", "datetime", "date", "zeit", "von", "datum"),
    "ends": ("until", "interval_end", "bis"),
    "minutes": ("interval_minutes", "minuten"),
    "store_id": ("store", "branch", "location", "filiale", "standort"),
    "entrance": ("door", "sensor", "eingang", "tür"),
    "count_in": ("in", "entries", "visitors", "enters", "count", "eintritte", "besucher", "zugänge"),
    "count_out": ("out", "exits", "austritte", "abgänge"),
}
_LONGEST_HOURS = 24


def advertising(said: Said, zone: ZoneInfo) -> dict[str, Any]:
    """A day of a campaign. What comes later for the same day, channel and campaign takes its place."""
    day = _day(said)
    counts = {name: number(said, name) for name in ("clicks", "impressions", "conversions")}
    cost = number(said, "cost")
    if cost is None and all(value is None for value in counts.values()):
        raise cells.wrong("cost", "cost, clicks, impressions or conversions", None)
    properties = {
        "date": day,
        "channel": needed_text(
            said, "channel", "the channel, as google or meta; say it in a column, or with --set channel=google"
        ),
        "account": text(said, "account"),
        "campaign": needed_text(said, "campaign", "the campaign"),
        "campaign_id": text(said, "campaign_id"),
        "ad_group": text(said, "ad_group"),
        "product_id": text(said, "product_id"),
        "cost": cost,
        "currency": text(said, "currency", most=3),
        **counts,
        "conversion_value": number(said, "conversion_value"),
    }
    return _fact(said, ADVERTISING, properties, cells.moment("date", f"{day}T00:00:00", zone))


def searches(said: Said, zone: ZoneInfo) -> dict[str, Any]:
    """A day of a query, as search consoles export it. Queries that name a person are left out by the console itself."""
    day = _day(said)
    query, page = text(said, "query", most=200), text(said, "page", most=1_000)
    if query is None and page is None:
        raise cells.wrong("query", "the query or the page", None)
    properties = {
        "date": day, "query": query, "page": page, "country": text(said, "country", most=100),
        "device": text(said, "device", most=50), "clicks": number(said, "clicks"),
        "impressions": number(said, "impressions"), "position": number(said, "position", most=10_000),
    }  # fmt: skip
    return _fact(said, SEARCHES, properties, cells.moment("date", f"{day}T00:00:00", zone))


def programme(said: Said, zone: ZoneInfo) -> dict[str, Any]:
    """An entry of a schedule: a programme, a spot, or an issue with an advertisement."""
    if "starts" not in said:
        raise cells.wrong("starts", "when it is on air", None)
    starts = cells.moment("starts", said["starts"], zone)
    lasts = number(said, "duration_seconds", most=_LONGEST_HOURS * 3_600)
    if "ends" in said:
        ends = cells.moment("ends", said["ends"], zone)
    elif lasts is not None:
        ends = (datetime.fromisoformat(starts) + timedelta(seconds=lasts)).isoformat()
    else:
        raise cells.wrong("ends", "when it ends, or duration_seconds", None)
    if (
        not timedelta()
        <= datetime.fromisoformat(ends) - datetime.fromisoformat(starts)
        <= timedelta(hours=_LONGEST_HOURS)
    ):
        raise cells.wrong("ends", f"at most {_LONGEST_HOURS} hours after it starts", said.get("ends"))
    medium = (text(said, "medium", most=50) or "tv").lower()
    kind = text(said, "kind", most=50)
    properties = {
        "station": needed_text(said, "station", "the station, or the title of the paper"),
        "medium": medium,
        "kind": kind.lower() if kind else ("spot" if "spot_id" in said else "programme"),
        "title": text(said, "title"),
        "spot_id": text(said, "spot_id"),
        "campaign": text(said, "campaign"),
        "product_ids": texts(said, "product_ids"),
        "phone": text(said, "phone", most=40),
        "cost": number(said, "cost"),
        "response_minutes": number(said, "response_minutes", most=1_440),
        "starts": starts,
        "ends": ends,
    }
    return _fact(said, PROGRAMME, properties, None)  # it is told now, and on air whenever it says


def footfall(said: Said, zone: ZoneInfo) -> dict[str, Any]:
    """How many went in and out of a store in some minutes."""
    if "starts" not in said:
        raise cells.wrong("starts", "when the count began", None)
    starts = cells.moment("starts", said["starts"], zone)
    minutes = number(said, "minutes", least=1, most=_LONGEST_HOURS * 60)
    ends = cells.moment("ends", said["ends"], zone) if "ends" in said else None
    if ends is None and minutes is not None:
        ends = (datetime.fromisoformat(starts) + timedelta(minutes=minutes)).astimezone(_UTC).isoformat()
    came, went = number(said, "count_in", most=1e7), number(said, "count_out", most=1e7)
    if came is None and went is None:
        raise cells.wrong("count_in", "how many went in, or out", None)
    properties = {
        "store_id": needed_text(said, "store_id", "the store"),
        "entrance": text(said, "entrance", most=100),
        "starts": starts,
        "ends": ends,
        "count_in": None if came is None else int(came),
        "count_out": None if went is None else int(went),
    }
    return _fact(said, FOOTFALL, properties, starts)


def _fact(said: Said, event: str, properties: dict[str, Any], time: str | None) -> dict[str, Any]:
    call: dict[str, Any] = {"type": "track", "event": event}
    if "message_id" in said:
        call["messageId"] = cells.ident("message_id", said["message_id"])
    if time is not None:
        call["timestamp"] = time
    call["properties"] = {name: value for name, value in properties.items() if value is not None}
    return call


def _day(said: Said) -> str:
    """A calendar day as 2026-05-04; also 04.05.2026."""
    value = said.get("date")
    if isinstance(value, datetime):
        return value.date().isoformat()
    given = value.isoformat() if isinstance(value, date) else value
    if isinstance(given, str):
        plain = given.strip()[:10]
        for form in ("%Y-%m-%d", "%d.%m.%Y", "%Y%m%d"):
            try:
                return datetime.strptime(plain, form).replace(tzinfo=_UTC).date().isoformat()
            except ValueError:
                continue
    raise cells.wrong("date", "a day as 2026-05-04", value)


ADVERTISING_ROWS = Touch(
    name="advertising", title="costs and clicks of advertising by day and campaign", example="google-ads.csv",
    event=ADVERTISING, columns=ADVERTISING_COLUMNS, needs=("date", "campaign", "cost|clicks|impressions"),
    call=advertising,
    options={"channel": "where all of it ran, as google", "account": "whose it is", "currency": "of the cost"},
)  # fmt: skip
SEARCH_ROWS = Touch(
    name="searches", title="queries of a search console by day", example="search-console.csv", event=SEARCHES,
    columns=SEARCH_COLUMNS, needs=("date", "query|page", "impressions|position"), call=searches,
    options={"date": "the day that the file is of, where no column says it"},
)  # fmt: skip
PROGRAMME_ROWS = Touch(
    name="programme", title="what is on air when on TV, radio and in print", example="programme.csv", event=PROGRAMME,
    columns=PROGRAMME_COLUMNS, needs=("starts", "station", "ends|duration_seconds"), call=programme,
)  # fmt: skip
FOOTFALL_ROWS = Touch(
    name="footfall", title="people counted in stores", example="footfall.csv", event=FOOTFALL,
    columns=FOOTFALL_COLUMNS, needs=("starts", "store_id", "count_in|count_out"), call=footfall,
)  # fmt: skip
