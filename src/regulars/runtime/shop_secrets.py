"""The secrets of shops that registered by themselves. None is stored: each is made of the installation's own secret.

The state holds a number used once for each registration; with the installation's secret, which stands in a file of its
own that only the server reads, it gives the shop's (HMAC-SHA256). A copy of state or log alone opens nothing.
"""

import hmac
from typing import cast

from regulars.core.state import SHOP_APP, StateReader
from regulars.runtime.folder import DataFolder

#: What was under way when a secret was changed is still signed with the one before; ms.
IN_FLIGHT_MS = 60_000


class ShopSecrets:
    """The secrets of the shops that one source hears."""

    def __init__(self, folder: DataFolder, source: str) -> None:
        self._key = hmac.digest(folder.secret(), b"regulars secret of a shop", "sha256")
        self._source = source

    def secret(self, shop: str, nonce: str) -> str:
        """Of one registration, 64 hex digits."""
        said = f"{self._source}\0{shop}\0{nonce}"
        return hmac.digest(self._key, said.encode(), "sha256").hex()

    def holding(self, state: StateReader, shop: str, *, now: int) -> list[bytes]:
        """With which a shop may sign now (ms); none for a shop that never confirmed or has left."""
        row = state.get(SHOP_APP, (self._source, shop))
        if row is None or not row[3]:
            return []
        nonces = [cast(str, row[3])]
        if row[6] and now - cast(int, row[7]) < IN_FLIGHT_MS:
            nonces.append(cast(str, row[6]))
        return [self.secret(shop, nonce).encode() for nonce in nonces]

    def pending(self, state: StateReader, shop: str) -> tuple[str, bytes] | None:
        """Number and secret of a registration that waits to be confirmed."""
        row = state.get(SHOP_APP, (self._source, shop))
        if row is None or not row[4]:
            return None
        return str(row[4]), self.secret(shop, str(row[4])).encode()
