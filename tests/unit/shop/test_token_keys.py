"""The keys in sources.toml that verify logins."""

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from regulars.core.definitions import TokenKey
from regulars.shop.load import build
from tests.tokens import ED, ES, pem

SHOP = b'[shop]\nname = "Corner"\n'
PRIVATE = ED.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def mistakes(keys: str, kind: str = 'kind = "browser"\nwrite_key = "wk_longer"') -> list[str]:
    found = build({"shop.toml": SHOP, "sources.toml": f"[sources.web]\n{kind}\n{keys}".encode()})[1]
    assert all(one.key.startswith("sources.web.token_keys") for one in found)
    return [one.message for one in found]


def key(public: str, **more: str) -> str:
    fields = {"id": "k1", **more}
    return "[[sources.web.token_keys]]\n" + "".join(
        f'{name} = """\n{value}"""\n' if "\n" in value else f'{name} = "{value}"\n'
        for name, value in {**fields, "public_key": public}.items()
    )


def test_keys_of_both_algorithms_are_read_with_and_without_their_armour() -> None:
    bare = "".join(pem(ED).splitlines()[1:-1])
    text = key(pem(ED)) + key(pem(ES), id="k2", algorithm="ES256") + key(bare, id="k3", until="2026-11-30T12:00:00Z")
    assert mistakes(text) == []
    definitions, _ = build(
        {
            "shop.toml": SHOP,
            "sources.toml": f'[sources.web]\nkind = "browser"\nwrite_key = "wk_longer"\n{text}'.encode(),
        }
    )
    assert definitions is not None
    assert definitions.sources[0].token_keys[2] == TokenKey(id="k3", public_key=bare, until="2026-11-30T12:00:00Z")


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        (key(PRIVATE), "this is a PRIVATE key"),
        (key(pem(ES)), "EdDSA needs a public key of Ed25519"),
        (key(pem(ED), algorithm="ES256"), "ES256 needs a public key of P-256"),
        (key("nonsense"), "EdDSA needs a public key"),
        (key("QUJD"), "EdDSA needs a public key"),
        (key(pem(ED)) + key(pem(ED)), "another key has the same id"),
        (key(pem(ED), id="a b"), "the id must be"),
        (key(pem(ED), until="tomorrow"), "expected a time"),
        (key(pem(ED), algorithm="HS256"), "HS256"),
    ],
    ids=["private", "curve", "algorithm", "text", "short", "twice", "id", "until", "symmetric"],
)
def test_a_key_that_cannot_be_used_is_named_with_what_to_do(keys: str, words: str) -> None:
    found = mistakes(keys)
    assert len(found) == 1
    assert words in found[0]


def test_a_server_has_no_token_keys() -> None:
    assert "is of browser sources" in mistakes(key(pem(ED)), f'kind = "server"\nkey_sha256 = "{"0" * 64}"')[0]
