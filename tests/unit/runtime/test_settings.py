"""Flags win over the environment, the environment over defaults."""

from pathlib import Path

import pytest

from regulars.core.errors import Rejected
from regulars.runtime.settings import from_argument, settings, to_argument


def test_the_data_folder_lies_in_the_shop_unless_told_otherwise(tmp_path: Path) -> None:
    assert settings(tmp_path, environ={}).data == tmp_path / "data"
    assert settings(tmp_path, environ={"REGULARS_DATA": "/srv/data"}).data == Path("/srv/data")
    assert settings(tmp_path, environ={"REGULARS_DATA": "/srv/data"}, data=tmp_path / "mine").data == tmp_path / "mine"


def test_a_flag_wins_over_the_environment(tmp_path: Path) -> None:
    environment = {"REGULARS_PORT": "9000", "REGULARS_SEAL_SECONDS": "1.5", "REGULARS_LOG_MAX_BYTES": "1000"}
    found = settings(tmp_path, environ=environment, port=9001, host=None)
    assert (found.port, found.host, found.seal_seconds, found.log_max_bytes) == (9001, "127.0.0.1", 1.5, 1000)


@pytest.mark.parametrize(
    ("name", "value"), [("PORT", "many"), ("PORT", "0"), ("PORT", "70000"), ("LOG_HOURS", "-1"), ("SEAL_SECONDS", "")]
)
def test_a_value_that_makes_no_sense_is_rejected(tmp_path: Path, name: str, value: str) -> None:
    if value:
        with pytest.raises(Rejected):
            settings(tmp_path, environ={f"REGULARS_{name}": value})
    else:
        assert settings(tmp_path, environ={f"REGULARS_{name}": value}).seal_seconds == 180


def test_children_get_the_same_settings(tmp_path: Path) -> None:
    found = settings(tmp_path, environ={}, port=9002)
    assert from_argument(to_argument(found)) == found


def test_the_address_is_one_that_a_browser_here_can_open(tmp_path: Path) -> None:
    assert settings(tmp_path, environ={}, host="0.0.0.0", port=9003).address == "http://127.0.0.1:9003"  # noqa: S104
