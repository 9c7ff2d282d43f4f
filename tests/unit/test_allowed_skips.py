"""Facts about the list of allowed skips, on small test runs in processes of their own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).resolve().parents[1] / "conftest.py"
TESTS = """
import pytest

def test_passes() -> None:
    pass

def test_needs_a_browser() -> None:
    pytest.skip("Chromium is not installed")

@pytest.mark.xfail
def test_is_expected_to_fail() -> None:
    assert False
"""


def run(folder: Path, allowed: str, *, tests: str = TESTS, options: tuple[str, ...] = ()) -> tuple[int, str]:
    """Run the tests in a folder with this project's conftest, and return exit code and output."""
    (folder / "conftest.py").write_text(CONFTEST.read_text(encoding="utf-8"), encoding="utf-8")
    (folder / "test_shop.py").write_text(tests, encoding="utf-8")
    (folder / "allowed.txt").write_text(allowed, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", "--allowed-skips=allowed.txt", *options]
    # Plug-ins take longer to load than these tests take to run.
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


def test_a_skip_that_the_list_names_passes(tmp_path: Path) -> None:
    code, output = run(tmp_path, "# no browser on this machine\nChromium .*\n")
    assert code == pytest.ExitCode.OK
    assert "allowed: test_shop.py::test_needs_a_browser: Chromium is not installed" in output


@pytest.mark.parametrize("options", [(), ("-p", "xdist", "-n", "1")])
def test_a_skip_that_the_list_does_not_name_fails_the_run_and_the_closing_line_stays_last(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    code, output = run(tmp_path, "Chromium\n", options=options)
    assert code == pytest.ExitCode.TESTS_FAILED
    assert "NOT ALLOWED: test_shop.py::test_needs_a_browser: Chromium is not installed" in output
    assert output.splitlines()[-1].startswith("1 passed, 1 skipped, 1 xfailed")


def test_a_file_that_skips_itself_counts(tmp_path: Path) -> None:
    tests = "import pytest\npytest.skip('no strace', allow_module_level=True)\n"
    (tmp_path / "test_other.py").write_text("def test_passes() -> None:\n    pass\n", encoding="utf-8")
    assert run(tmp_path, "", tests=tests)[0] == pytest.ExitCode.TESTS_FAILED
    assert run(tmp_path, "no strace", tests=tests)[0] == pytest.ExitCode.OK
