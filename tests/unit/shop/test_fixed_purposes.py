"""Events whose purpose a shop cannot choose."""

from pathlib import Path

import pytest

from regulars.core.errors import Misconfigured
from regulars.shop import load
from tests.acceptance.shop import FILES, make_shop

CONSENT = FILES["consent.toml"] + '\n[purposes.location]\ntext = { de = "Wo Sie sind", en = "Where you are" }\n'


def test_where_somebody_is_needs_the_purpose_for_it_and_nothing_else(tmp_path: Path) -> None:
    plan = FILES["events.toml"] + '\n[events."Zone Entered"]\n'
    shop = load(make_shop(tmp_path / "good", events=plan, consent=CONSENT))
    assert {event.name: event.purpose for event in shop.events}["Zone Entered"] == "location"
    wrong = plan + 'purpose = "contract"\n'
    with pytest.raises(Misconfigured, match="'location' alone"):
        load(make_shop(tmp_path / "bad", events=wrong, consent=CONSENT))
