"""What a merchant says about rows of recommended items: which models fill a placement, and the rules that they obey."""

from typing import Literal

import msgspec

#: Names of models that a placement may ask for, in the order that pages list them.
MODELS = (
    "blend",
    "bought_together",
    "popular",
    "trending",
    "buy_again",
    "left_behind",
    "new_arrivals",
    "variants",
    "complements",
    "alternatives",
    "bundles",
    "similar",
    "guides",
    "neighbours",
    "viewed_together",
    "session_blend",
    "search",
    "ranker",
)
#: What answers a search: products by what the customer typed, in an order for this customer.
SEARCH = "search"
#: Models that foretell what is looked at next; the others learn from orders, or from what products are.
LOOKING = frozenset(("neighbours", "viewed_together", "session_blend", "alternatives"))
RuleKind = Literal[
    "in_stock",
    "margin_floor",
    "exclude",
    "boost",
    "bury",
    "pin",
    "diversity",
    "no_repeat",
    "cool_down",
    "no_returned",
]
#: Kinds that take items out of a row; the others move items, or bound how many are alike.
FILTERS: tuple[str, ...] = ("in_stock", "margin_floor", "exclude", "no_repeat", "cool_down", "no_returned")
#: Kinds that hold for the answer to a search only where they name its placement: who asks for something is to find it,
#: whether it was shown or bought before, and nothing that was not asked for.
NAMED_FOR_SEARCH: tuple[str, ...] = ("no_repeat", "cool_down", "no_returned", "diversity", "pin")
#: What the items of a row are chosen for.
Objective = Literal["click", "order", "margin", "session_margin"]
AttributeType = Literal["number", "text", "boolean"]


class ModelShare(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A model with its weight among those that fill a row together."""

    model: str
    weight: float = 1.0


Recommend = str | tuple[str | ModelShare, ...]


class Step(msgspec.Struct, frozen=True):
    """One link of a fall-back chain: the models that fill the row together, with their weights."""

    models: tuple[tuple[str, float], ...]


def steps_of(recommend: Recommend) -> tuple[Step, ...]:
    """The chain that fills a row: names follow one another, models with weights side by side are blended.

    >>> [step.models for step in steps_of(("bought_together", "popular"))]
    [(('bought_together', 1.0),), (('popular', 1.0),)]
    >>> steps_of((ModelShare(model="blend", weight=2), ModelShare(model="trending"), "popular"))[0].models
    (('blend', 2.0), ('trending', 1.0))
    """
    if isinstance(recommend, str):
        return (Step(((recommend, 1.0),)),) if recommend else ()
    found: list[Step] = []
    shares: list[tuple[str, float]] = []
    for one in recommend:
        if isinstance(one, ModelShare):
            shares.append((one.model, float(one.weight)))
            continue
        if shares:
            found.append(Step(tuple(shares)))
            shares = []
        found.append(Step(((one, 1.0),)))
    if shares:
        found.append(Step(tuple(shares)))
    return tuple(found)


def searches(recommend: Recommend) -> bool:
    """Whether a placement answers what a customer types.

    >>> searches(("search", "popular")), searches("popular")
    (True, False)
    """
    return any(name == SEARCH for step in steps_of(recommend) for name, _ in step.models)


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """A merchandising rule. It holds where its condition is true: for an item, a customer, a moment."""

    id: str
    kind: RuleKind
    when: str = ""  # a condition over item, profile and context; empty: always
    placements: tuple[str, ...] = ()  # none: all that recommend
    channels: tuple[str, ...] = ()  # of the placements; none: any
    starts: str | None = None  # local date, inclusive
    ends: str | None = None  # local date, inclusive
    title: dict[str, str] = {}  # what staff read
    reason: dict[str, str] = {}  # what customers read beside an item that the rule moved; nothing without it
    factor: float = 2.0  # boost: as if the item were so many times as likely
    share: float | None = None  # margin_floor: at least this share of the price
    amount: int | None = None  # margin_floor: at least so many minor units
    items: tuple[str, ...] = ()  # pin: the first of these that may be shown
    position: int = 1  # pin: counted from 1
    most: int = 1  # diversity: items of a row that are alike
    per: str = ""  # diversity, no_repeat, cool_down, no_returned: what makes two items alike
    level: int = 0  # of a category path: so many names from the root; 0: the whole path
    days: int | None = None  # no_repeat, cool_down, no_returned: how long; no_returned: None is for ever
    seen_on: tuple[str, ...] = ()  # no_repeat: channels whose exposures count; none: all
    match: dict[str, str] = {}  # in_stock: attribute of a variant -> where the wanted value comes from
    unknown: Literal["pass", "remove"] = "pass"  # in_stock, margin_floor: items of which nobody told

    @property
    def alike(self) -> str:
        """What makes two items alike."""
        return self.per or ("item" if self.kind != "diversity" else "category")


class Estimate(msgspec.Struct, frozen=True):
    """A difference with its 95 % interval."""

    value: float
    low: float
    high: float


class PlacementTrial(msgspec.Struct):
    """What the rule does to one placement; differences are with the rule less without it."""

    placement: str
    rows: int = 0  # that could be filled again
    changed: int = 0
    removed: int = 0  # items, of all rows
    added: int = 0
    unfilled: int = 0  # slots for which the recorded pools end
    seen: int = 0  # rows that were exposures: clicks and margin are of these
    clicks: Estimate | None = None  # None: not enough data
    margin: Estimate | None = None  # minor units
    recorded_clicks: int = 0


class Trial(msgspec.Struct):
    """The dry run of a rule."""

    rules: list[str]
    since: int
    until: int
    currency: str
    decisions: int
    rows: int
    untold: dict[str, int]  # reason -> rows that could not be filled again
    agreement: float | None  # share of rows that come out as recorded by the rules without a change
    placements: list[PlacementTrial]
    notes: list[str]
