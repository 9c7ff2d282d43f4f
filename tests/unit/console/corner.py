"""A corner shop with a console: log and state in a folder, folded at once, without processes."""

import asyncio
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import httpx

from regulars.adapters.log.memory import MemoryLog
from regulars.adapters.state.sqlite import SqliteState
from regulars.console import app
from regulars.console.accounts import hash_password
from regulars.core.definitions import (
    Definitions,
    EventType,
    Offer,
    Placement,
    Purpose,
    Segment,
    Shop,
    Source,
    Trait,
    Wording,
)
from regulars.core.log import COMMAND, EVENTS, TICK, NewRecord
from regulars.core.record import profile_name
from regulars.core.state import ACCESS
from regulars.flow.updater import Updater
from regulars.runtime import Services, Settings, open_folder
from regulars.runtime.customers import Customer, Customers

NOW = int(datetime(2024, 3, 15, 12, tzinfo=UTC).timestamp() * 1000)
DAY = 86_400_000
PASSWORD = "a password for tests"
ORDERED = ("Order Completed",)
DEFINITIONS = Definitions(
    shop=Shop(name="Corner <b>shop</b>", currency="EUR", time_zone="Europe/Berlin", clock="records"),
    sources=(Source(id="till", kind="server"), Source(id="web", kind="browser", write_key="wk")),
    events=(
        EventType(name="Product Viewed", purpose="analytics", title={"de": "Produkt angesehen"}),
        EventType(name="Order Completed", purpose="contract", title={"en": "Order", "de": "Bestellung"}),
        EventType(name="Consent Updated", purpose="contract"),
    ),
    purposes=(
        Purpose(
            id="analytics", title={"en": "Understanding our shop", "de": "Unseren Laden verstehen"},
            text={"en": "We count visits.", "de": "Wir zählen Besuche."},
        ),
        Purpose(
            id="personalisation", title={"en": "Offers made for you", "de": "Angebote für Sie"},
            texts=(Wording(version="2026-03", text={"en": "We choose for you.", "de": "Wir wählen für Sie aus."}),),
        ),
    ),
    traits=(
        Trait(name="orders", kind="count", events=ORDERED, title={"en": "Orders ever", "de": "Einkäufe"}),
        Trait(name="revenue", kind="sum", events=ORDERED, of="total", title={"en": "Spent", "de": "Ausgegeben"}),
        Trait(name="days_since_order", kind="days_since", events=ORDERED, title={"en": "Days since the last order"}),
        Trait(name="lifecycle", kind="lifecycle", events=ORDERED),
        Trait(name="views", kind="count", events=("Product Viewed",), purpose="analytics", title={"en": "Views"}),
        Trait(
            name="interests", kind="affinity", events=("Product Viewed",), of="category", purpose="personalisation",
            half_life_days=30, interest=True, title={"en": "Interests"},
        ),
    ),
    segments=(
        Segment(id="buyers", when="orders >= 2 and revenue > 5000", title={"en": "Buyers", "de": "Käufer"}),
        Segment(id="bikers", when="interest('Bikes') > 0.4", purpose="personalisation", title={"en": "Bikers"}),
    ),
    offers=(
        Offer(id="bell", placements=("home.hero",), purpose="personalisation", value=100, title={"en": "A new bell"}),
        Offer(
            id="thanks", placements=("home.hero",), purpose="contract", value=50, when="orders >= 100",
            title={"en": "A thank-you"},
        ),
        Offer(id="open", placements=("home.hero",), purpose="contract", value=10, title={"en": "Open on Sunday"}),
    ),
    placements=(Placement(id="home.hero", title={"en": "Home page"}),),
)  # fmt: skip
ROLES = {"ada": "admin", "mia": "marketer", "gil": "agent", "pia": "privacy"}
#: Page -> the roles that may open it.
PAGES = {
    "/console": "ada mia gil pia",
    "/console/segments": "ada mia pia",
    "/console/segments/buyers": "ada mia pia",
    "/console/segments/overlap": "ada mia pia",
    "/console/customers": "ada mia gil pia",
    "/console/customers/ANA": "ada mia gil pia",
    "/console/customers/ANA/events": "ada mia gil pia",
    "/console/customers/ANA/placements": "ada mia gil pia",
    "/console/customers/ANA/identity": "ada gil pia",
    "/console/failed": "ada mia pia",
    "/console/health": "ada mia pia",
    "/console/tracking": "ada mia pia",
    "/console/models": "ada mia pia",
    "/console/models/training": "ada mia pia",
    "/console/rules": "ada mia",
    "/console/customers/ANA/search": "ada mia gil pia",
    "/console/access": "ada pia",
    "/console/data-use": "ada pia",
    "/console/users": "ada",
    "/console/account": "ada mia gil pia",
}
#: Cheap to check: a real hash takes a tenth of a second on purpose.
HASHED = hash_password(PASSWORD, blocks=16)


class Direct:
    """An intake that folds what it appends."""

    def __init__(self, log: MemoryLog, updater: Updater) -> None:
        self._log = log
        self._updater = updater

    def append(self, record: NewRecord) -> "asyncio.Future[int]":
        return self.append_many([record])

    def hand_in(self, record: NewRecord, told: Callable[[int | Exception], None]) -> None:
        told(self.append_many([record]).result())

    def append_many(self, records: Sequence[NewRecord], *, patient: bool = False) -> "asyncio.Future[int]":
        done: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        offset = self._log.append(records)
        self._updater.run()
        done.set_result(offset)
        return done

    def backlog(self) -> tuple[int, int]:
        return 0, 0

    async def close(self) -> None:
        return


class Corner:
    """The shop; `with Corner(tmp_path) as corner: corner.as_("ada").get("/console")`."""

    def __init__(self, folder: Path, *, people: bool = True, definitions: Definitions = DEFINITIONS) -> None:
        settings = Settings(shop=folder / "shop", data=folder / "data")
        self.log = MemoryLog()
        data = open_folder(settings.data)
        self.state = SqliteState(data.state)
        self.updater = Updater(definitions, self.log, self.state)
        self.services = Services(
            settings=settings, folder=data, definitions=definitions, log=self.log,
            intake=Direct(self.log, self.updater), state=self.state,
        )  # fmt: skip
        self._put(NewRecord(TICK, "clock", "", NOW, b""))
        for name, role in ROLES.items() if people else ():
            self.command("put_user", name=name, role=role, password=HASHED, language="en")
        self.app = app(self.services)
        self._runner = asyncio.Runner()  # one event loop for all browsers, as in a gateway
        self._logged_in: dict[str, Browser] = {}

    def client(self) -> "Browser":
        """A browser in which nobody is logged in."""
        return Browser(self.app, self._runner)

    def as_(self, name: str) -> "Browser":
        """A browser in which this user is logged in."""
        client = self._logged_in.get(name)
        if client is None:
            client = self._logged_in[name] = self.client()
            answer = log_in(client, name, PASSWORD)
            assert answer.status_code == 303, answer.text
        return client

    def happened(self, *calls: dict[str, Any], source: str = "till") -> None:
        """Calls in the wire format, folded."""
        self._put(NewRecord(EVENTS, source, "batch", NOW, json.dumps({"batch": calls}).encode()))

    def command(self, what: str, /, **args: Any) -> None:
        """A command, carried out."""
        self._put(
            NewRecord(COMMAND, "test", what, NOW, json.dumps({"name": what, "args": args, "by": "test"}).encode())
        )

    def profile(self, identifier: str) -> str:
        """The profile's name."""
        return profile_name(Customers(self.services).number(identifier))

    def customer(self, identifier: str) -> Customer:
        """What is known of a customer."""
        customers = Customers(self.services)
        return customers.customer(customers.number(identifier))

    def looks(self) -> list[tuple[str, str, str]]:
        """The access log: (user, action, subject), oldest first."""
        return [(str(r[2]), str(r[3]), str(r[4])) for r in self.state.select(ACCESS, order=("offset",))]

    def _put(self, record: NewRecord) -> None:
        self.log.append([record])
        self.updater.run()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._runner.close()
        self.state.close()


class Browser:
    """Keeps cookies and follows no redirects."""

    def __init__(self, asked: Any, runner: asyncio.Runner) -> None:
        transport = httpx.ASGITransport(asked, raise_app_exceptions=False)
        self._client = httpx.AsyncClient(transport=transport, base_url="http://corner.test")
        self._runner = runner

    def request(self, method: str, path: str, **more: Any) -> httpx.Response:
        """Ask and wait."""
        return self._runner.run(self._client.request(method, path, **more))

    def get(self, path: str, **more: Any) -> httpx.Response:
        """Open a page."""
        return self.request("GET", path, **more)

    def post(self, path: str, **more: Any) -> httpx.Response:
        """Send a form."""
        return self.request("POST", path, **more)


def log_in(client: Browser, name: str, password: str, **more: str) -> httpx.Response:
    """Fill in the form."""
    token = token_in(client.get("/login").text)
    return client.post("/login", data={"csrf": token, "name": name, "password": password, **more})


def token_in(page: str) -> str:
    """The token that the forms of a page carry."""
    return page.split('name="csrf" value="', 1)[1].split('"', 1)[0]


def send(client: Browser, page: str, path: str, **fields: str) -> httpx.Response:
    """Send a form of a page."""
    return client.post(path, data={"csrf": token_in(client.get(page).text), **fields})


def order(user: str, order_id: str, total: float, *, days_ago: int = 0) -> dict[str, Any]:
    """An order."""
    properties = {"order_id": order_id, "total": total, "currency": "EUR", "products": [{"product_id": "1"}]}
    return call(user, "Order Completed", f"o-{order_id}", properties, days_ago=days_ago)


def call(user: str, event: str, message: str, properties: dict[str, Any], *, days_ago: int = 0) -> dict[str, Any]:
    """A track call of a known customer."""
    time = datetime.fromtimestamp((NOW - days_ago * DAY) / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    return {
        "type": "track", "messageId": message, "userId": user, "event": event, "timestamp": time,
        "properties": properties,
    }  # fmt: skip


def agrees(user: str, *, days_ago: int = 30, **purposes: bool) -> dict[str, Any]:
    """A consent statement."""
    return call(user, "Consent Updated", f"c-{user}-{days_ago}", {"purposes": purposes}, days_ago=days_ago)
