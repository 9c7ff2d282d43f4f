"""Files of bands and watches."""

from datetime import UTC, datetime
from io import BytesIO

import pytest

from regulars.core.errors import Rejected
from regulars.importing.tracks import fit
from tests.fit_files import fit_file


def test_a_fit_file_whose_checksum_is_wrong_is_refused() -> None:
    """What a damaged file says of somebody's running is not believed, and no warning of a library meets the user."""
    whole = fit_file(start=datetime(2026, 3, 1, tzinfo=UTC), seconds=1800, metres=5000)
    assert [row["distance_m"] for row in fit(BytesIO(whole), "run.fit")] == [5000]
    with pytest.raises(Rejected, match="expected a whole FIT file"):
        list(fit(BytesIO(whole[:-2] + b"\x00\x01"), "run.fit"))
