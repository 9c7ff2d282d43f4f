"""What the Makefile does unasked: the environment is made anew when a lock changed, and only where it is ours."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

MAKEFILE = Path(__file__).parents[2] / "Makefile"
LOCKS = ("requirements.lock", "requirements-dev.lock", "requirements-data.lock", "pyproject.toml")

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


def would_do(folder: Path, environment: Path) -> str:
    """What `make fast` would run with an environment that is older than its locks."""
    (environment / "bin").mkdir(parents=True)
    for name in ("bin/python", ".installed", ".developing"):
        (environment / name).touch()
        os.utime(environment / name, (1, 1))
    for name in LOCKS:
        (folder / name).write_text("one==1\n")
    if environment != folder / ".venv":
        (folder / ".venv").symlink_to(environment)
    command = ["make", "--dry-run", "--file", str(MAKEFILE), "fast"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True, timeout=30).stdout


def test_a_changed_lock_is_installed(tmp_path: Path) -> None:
    said = would_do(tmp_path, tmp_path / ".venv")
    assert "--editable" in said
    assert "pytest" in said


def test_an_environment_that_lies_elsewhere_is_never_pointed_here(tmp_path: Path) -> None:
    """A second checkout shares the first one's; installing from here would change it for everybody."""
    folder = tmp_path / "second"
    folder.mkdir()
    said = would_do(folder, tmp_path / "first" / ".venv")
    assert "pip" not in said
    assert "pytest" in said
