"""What all pages share for the life of the process: services, compiled definitions, sessions, templates."""

import hashlib
from functools import cache
from importlib.metadata import version
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from regulars.collect.entry import Entries
from regulars.console.accounts import Throttle
from regulars.console.formats import LANGUAGES, Formats
from regulars.console.sessions import Sessions
from regulars.console.words import Words
from regulars.core.state import COUNTER
from regulars.flow.engine import Engine
from regulars.runtime import Services
from regulars.runtime.customers import Customers
from regulars.runtime.event_names import event_title, own_titles
from regulars.runtime.tracking import TrackingDesk

HERE = Path(__file__).parent
STATIC = HERE / "static"


class House:
    """One per console."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.definitions = services.definitions
        self.customers = Customers(services)
        self.tracking = TrackingDesk(services)
        self.sessions = Sessions(services.folder.secret())
        self.throttle = Throttle()
        self.entries = Entries(self.definitions.sources, self.engine.identifiers.key)
        self.version = version("regulars")
        self.templates = Environment(
            loader=FileSystemLoader(HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self.templates.globals["asset"] = asset
        self._events = own_titles(self.definitions)
        self._formats: dict[str, Formats] = {}
        self._words = {language: Words(language) for language in LANGUAGES}

    @property
    def engine(self) -> Engine:
        """The definitions, compiled."""
        return self.customers.engine

    @property
    def today(self) -> int:
        """The shop's day by its clock."""
        return self.engine.calendar.day(self.services.clock())

    def formats(self, language: str) -> Formats:
        """Formats for a language."""
        found = self._formats.get(language)
        if found is None:
            shop = self.definitions.shop
            found = self._formats[language] = Formats(language, shop.currency, self.engine.calendar)
        return found

    def words(self, language: str) -> Words:
        """Words of a language."""
        return self._words[language]

    def event_title(self, name: str, language: str) -> str:
        """The shop's title of an event."""
        return event_title(self._events, name, language)

    def total(self, name: str, key: str = "") -> int:
        """A counter without a day."""
        row = self.services.state.get(COUNTER, (name, 0, key))
        return int(row[3] or 0) if row else 0

    def totals(self, name: str) -> dict[str, int]:
        """Every counter of this name without a day, by key."""
        rows = self.services.state.select(COUNTER, {"name": name, "day": 0})
        return {str(row[2]): int(row[3] or 0) for row in rows}

    def by_day(self, name: str, *, since: int | None = None) -> list[tuple[int, str, int]]:
        """(day, key, value) of a counter, ascending."""
        low = {} if since is None else {"day": since}
        rows = self.services.state.select(COUNTER, {"name": name}, at_least=low, order=("day", "key"))
        return [(int(row[1] or 0), str(row[2]), int(row[3] or 0)) for row in rows]


@cache
def edition() -> str:
    """A short hash of all static files: their addresses change with them, so that browsers may keep each for ever."""
    digest = hashlib.sha256()
    for path in sorted(STATIC.iterdir()):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:10]


def asset(name: str) -> str:
    """The address of a static file."""
    return f"/static/{edition()}/{name}"
