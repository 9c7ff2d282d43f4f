"""identity.toml: what it says, what is built in, and what every mistake is called."""

import pytest

from regulars.core.identity_types import Identity
from regulars.shop.load import build
from regulars.shop.mistake import Mistake

SHOP = b'[shop]\nname = "Corner"\n'


def mistakes(text: str) -> list[Mistake]:
    return build({"shop.toml": SHOP, "identity.toml": text.encode()})[1]


def identity(text: str, sources: str = "") -> Identity:
    files = {"shop.toml": SHOP, "identity.toml": text.encode(), "sources.toml": sources.encode()}
    definitions, found = build(files)
    assert definitions is not None, found
    return definitions.identity


@pytest.mark.parametrize(
    ("text", "line", "key", "message", "suggestion"),
    [
        ("[type.email]\nlimit = 3\n", 1, "type", "unknown table", "types"),
        ("[types.emial]\nlimit = 3\n", 1, "types.emial.kind", "says what it is", "email"),
        ('[types.email]\nkind = "persons"\n', 2, "types.email.kind", "expected one of", "person"),
        ("[types.email]\nlimit = 0\n", 2, "types.email.limit", "at least 1", ""),
        ("[types.email]\nlimt = 3\n", 2, "types.email.limt", "unknown key", "limit"),
        ("[types.email]\nunique = true\nlimit = 3\n", 3, "types.email.limit", "a unique type has one value", ""),
        ("[types.anonymous_id]\nlimit = 3\n", 2, "types.anonymous_id.limit", "this is a device", ""),
        ("[types.household]\nunique = true\n", 2, "types.household.unique", "this is a group", ""),
        ('[types.email]\nnormalise = "emial"\n', 2, "types.email.normalise", "expected some of", "email"),
        ('[types.email]\nnormalise = ["trim", "lowr"]\n', 2, "types.email.normalise", "expected some of", "lower"),
        ('[types.email]\nblocked = ["*"]\n', 2, "types.email.blocked", "block every value", ""),
        ('[types.email]\ntitle = { fr = "Courriel" }\n', 2, "types.email.title.fr", "does not speak", ""),
        ('[types.mail_md]\nkind = "person"\nhash_of = "emal"\n', 3, "types.mail_md.hash_of", "in plain", "email"),
        (
            '[types.mail_md]\nkind = "person"\nhash_of = "email"\n',
            3,
            "types.mail_md.hash_of",
            "a hashed form already",
            "",
        ),
        ("[types.email]\nenabled = false\n", 1, "types.email_sha256.hash_of", "enabled = false", ""),
        ('[types.email]\nproperty = "mail"\n', 2, "types.email.property", "references and groups", ""),
        ('[types.Card]\nkind = "person"\n', 1, "types.Card", "small letters", ""),
        ('[shared]\ndevices = ["kiosk"]\n', 2, "shared.devices", "type:value", ""),
        ('[shared]\ndevices = ["anonymus_id:k"]\n', 2, "shared.devices", "type:value", "anonymous_id"),
        ('[identity]\nblocked = ["**"]\n', 2, "identity.blocked", "block every identifier", ""),
        (
            '[identity]\nperson = ["user_id"]\n[types.user_id]\nunique = true\n',
            2,
            "identity.person",
            'remove the lists: a type of the list `person` becomes [types.<name>] kind = "person"',
            "",
        ),
    ],
)
def test_a_mistake_says_where_and_what_to_do(
    text: str, line: int | None, key: str, message: str, suggestion: str
) -> None:
    found = mistakes(text)
    assert len(found) == 1, found
    assert (found[0].file, found[0].line, found[0].key) == ("identity.toml", line, key)
    assert message in found[0].message
    assert found[0].suggestion == suggestion


def test_what_a_table_does_not_say_stays_as_built_in() -> None:
    found = identity(
        '[types.email]\nlimit = 2\n[types.member]\nkind = "person"\npriority = 5\ntitle = { de = "Mitglied" }\n'
    )
    assert found.person == ("member", "user_id", "loyalty_card", "email", "email_sha256", "phone")
    assert found.limits == {"user_id": 1, "loyalty_card": 5, "email": 2, "phone": 5}
    assert found.by_id["email"].normalise == ("email",)
    assert found.by_id["member"].title == (("de", "Mitglied"),)
    assert hash(found) == hash(
        identity(
            '[types.email]\nlimit = 2\n[types.member]\nkind = "person"\npriority = 5\ntitle = { de = "Mitglied" }\n'
        )
    )


def test_a_type_can_be_left_out() -> None:
    found = identity("[types.email]\nenabled = false\n[types.email_sha256]\nenabled = false\n")
    assert "email" not in found.by_id
    assert found.hashes == {}


def test_the_short_form_has_exactly_its_types() -> None:
    found = identity(
        '[identity]\nperson = ["card", "user_id"]\ndevice = ["cookie"]\nunique = ["card"]\nmax_component = 9\n'
    )
    assert (found.person, found.device, found.reference) == (("card", "user_id"), ("cookie",), ())
    assert (found.limits, found.max_component) == ({"card": 1}, 9)


def test_shared_devices_are_named_by_their_source_or_listed() -> None:
    source = f'[sources.kiosk]\nkind = "server"\nkey_sha256 = "{"0" * 64}"\nshared = true\n'
    found = identity('[shared]\ndevices = ["anonymous_id:till"]\n', source)
    assert (found.shared_sources, found.shared_devices) == (("kiosk",), ("anonymous_id:till",))
