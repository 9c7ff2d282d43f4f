"""The vendors' own packages for Node and browsers, installed once from their lock into a folder outside the tree."""

import fcntl
import hashlib
import os
import shutil
import subprocess
from pathlib import Path

HERE = Path(__file__).parent
NODE, NPM = shutil.which("node"), shutil.which("npm")
#: The oldest Node that all of them run on.
OLDEST = 20
MISSING = f"node {OLDEST} and npm are not installed: the vendors' clients for Node and browsers were not run"


def usable() -> bool:
    """Whether the clients can be installed and run here."""
    if not (NODE and NPM):
        return False
    told = subprocess.run([NODE, "--version"], capture_output=True, text=True, check=False, timeout=60).stdout
    major = told.strip().lstrip("v").partition(".")[0]
    return major.isdecimal() and int(major) >= OLDEST


def installed(locked: Path = HERE) -> Path:
    """The folder with `node_modules` of what a folder locks; made at the first call, and when the lock changes."""
    lock = (locked / "package-lock.json").read_bytes()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "regulars-clients"
    folder = cache / hashlib.sha256(lock).hexdigest()[:16]
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        if not (folder / "complete").exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            for name in ("package.json", "package-lock.json"):
                shutil.copy(locked / name, folder / name)
            command = [str(NPM), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
            if done.returncode:
                raise RuntimeError(f"npm ci failed:\n{done.stderr[-2000:]}")
            (folder / "complete").touch()
    return folder


def bundled(packages: Path, page: Path, into: Path) -> Path:
    """A page's script with the packages that it imports, as a browser runs it."""
    into.mkdir(parents=True, exist_ok=True)
    out = into / page.name
    command = [str(packages / "node_modules" / ".bin" / "esbuild"), str(page), "--bundle", f"--outfile={out}"]
    options = ["--define:global=globalThis", "--log-level=error"]
    environment = {**os.environ, "NODE_PATH": str(packages / "node_modules")}
    subprocess.run([*command, *options], env=environment, check=True, timeout=60)
    return out
