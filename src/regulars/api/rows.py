"""Rows of files over HTTP: what `regulars import` could not read, and rows that somebody sends as they are."""

from regulars.api.hot import Request, Route
from regulars.api.keys import Keys
from regulars.api.metrics import Metrics
from regulars.api.vendors import VendorDoor
from regulars.core.definitions import Source
from regulars.core.log import ROWS
from regulars.runtime import Services


def routes(services: Services, metrics: Metrics) -> dict[str, Route]:
    """`/v1/import/rows`."""
    return {"/v1/import/rows": RowsDoor(services, Keys(services.definitions.sources), metrics)}


class RowsDoor(VendorDoor):
    """Rows with the kind of their file; each is read as `regulars import` reads it."""

    form = ROWS

    def known(self, request: Request, key: str) -> Source:
        """As for whole histories: from servers only."""
        source = super().known(request, key)
        if source.kind != "server":
            raise self.forbidden(source, "a server key")
        return source
