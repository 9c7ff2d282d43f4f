"""Lock npm's packages of the tests again: `npm install` where they stand, then a lock that names no host.

Optional parts that npm could not find are left out, or `npm ci` would ask for them.
"""

import json
import subprocess
from pathlib import Path
from typing import Any

TESTS = Path(__file__).resolve().parents[1] / "tests"
#: The vendors' clients; what checks the types of the browser SDK.
FOLDERS = (TESTS / "clients", TESTS / "browser")


def main() -> None:
    """Write package-lock.json in each of the folders."""
    command = ["npm", "install", "--package-lock-only", "--ignore-scripts", "--no-audit", "--no-fund"]
    for folder in FOLDERS:
        subprocess.run(command, cwd=folder, check=True)
        path = folder / "package-lock.json"
        lock = hostless(json.loads(path.read_text(encoding="utf-8")))
        path.write_text(json.dumps(lock, indent=2) + "\n", encoding="utf-8")


def hostless(lock: dict[str, Any]) -> dict[str, Any]:
    """The lock without addresses; versions and hashes stay.

    >>> hostless({"packages": {"": {}, "node_modules/a": {"resolved": "x", "optionalDependencies": {"b": "1"}}}})
    {'packages': {'': {}, 'node_modules/a': {}}}
    """
    names = {path.rpartition("node_modules/")[2] for path in lock["packages"]}
    for package in lock["packages"].values():
        package.pop("resolved", None)
        package.pop("funding", None)
        wanted = package.pop("optionalDependencies", {})
        if found := {name: version for name, version in wanted.items() if name in names}:
            package["optionalDependencies"] = found
    return lock


if __name__ == "__main__":
    main()
