"""Confirmation links: what was signed is read, and nothing else."""

import base64

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regulars.core.errors import Rejected
from regulars.runtime.confirmations import CONSENT, LONGEST, Confirmation, InvalidLink, LinkSigner, new_id

SIGNER = LinkSigner(b"s" * 32)
LINK = Confirmation(
    action=CONSENT, identifier="email:ana@example.org", id="x", asked_at=5, expires=100, by="shop",
    purposes=("newsletter",), text_version="2024-1", language="de",
)  # fmt: skip


def test_a_link_is_read_as_it_was_signed_until_it_expires() -> None:
    token = SIGNER.sign(LINK)
    assert SIGNER.read(token, now=99) == LINK
    with pytest.raises(InvalidLink) as expired:
        SIGNER.read(token, now=100)
    assert expired.value.reason == "expired"


def test_the_link_of_another_installation_is_broken() -> None:
    with pytest.raises(InvalidLink) as broken:
        LinkSigner(b"t" * 32).read(SIGNER.sign(LINK), now=0)
    assert broken.value.reason == "broken"


def test_another_content_under_the_same_signature_is_broken() -> None:
    other = msgspec.structs.replace(LINK, identifier="email:eve@example.org")
    body = base64.urlsafe_b64encode(msgspec.msgpack.encode(other)).rstrip(b"=").decode()
    with pytest.raises(InvalidLink, match="not made by this shop"):
        SIGNER.read(f"{body}.{SIGNER.sign(LINK).partition('.')[2]}", now=0)


@given(st.data())
def test_a_token_with_one_character_changed_is_broken(data: st.DataObject) -> None:
    token = SIGNER.sign(LINK)
    at = data.draw(st.integers(0, len(token) - 1))
    sign = data.draw(st.characters(exclude_characters=token[at]))
    # The last character of a text in base64 holds bits that nothing reads: still another text, and so another link.
    with pytest.raises(InvalidLink):
        SIGNER.read(token[:at] + sign + token[at + 1 :], now=0)


@given(st.text(max_size=50) | st.just("A" * (LONGEST + 1)) | st.just("."))
def test_any_text_is_no_link(text: str) -> None:
    with pytest.raises(InvalidLink):
        SIGNER.read(text, now=0)


def test_ids_of_links_differ() -> None:
    assert len({new_id() for _ in range(1000)}) == 1000


def test_no_link_is_signed_that_could_not_be_read() -> None:
    many = tuple(f"purpose_of_some_length_{number}" for number in range(80))
    link = Confirmation(
        action=CONSENT, identifier="email:a@b.de", id="1", asked_at=0, expires=10, by="shop", purposes=many
    )
    with pytest.raises(Rejected, match="name fewer purposes"):
        LinkSigner(bytes(32)).sign(link)
