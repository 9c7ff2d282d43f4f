"""A shop's definitions, as loaded and checked by the `shop` room from its folder."""

import hashlib
from typing import Any, Literal

import msgspec

TraitKind = Literal["count", "sum", "last", "first", "max", "distinct", "days_since", "affinity", "lifecycle"]
CONTRACT = "contract"  # the legal basis of what an order needs: no consent is asked for it


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """Where events come from. A browser key is public: its claims are unverified."""

    id: str
    kind: Literal["browser", "server"]
    write_key: str = ""  # public, for browsers
    key_sha256: str = ""  # of a server key: the key itself is shown once and not stored
    title: dict[str, str] = {}
    scopes: tuple[str, ...] = ("collect", "decide")  # server keys may add "profiles", "catalog", "admin"
    origins: tuple[str, ...] = ()  # allowed for CORS; empty: any


class EventType(msgspec.Struct, frozen=True, kw_only=True):
    """An event of the tracking plan."""

    name: str
    purpose: str = "analytics"  # consent purpose that admits it; "contract" needs none
    schema: dict[str, Any] = {}  # JSON Schema of the properties
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
    recommend: str = ""  # "blend", "bought_together", "popular", "trending", "buy_again"; "" = no items
    items: int = 10
    exploration: float = 0.05  # share of decisions made at random among the candidates
    purpose: str = CONTRACT  # what recommendations from the person's history need; without it: popular


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """Identifier types: person types join, device types are held by whoever was logged in."""

    person: tuple[str, ...] = ("user_id", "loyalty_card", "email", "phone")  # priority order
    device: tuple[str, ...] = ("anonymous_id",)
    unique: tuple[str, ...] = ("user_id",)  # two different values never join
    max_component: int = 200
    blocked: tuple[str, ...] = ("", "0", "-1", "null", "undefined", "none", "anonymous", "unknown", "nan")


#: What records are compared by, and the names of facts that say it, the first that is there.
PARTICULARS: dict[str, tuple[str, ...]] = {
    "first": ("first_name", "firstName", "given_name", "vorname"),
    "last": ("last_name", "lastName", "surname", "nachname"),
    "name": ("name", "full_name", "fullName"),  # both in one piece, where neither of them is there
    "birth": ("birth_date", "birthday", "date_of_birth", "geburtsdatum"),
    "street": ("street", "address_1", "strasse"),
    "number": ("house_number", "street_number", "hausnummer"),
    "extra": ("address_extra", "address_2", "adresszusatz"),
    "postcode": ("postcode", "postal_code", "zip", "plz"),
    "city": ("city", "suburb", "ort"),
    "region": ("region", "state"),
    "email": ("contact_email", "email"),
    "phone": ("contact_phone", "phone"),
}


class Linking(msgspec.Struct, frozen=True, kw_only=True):
    """How `regulars identity link` finds records of one person. Thresholds are probabilities."""

    purpose: str = CONTRACT  # who takes part: those who allow it
    automatic: float = 0.99  # linked without anybody looking, from here on
    review: float = 0.85  # shown to staff, from here on
    facts: dict[
        str, tuple[str, ...]
    ] = {}  # what of PARTICULARS -> names of the shop's facts, in place of the usual ones


class Shop(msgspec.Struct, frozen=True, kw_only=True):
    """shop.toml."""

    name: str
    currency: str = "EUR"
    time_zone: str = "Europe/Berlin"
    languages: tuple[str, ...] = ("de", "en")
    typical_gap_days: float = 30.0  # between two orders of a customer; a customer's own rhythm is shrunk towards it
    clock: Literal["wall", "records"] = "wall"  # "records": time comes from tick records only (replayed data)


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
    identity: Identity = Identity()
    linking: Linking = Linking()
    version: str = ""  # short hash over all files
    record_version: str = ""  # short hash over what profile records are built from: traits, segments, events, zone
