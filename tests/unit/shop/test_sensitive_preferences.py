"""What customers are asked to wish for must not ask for their health or faith."""

import pytest

from regulars.shop.load import build

CONSENT = '[purposes.analytics]\ntext = { de = "Wozu", en = "What for" }\n'
SHOP = '[shop]\nname = "Corner"\n'


def mistakes(preferences: str, more: str = "") -> list[str]:
    texts = {"shop.toml": SHOP, "preferences.toml": preferences, "consent.toml": CONSENT + more}
    return [str(one) for one in build({name: text.encode() for name, text in texts.items()})[1]]


@pytest.mark.parametrize(
    ("preferences", "said"),
    [
        ('[preferences.allergies]\nkind = "many"\n', "preferences.allergies: asks for health"),
        ('[preferences.food]\nkind = "text"\ntitle = {de = "Religiöse Speisen"}\n', "food.title: asks for faith"),
        (
            '[preferences.food]\nkind = "choice"\noptions = {any = {}, x = {de = "Halal", en = "Something else"}}\n',
            "food.options.x: asks for faith",
        ),
    ],
)
def test_a_wish_that_tells_of_something_sensitive_is_refused(preferences: str, said: str) -> None:
    assert any(said in one for one in mistakes(preferences)), mistakes(preferences)


def test_words_of_the_shop_count_and_harmless_wishes_pass() -> None:
    asked = (
        '[preferences.diet]\nkind = "choice"\ntitle = {de = "Küche", en = "Cooking"}\n'
        'options = {a = {de = "Keto", en = "Keto"}, b = {de = "Alles", en = "Anything"}}\n'
    )
    assert mistakes(asked) == []
    assert any("what the shop lists" in one for one in mistakes(asked, '[sensitive]\nwords = ["keto"]\n'))
