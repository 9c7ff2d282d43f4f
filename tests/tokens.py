"""Tokens as a shop's backend signs them, for tests."""

from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, derive_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

#: Of the shop, of a shop that signs otherwise, and of somebody who is neither.
ED, FOREIGN = Ed25519PrivateKey.from_private_bytes(b"s" * 32), Ed25519PrivateKey.from_private_bytes(b"f" * 32)
ES = derive_private_key(12_345, SECP256R1())


def pem(key: Any) -> str:
    """The public half, as it stands in sources.toml."""
    public: bytes = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return public.decode()


def signed(
    device: str | None, *, at: int, key: Any = ED, algorithm: str = "EdDSA", kid: str = "k1", **claims: Any
) -> str:
    """A token for a browser, signed at an instant (ms) for ten minutes; a claim of None is left out."""
    whole = {"aud": "web", "dev": device, "iat": at // 1000, "exp": at // 1000 + 600, **claims}
    return jwt.encode({k: v for k, v in whole.items() if v is not None}, key, algorithm, headers={"kid": kid})
