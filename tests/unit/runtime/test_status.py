"""What a process says of itself is read whole or not at all."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regulars.runtime.status import SIZE, StatusFile, read_status


def test_the_last_word_counts(tmp_path: Path) -> None:
    path = tmp_path / "status" / "updater"
    assert read_status(path) == {}
    status = StatusFile(path)
    assert read_status(path) == {}
    status.write({"ready": True, "reason": "x" * 500})
    status.write({"ready": False})
    assert read_status(path) == {"ready": False}
    status.close()
    assert read_status(path) == {"ready": False}


def test_a_status_that_does_not_fit_is_a_defect(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at most"):
        StatusFile(tmp_path / "s").write({"x": "y" * SIZE})


@given(cut=st.integers(0, 60), flip=st.integers(0, 60))
def test_a_torn_write_is_never_taken_for_a_word(tmp_path_factory: pytest.TempPathFactory, cut: int, flip: int) -> None:
    path = tmp_path_factory.mktemp("status") / "s"
    status = StatusFile(path)
    said = {"pid": 12345, "ready": True, "error": "the disk is full"}
    status.write(said)
    content = bytearray(path.read_bytes())
    content[flip] ^= 0x55
    path.write_bytes(bytes(content[: SIZE - cut]))
    assert read_status(path) in ({}, said)
