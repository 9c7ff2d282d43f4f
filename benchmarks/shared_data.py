"""Where public data sets lie that are measured with and not shipped: beside the checkout, or where a variable says."""

import os
from pathlib import Path

VARIABLE = "REGULARS_SHARED_DATA"


def shared_data(folder: str) -> Path | None:
    """The folder of a data set; None where it is not at hand."""
    root = Path(__file__).resolve().parents[1]
    named = os.environ.get(VARIABLE)
    for place in [Path(named)] if named else [root.parent / "shared" / "data"]:
        if (place / folder).is_dir():
            return place / folder
    return None
