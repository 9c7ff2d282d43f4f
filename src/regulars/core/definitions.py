"""A shop's definitions, as loaded and checked by the `shop` room from its folder."""

import hashlib
from typing import Any, Literal

import msgspec

from regulars.core.event import ALWAYS_KEPT
from regulars.core.identity_types import Identity
from regulars.core.mend import Mend
from regulars.core.merchandising import AttributeType, Objective, Recommend, Rule

TraitKind = Literal["count", "sum", "last", "first", "max", "distinct", "days_since", "affinity", "lifecycle", "visits"]
CONTRACT = "contract"  # the legal basis of what an order needs: no consent is asked for it


class TokenKey(msgspec.Struct, frozen=True, kw_only=True):
    """The public half of a key with which the shop's backend signs who is logged in."""

    id: str  # the token's `kid`
    algorithm: Literal["EdDSA", "ES256"] = "EdDSA"
    public_key: str  # PEM, or its lines without the first and the last
    until: str = ""  # ISO time, UTC without an offset: what is received from then on is not believed; "": for ever
    own_page: bool = False  # also opens the customer's own page, with a token of its own kind (collect.entry)


class Webhook(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a shop system sends by itself, and where the secret lies with which it signs that."""

    shop: Literal["shopify", "woocommerce", "shopware"]
    secret: str  # "env:NAME" or "file:/path": never the secret itself; each line of it is one that holds
    order_id: str = ""  # the field of an order that the other sources call its number; "": the system's usual one
    customer_type: str = "user_id"  # the type of identifier that the shop's customer numbers are
    app: str = ""  # Shopware: the app's name; `secret` is then the app's, and each shop gets its own when it registers
    #: Who decides that everybody of a shop that left is erased: staff, or the day by which it is due.
    shop_erasure: Literal["staff", "due"] = "staff"
    stores: dict[str, str] = {}  # the shop's number of a place of stock -> the store as the other sources call it


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """Where events come from. A browser key is public: its claims are unverified."""

    id: str
    kind: Literal["browser", "server"]
    write_key: str = ""  # public, for browsers
    key_sha256: str = ""  # of a server key: the key itself is shown once and not stored
    title: dict[str, str] = {}
    scopes: tuple[str, ...] = ("collect", "decide")  # server keys may add "profiles", "catalog", "privacy", "admin"
    origins: tuple[str, ...] = ()  # allowed for CORS; empty: any
    app_ids: tuple[str, ...] = ()  # of browsers: what trackers without a key call it (Snowplow's app id, Unomi's scope)
    shared: bool = False  # a kiosk, a till, a shop tablet: its devices never tell who somebody is
    token_keys: tuple[TokenKey, ...] = ()  # of browsers: what verifies the logins of their users
    #: What its events may be used for at most, beside what contract and law ask for; None: whatever consent allows.
    purposes: tuple[str, ...] | None = None
    #: "required": without a yes that the event brings itself it is used for what contract and law ask for, or refused.
    consent: Literal["known", "required"] = "known"
    partner: str = ""  # another company: its events are for the purpose "partners:…" alone
    brand: str = ""  # of the shop's own: facts that it tells are marked with it
    store: str = ""  # the same; with both, facts are marked with the store
    #: Of a brand or a store, what customers agree to for it alone: its facts and events beyond contract need that, too.
    own_purpose: str = ""
    webhook: Webhook | None = None  # of a shop system
    #: What it is to orders: where sources disagree the best one's word counts (erp, shop, till, then browsers).
    role: Literal["", "erp", "shop", "till"] = ""
    #: Its place for a group of an order's fields, the smallest is the best; else by `role`.
    ranks: dict[Literal["money", "products", "status", "other"], int] = {}
    rate: float | None = None  # events a second that it may send on average; None: as many as the server takes
    #: "count": whatever it sends is of people; for test shops that browsers under remote control visit.
    machines: Literal["judge", "count"] = "judge"
    closed: tuple[str, ...] = ()  # days on which nothing comes: "12-25" of each year, or "2026-05-14"


class EventType(msgspec.Struct, frozen=True, kw_only=True):
    """An event of the tracking plan."""

    name: str
    purpose: str = "analytics"  # consent purpose that admits it; "contract" needs none
    schema: dict[str, Any] = {}  # JSON Schema of the properties
    title: dict[str, str] = {}
    keep_days: int | None = None  # of the shop's days; None: as Retention.events_days says


class Goal(msgspec.Struct, frozen=True, kw_only=True):
    """Something that a shop wants customers to do: an event, of which only those with these values count."""

    id: str
    event: str
    where: dict[str, Any] = {}  # property -> required value, or a list of such values
    title: dict[str, str] = {}


class Trait(msgspec.Struct, frozen=True, kw_only=True):
    """A trait: a commutative monoid over named events.

    `of` is the property path that is counted, summed or kept ("total", "products.category"); a path through a list
    takes each element. `weight` is the path or number that an affinity adds. Values of money are minor units.
    """

    name: str
    kind: TraitKind
    events: tuple[str, ...]
    of: str = ""
    weight: str | float = 1
    window_days: int | None = None  # None: for ever
    half_life_days: float | None = None  # affinity
    cap: int = 200  # cells (day, key) kept, newest first
    purpose: str = CONTRACT
    where: dict[str, Any] = {}  # property path -> required value
    level: int = 1  # affinity, distinct over a category path "A > B": how many leading elements form the key
    title: dict[str, str] = {}
    interest: bool = False  # this affinity answers interest('...')
    type: Literal["number", "text"] = "number"  # of first, last, max
    keep_days: int | None = None  # of the shop's days: what is older is taken out of the record; the last field


class Segment(msgspec.Struct, frozen=True, kw_only=True):
    """A named set of profiles."""

    id: str
    when: str
    title: dict[str, str] = {}
    purpose: str = CONTRACT


class Wording(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One version of what customers are asked to agree to."""

    version: str  # a date or a number: evidence of a consent names it
    text: dict[str, str]


class Benefit(msgspec.Struct, frozen=True, kw_only=True, rename={"with_": "with"}, forbid_unknown_fields=True):
    """What the customer gets, by language: with the consent, and without it."""

    with_: dict[str, str]
    without: dict[str, str]


Basis = Literal["consent", "contract", "legitimate_interest", "legal_obligation"]
MessageChannel = Literal["none", "email", "sms", "push", "post", "phone", "messenger"]


class Purpose(msgspec.Struct, frozen=True, kw_only=True):
    """What data is used for, in the customer's words, and what a yes to it takes."""

    id: str
    title: dict[str, str] = {}
    text: dict[str, str] = {}  # where versions are not kept; `texts` otherwise
    texts: tuple[Wording, ...] = ()  # the last one is shown, earlier ones are what earlier customers agreed to
    benefit: Benefit | None = None
    basis: Basis = "consent"
    channel: MessageChannel = "none"
    expires_days: int | None = None  # after which a grant lapses
    double_opt_in: bool = False  # a grant counts only once it is confirmed
    partner: str = ""  # of the purpose "partners:acme": who receives the facts
    sensitive: bool = False  # explicit consent to what is inferred about health, faith and the like
    demo_share: float | None = None  # imported example data only: the documented share that agrees

    @property
    def wording(self) -> Wording:
        """What is shown now. Without kept versions the version is a hash of the text, so a changed text shows."""
        if self.texts:
            return self.texts[-1]
        digest = hashlib.blake2b(msgspec.json.encode(self.text, order="sorted"), digest_size=4).hexdigest()
        return Wording(version=f"text-{digest}", text=self.text)


class Sensitive(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What tells of health, faith and the like in this shop, beside the words that are built in."""

    words: tuple[str, ...] = ()  # whole words; with * at the end, words that begin so
    categories: tuple[str, ...] = ()  # category paths, with everything below them


#: Types of Google's consent mode, version 2.
GOOGLE_TYPES = ("ad_storage", "analytics_storage", "ad_user_data", "ad_personalization")


class TcfSignals(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an IAB TCF string says: numbers of its purposes and special features -> purposes of the shop."""

    purposes: dict[str, tuple[str, ...]] = {}
    special_features: dict[str, tuple[str, ...]] = {}
    vendor: int | None = None  # the shop's number in the Global Vendor List; given, it must be consented, too


class Signals(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How signals of consent managers on events are read: their word -> purposes of the shop."""

    segment: dict[str, tuple[str, ...]] = {}  # categories; one without an entry means the purpose of its own name
    google: dict[str, tuple[str, ...]] = {}  # ad_storage, analytics_storage, ad_user_data, ad_personalization
    tcf: TcfSignals = TcfSignals()


class Preference(msgspec.Struct, frozen=True, kw_only=True):
    """Something that a customer may wish for, and what may be answered."""

    id: str
    kind: Literal["choice", "many", "text", "number", "range", "hours"]
    options: dict[str, dict[str, str]] = {}  # of choice and many: answer -> its title; none for many: any texts
    title: dict[str, str] = {}
    at_least: float | None = None  # number
    at_most: float | None = None
    days: dict[str, int] = {}  # of `frequency`: answer -> days between two messages, where the usual ones do not fit
    ask: bool = True  # whether the customer's own page asks for it

    def days_of(self, answer: str) -> int:
        """The least days between two messages that an answer asks for."""
        return self.days.get(answer, FREQUENCY_DAYS.get(answer, 0))


#: What is not wanted again, and what felt too close: every shop has these.
NOT_AGAIN, TOO_CLOSE = "not_again", "too_close"
#: Preferences that Regulars obeys by itself, and what kinds they may be: the way, how often, when, on what.
CHANNEL, FREQUENCY, HOURS, TOPICS = "channel", "frequency", "hours", "topics"
KNOWN_KINDS = {
    CHANNEL: ("choice", "many"), FREQUENCY: ("choice",), HOURS: ("hours",), TOPICS: ("many",),
    NOT_AGAIN: ("many",), TOO_CLOSE: ("many",),
}  # fmt: skip
#: Days between two messages that the usual answers to `frequency` ask for.
FREQUENCY_DAYS = {"daily": 1, "weekly": 7, "monthly": 30, "rarely": 90}
#: What customers may wish for where the shop has no preferences.toml.
PREFERENCES = (
    Preference(
        id=CHANNEL, kind="choice", title={"de": "Am liebsten per", "en": "Reach me by"},
        options={
            "email": {"de": "E-Mail", "en": "e-mail"}, "post": {"de": "Post", "en": "post"},
            "phone": {"de": "Telefon", "en": "phone"}, "none": {"de": "gar nicht", "en": "nothing, please"},
        },
    ),
    Preference(
        id=FREQUENCY, kind="choice", title={"de": "Wie oft", "en": "How often"},
        options={
            "weekly": {"de": "jede Woche", "en": "every week"}, "monthly": {"de": "jeden Monat", "en": "every month"},
            "rarely": {"de": "nur bei Wichtigem", "en": "only what matters"},
        },
    ),
    Preference(id=TOPICS, kind="many", title={"de": "Das interessiert mich", "en": "I am interested in"}),
    Preference(id="sizes", kind="many", title={"de": "Meine Größen", "en": "My sizes"}),
    Preference(id=HOURS, kind="hours", title={"de": "Gute Uhrzeiten", "en": "Good times of day"}),
    Preference(id=NOT_AGAIN, kind="many", title={"de": "Diese Artikel nicht mehr", "en": "Not these products again"}),
    Preference(id=TOO_CLOSE, kind="many", title={"de": "Kam mir zu nahe", "en": "Felt too close"}),
)  # fmt: skip


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """A fact that a shop's systems tell of customers, and what customers read for its name."""

    id: str
    title: dict[str, str] = {}


class Limit(msgspec.Struct, frozen=True, kw_only=True):
    """At most `times` exposures within `days` for one profile."""

    times: int
    days: int


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """What may be shown."""

    id: str
    placements: tuple[str, ...]
    purpose: str
    value: int  # expected margin, minor units
    when: str = ""
    title: dict[str, str] = {}
    text: dict[str, str] = {}
    limit: Limit | None = None
    starts: str | None = None  # local date, inclusive
    ends: str | None = None  # local date, inclusive
    product: str | None = None  # a catalogue item whose stock gates the offer
    response_rate: float = 0.01  # predicted reaction until a model is trained
    image: str = ""
    link: str = ""


class Placement(msgspec.Struct, frozen=True, kw_only=True):
    """Where something is shown: an offer slot, a row of recommendations, or both."""

    id: str
    title: dict[str, str] = {}
    channel: str = "web"
    offers: bool = True
    recommend: Recommend = ""  # a model, or a chain of models (core.merchandising.steps_of); "" = no items
    items: int = 10
    filter: str = ""  # a condition over item, profile and context that every item has to fulfil
    review: bool = True  # whether items may be shown that the customer viewed or bought already
    objective: Objective = "click"
    margin_weight: float = 1.0  # how much the margin counts beside the chance: chance * margin^weight
    explore: float = 0.0  # share of the slots of a row that new and rarely shown items get
    counts: Literal["shown", "decided"] = "shown"  # what is an exposure: to be seen, or to be decided (print, e-mail)
    exploration: float = 0.05  # share of decisions made at random among the candidates
    purpose: str = CONTRACT  # what recommendations from the person's history need; without it: popular


class Linking(msgspec.Struct, frozen=True, kw_only=True):
    """How `regulars identity link` finds records of one person. Thresholds are probabilities."""

    purpose: str = CONTRACT  # who takes part: those who allow it
    automatic: float = 0.99  # linked without anybody looking, from here on
    review: float = 0.85  # shown to staff, from here on
    #: Records that differ in what tells people of one household apart: staff are asked, unless the file itself tells
    #: that it holds no households ("learn"); always ("ask"); or never, as the probability is trusted.
    families: Literal["learn", "ask", "trust"] = "learn"
    facts: dict[
        str, tuple[str, ...]
    ] = {}  # what of PARTICULARS -> names of the shop's facts, in place of the usual ones


class Shop(msgspec.Struct, frozen=True, kw_only=True):
    """shop.toml."""

    name: str
    currency: str = "EUR"
    time_zone: str = "Europe/Berlin"
    country: str = "DE"  # ISO 3166: where a telephone number without a country is
    languages: tuple[str, ...] = ("de", "en")
    typical_gap_days: float = 30.0  # between two orders of a customer; a customer's own rhythm is shrunk towards it
    #: Orders of these last years stay without a person when one is erased, where the law keeps them; 0: erased, too.
    keep_orders_years: int = 0
    #: What a customer's wish on the own page to be erased does: erase, or ask staff to.
    erase_requests: Literal["at_once", "staff"] = "at_once"
    clock: Literal["wall", "records"] = "wall"  # "records": time comes from tick records only (replayed data)


class Retention(msgspec.Struct, frozen=True, kw_only=True):
    """How long things are kept, in days of the shop; None: until an erasure."""

    events_days: int | None = (
        None  # of types that do not say it themselves; orders and what is said of the account stay
    )
    failed_days: int | None = None  # failed events
    access_days: int | None = None  # who looked at whom
    decisions_days: int | None = None  # records of decisions in the lake
    inactive_profile_days: int | None = None  # a profile of whom nothing was heard for so long is erased
    late_hours: int = (
        24  # how long a refused event can still be admitted by a consent of an earlier time that comes late
    )

    def days_of(self, event: EventType) -> int | None:
        """How long events of a type are kept."""
        if event.name in ALWAYS_KEPT:
            return None
        return self.events_days if event.keep_days is None else event.keep_days


class Network(msgspec.Struct, frozen=True, kw_only=True):
    """What the door looks at beside an event itself, to tell machines from people."""

    data_centres: tuple[str, ...] = ()  # networks (CIDR) that machines and VPNs send from; also networks/*
    asn_header: str = ""  # in which a trusted proxy names the autonomous system of an address
    asns: tuple[int, ...] | None = None  # those of data centres; None: the well-known ones (collect.network)
    requests_per_minute: int = 1_200  # of one address, beyond which it is a crowd; 0: never


class Definitions(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a shop folder says, checked."""

    shop: Shop
    sources: tuple[Source, ...] = ()
    events: tuple[EventType, ...] = ()
    strict_plan: bool = True  # unknown events fail
    traits: tuple[Trait, ...] = ()
    segments: tuple[Segment, ...] = ()
    purposes: tuple[Purpose, ...] = ()
    signals: Signals = Signals()
    sensitive: Sensitive = Sensitive()
    offers: tuple[Offer, ...] = ()
    placements: tuple[Placement, ...] = ()
    preferences: tuple[Preference, ...] = PREFERENCES
    facts: tuple[Fact, ...] = ()
    identity: Identity = Identity()
    linking: Linking = Linking()
    retention: Retention = Retention()
    network: Network = Network()
    mends: tuple[Mend, ...] = ()  # standing ones: carried out on every event of their source before the plan looks
    goals: tuple[Goal, ...] = ()
    rules: tuple[Rule, ...] = ()  # of merchandising, in the order of the files
    attributes: dict[str, AttributeType] = {}  # of products, that rules read
    version: str = ""  # short hash over all files
    record_version: str = ""  # short hash over what profile records are built from: traits, segments, events, zone
