"""preferences.toml: every mistake at once, with what was probably meant."""

from pathlib import Path

from regulars.core.definitions import PREFERENCES
from regulars.shop.init import filled, init
from regulars.shop.load import build, load

VALUES = {
    "name": "Corner", "currency": "EUR", "time_zone": "Europe/Berlin", "write_key": "wk_corner",
    "key_sha256": "0" * 64,
}  # fmt: skip


def mistakes_of(preferences: str, **more: str) -> list[str]:
    files = filled(VALUES) | {"preferences.toml": preferences.encode()} | {k: v.encode() for k, v in more.items()}
    return [str(one) for one in build(files)[1]]


def test_a_new_shop_asks_short_questions_and_keeps_the_ways_to_say_no(tmp_path: Path) -> None:
    init(tmp_path / "shop", "Corner")
    preferences = {one.id: one for one in load(tmp_path / "shop").preferences}
    assert {"channel", "frequency", "hours", "topics", "size_shoes", "not_again", "too_close"} == preferences.keys()
    assert preferences["frequency"].days_of("monthly") == 30


def test_without_the_file_the_usual_ones_are_there() -> None:
    files = filled(VALUES)
    del files["preferences.toml"]
    definitions, _ = build(files)
    assert definitions is not None
    assert definitions.preferences == PREFERENCES


def test_every_mistake_is_told_at_once_with_a_suggestion() -> None:
    found = "\n".join(
        mistakes_of("""
[preferences.channel]
kind = "choice"
title = { de = "Am liebsten per", en = "Reach me by" }
options = { emial = { de = "E-Mail", en = "e-mail" } }
[preferences.frequency]
kind = "text"
title = { de = "Wie oft", en = "How often" }
[preferences.topcis]
kind = "many"
title = { de = "Themen", en = "Topics" }
[preferences.shoes]
kind = "number"
at_least = 50
at_most = 15
title = { de = "Schuhe" }
[preferences.colour]
kind = "choice"
title = { de = "Farbe", en = "Colour", fr = "Couleur" }
""")
    )
    for part in (
        "there is no channel 'emial'", "did you mean 'email'?", "must be a choice, not a text",
        "Regulars obeys 'topics'", "15 is below at_least, 50", "say it in 'en'", "a choice needs answers",
        "does not speak 'fr'",
    ):  # fmt: skip
        assert part in found, (part, found)


def test_how_often_needs_days() -> None:
    text = """
[preferences.frequency]
kind = "choice"
title = { de = "Wie oft", en = "How often" }
options = { fortnightly = { de = "alle zwei Wochen", en = "every two weeks" } }
"""
    assert "days = { fortnightly = 14 }" in mistakes_of(text)[0]
    assert mistakes_of(text + "days = { fortnightly = 14 }\n") == []
    assert "'fortnight' is no answer" in "".join(mistakes_of(text + "days = { fortnight = 14 }\n"))


def test_conditions_speak_of_the_preferences_of_the_shop() -> None:
    wish = '[segments.by_post]\nwhen = "preference.{0} = \'{1}\'"\npurpose = "contract"\n'
    own = filled(VALUES)["preferences.toml"].decode()
    good = mistakes_of(own, **{"segments.toml": wish.format("channel", "post")})
    assert [one for one in good if "by_post" in one] == []
    (name,) = [one for one in mistakes_of(own, **{"segments.toml": wish.format("chanel", "post")}) if "chanel" in one]
    assert "preference.channel" in name
    (value,) = [one for one in mistakes_of(own, **{"segments.toml": wish.format("channel", "pots")}) if "pots" in one]
    assert "'post'" in value
