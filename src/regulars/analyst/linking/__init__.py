"""Which records mean the same person: probabilistic linking of particulars in DuckDB (decision record 5)."""

from regulars.analyst.linking.evidence import Pair, Verdict, verdict
from regulars.analyst.linking.finding import LinkingError, Progress, find

__all__ = ["LinkingError", "Pair", "Progress", "Verdict", "find", "verdict"]
