"""The definitions while they are checked: each with the file and key that it came from."""

import msgspec

from regulars.core.definitions import (
    EventType,
    Fact,
    Goal,
    Linking,
    Network,
    Offer,
    Placement,
    Preference,
    Purpose,
    Retention,
    Segment,
    Sensitive,
    Shop,
    Signals,
    Source,
    Trait,
)
from regulars.core.identity_types import Identity
from regulars.core.mend import Mend
from regulars.core.merchandising import AttributeType, Rule
from regulars.shop.reading import TomlFile


class Draft(msgspec.Struct):
    """What could be read, by id; entries with mistakes are missing here but still count as named."""

    shop: Shop
    identity: Identity
    linking: Linking = Linking()
    retention: Retention = Retention()
    network: Network = Network()
    strict_plan: bool = True
    sources: dict[str, Source] = {}
    events: dict[str, EventType] = {}
    traits: dict[str, Trait] = {}
    segments: dict[str, Segment] = {}
    purposes: dict[str, Purpose] = {}
    offers: dict[str, Offer] = {}
    signals: Signals = Signals()
    sensitive: Sensitive = Sensitive()
    placements: dict[str, Placement] = {}
    preferences: dict[str, Preference] = {}
    facts: dict[str, Fact] = {}
    mends: dict[str, Mend] = {}
    goals: dict[str, Goal] = {}
    rules: dict[str, Rule] = {}
    attributes: dict[str, AttributeType] = {}
    named: dict[str, set[str]] = {}  # table -> ids that the folder mentions, right or wrong
    places: dict[tuple[str, str], TomlFile] = {}  # (table, id) -> its file

    def report(self, table: str, name: str, key: str, message: str, suggestion: str = "") -> None:
        """Note a mistake at a key of a definition."""
        path = (table, name, *key.split(".")) if key else (table, name)
        self.places[table, name].report(path, message, suggestion)
