"""Which records mean the same person: probabilistic linking of particulars in DuckDB (decision record 8)."""

from regulars.analyst.linking.evidence import Households, Pair, Verdict, verdict
from regulars.analyst.linking.finding import LinkingError, Progress, find
from regulars.analyst.linking.households import households

__all__ = ["Households", "LinkingError", "Pair", "Progress", "Verdict", "find", "households", "verdict"]
