"""Takes people out of the session models on disk: whoever was erased, or withdrew the consent to be learned from.

Serving passes over them from the moment that the updater has folded it, by the marks that it wrote; here the arrays of
every version that is kept are written anew without their visits, and then the marks go, too.
"""

from collections.abc import Callable
from typing import cast

from regulars.analyst.client import AnalystClient
from regulars.core.state import UNLEARNED, Changes, StateReader
from regulars.flow.visits import unlearned

#: What the child runs.
ENTRY = "regulars.analyst.training:unlearn"


class Unlearning:
    """Works on the models of a data folder."""

    def __init__(
        self, state: StateReader, analyst: AnalystClient, *, commit: Callable[[Callable[[], Changes]], None]
    ) -> None:
        self._state = state
        self._analyst = analyst
        self._commit = commit

    def work(self) -> int:
        """Carry out what waits; how many visits went. A training that runs leaves them out when it is through."""
        marks = [(cast(int, row[0]), cast(int, row[1])) for row in self._state.select(UNLEARNED)]
        if not marks:
            return 0
        gone = self._analyst.run(ENTRY, {"owners": [owner for owner, _ in marks]}, int)
        self._commit(lambda: unlearned(self._state, marks))
        return gone
