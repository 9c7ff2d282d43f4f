"""The public keys of sources.toml that verify logins: each can be read, fits its algorithm, and is no private key."""

import base64
import binascii
import re
from datetime import datetime

from regulars.core.definitions import Source, TokenKey
from regulars.shop.draft import Draft

_ID = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_KINDS = {"EdDSA": "Ed25519", "ES256": "P-256"}


def check_token_keys(draft: Draft, source: Source) -> None:
    """Report what is wrong with a source's keys."""
    if source.token_keys and source.kind != "browser":
        draft.report("sources", source.id, "token_keys", "is of browser sources; a server key needs no token")
        return
    seen: set[str] = set()
    for key in source.token_keys:
        for message in _mistakes(key, seen):
            draft.report("sources", source.id, "token_keys", f"key {key.id!r}: {message}")
        seen.add(key.id)


def _mistakes(key: TokenKey, seen: set[str]) -> list[str]:
    found = []
    if not _ID.fullmatch(key.id):
        found.append("the id must be at most 64 letters, digits, _ - and ., as the token's `kid` names it")
    if key.id in seen:
        found.append("another key has the same id")
    if key.until:
        try:
            datetime.fromisoformat(key.until)
        except ValueError:
            found.append(f"until: expected a time as 2026-11-30T12:00:00Z or a date, got {key.until!r}")
    if "PRIVATE" in key.public_key:
        found.append("this is a PRIVATE key: whoever reads it can log in as anybody. Make a new pair, keep it secret")
    elif _kind_of(key.public_key) != _KINDS[key.algorithm]:
        found.append(
            f"{key.algorithm} needs a public key of {_KINDS[key.algorithm]} in PEM, as `openssl pkey` prints it"
        )
    return found


def _kind_of(text: str) -> str:
    """The curve of a key as `_KINDS` names it; empty for anything else."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    lines = [line.strip() for line in text.splitlines() if not line.startswith("-----")]
    try:
        key = load_der_public_key(base64.b64decode("".join(lines), validate=True))
    except (ValueError, binascii.Error, UnsupportedAlgorithm):
        return ""
    if isinstance(key, Ed25519PublicKey):
        return "Ed25519"
    return "P-256" if isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP256R1) else ""
