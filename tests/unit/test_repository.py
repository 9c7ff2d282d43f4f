"""Facts about the repository itself: what is locked, what is tracked, what is shipped, who may load what."""

import hashlib
import re
import subprocess
import sys
import tomllib
import zipfile
from functools import cache
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ("requirements.lock", "requirements-dev.lock")

# Written in parts, so that this file does not contain what it looks for.
MACHINE_PATHS = re.compile(r"(?<![\w./-])/(?:" + "work|root" + r")/[\w.-]")
REGISTRIES = re.compile(
    r"\b(?:"
    + r"|".join(
        (
            "py" + r"pi\.org",
            "python" + r"hosted\.org",
            "npm" + r"js\.(?:org|com)",
            r"deb\." + "debian",
            r"crates\." + "io",
        )
    )
    + ")"
)


@cache
def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def contract(name: str) -> dict[str, Any]:
    return next(one for one in project()["tool"]["importlinter"]["contracts"] if one["id"] == name)


def layers() -> list[set[str]]:
    return [set(re.findall(r"\w+", layer)) for layer in contract("layers")["layers"]]


def git(*arguments: str) -> str:
    return subprocess.run(("git", *arguments), cwd=ROOT, check=True, capture_output=True, text=True).stdout


def tracked(folder: str = ".") -> list[Path]:
    names = git("ls-files", "-z", "--", folder).split("\0")
    return [path for name in names if name and (path := ROOT / name).is_file()]


def locked(lock: str) -> dict[str, str]:
    """Read a lock as name and version, the hashes of each entry being there."""
    text = (ROOT / lock).read_text(encoding="utf-8")
    entries = re.findall(
        r"^([\w.-]+)==(\S+)(?: ;[^\\\n]*)? \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", text, re.MULTILINE
    )
    return {name: version for name, version, _ in entries}


def normal(requirement: str) -> str:
    """Reduce a requirement to its normal name (PEP 503)."""
    name = re.split(r"[\[<>=;!~ ]", requirement, maxsplit=1)[0]
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize("lock", LOCKS)
def test_every_line_of_a_lock_is_a_pinned_package_a_hash_or_a_comment(lock: str) -> None:
    text = (ROOT / lock).read_text(encoding="utf-8")
    starts = [line for line in text.splitlines() if line and not line.startswith((" ", "#"))]
    assert len(starts) == len(locked(lock)) > 40
    assert "://" not in text
    assert not [line for line in text.splitlines() if line.startswith("-")]


def test_the_demo_runs_on_the_versions_that_are_tested() -> None:
    assert locked("requirements.lock").items() <= locked("requirements-dev.lock").items()


def test_the_locks_hold_what_the_project_asks_for() -> None:
    needed = project()["project"]["dependencies"] + project()["project"]["optional-dependencies"]["demo"]
    groups = project()["dependency-groups"]
    assert {normal(one) for one in needed + groups["build"]} <= locked("requirements.lock").keys()
    assert {normal(one) for one in groups["dev"] if isinstance(one, str)} <= locked("requirements-dev.lock").keys()


def test_no_tracked_file_names_a_path_of_a_machine_or_a_registry() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}: {match.group()}"
        for path in tracked()
        for number, line in enumerate(path.read_bytes().decode("utf-8", "replace").splitlines(), 1)
        for pattern in (MACHINE_PATHS, REGISTRIES)
        if (match := pattern.search(line))
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("parts", [("see /wor", "k/main"), ("'/roo", "t/.ssh'"), ("https://py", "pi.org/simple")])
def test_the_search_for_paths_and_registries_finds_them(parts: tuple[str, str]) -> None:
    text = "".join(parts)
    assert MACHINE_PATHS.search(text) or REGISTRIES.search(text)


def test_every_package_says_where_it_belongs() -> None:
    folder = ROOT / "src" / "regulars"
    packages = {path.parent.name for path in folder.glob("*/*.py")} | {path.stem for path in folder.glob("*.py")}
    declared = [name for layer in layers() for name in layer]
    assert packages - {"__init__"} <= set(declared)
    assert len(declared) == len(set(declared))
    assert contract("layers")["exhaustive"] is True


def test_the_contract_on_what_rooms_may_import_holds_for_every_room() -> None:
    rooms = next(layer for layer in layers() if "decide" in layer)
    assert {f"regulars.{room}" for room in rooms} == set(contract("room-dependencies")["sources"])


def test_hot_processes_load_no_analysis_library() -> None:
    hot = contract("hot-processes")
    program = """
import importlib, importlib.util, pkgutil, sys
def load(name):
    module = importlib.import_module(name)
    for _, below, _ in pkgutil.iter_modules(getattr(module, "__path__", ()), f"{name}."):
        if not below.endswith("__main__"):
            load(below)
*sources, forbidden = sys.argv[1:]
for name in sources:
    parent = name.rpartition(".")[0]
    if importlib.util.find_spec(parent) and importlib.util.find_spec(name):
        load(name)
print(*sorted(set(forbidden.split()) & sys.modules.keys()))
"""
    command = [sys.executable, "-c", program, *hot["sources"], " ".join(hot["forbidden"])]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stderr


def test_the_wheel_holds_every_tracked_file_of_the_package(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        shipped = set(archive.namelist())
    assert {path.relative_to(ROOT / "src").as_posix() for path in tracked("src/regulars")} <= shipped
    assert any(name.endswith("licenses/LICENSE") for name in shipped)


def test_the_licence_is_the_unchanged_apache_licence() -> None:
    # The digest of LICENSE-2.0.txt as the Apache Software Foundation publishes it.
    digest = "cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30"
    assert hashlib.sha256((ROOT / "LICENSE").read_bytes()).hexdigest() == digest


def test_an_allowed_skip_stands_below_its_reason() -> None:
    above = "#"
    for line in (ROOT / ".ci" / "allowed-skips.txt").read_text(encoding="utf-8").splitlines():
        assert not line or line.startswith("#") or above.startswith("#"), f"no comment above {line!r}"
        above = line


def test_no_type_checking_is_switched_off_for_a_module() -> None:
    assert "overrides" not in project()["tool"]["mypy"]
    assert project()["tool"]["mypy"]["strict"] is True
