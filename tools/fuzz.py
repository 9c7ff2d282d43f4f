"""Fuzz what reads strangers' bytes, led by coverage.

`tools/fuzz.py [TARGET …] [--seconds N] [--list]` needs atheris, which has wheels for Linux alone, and is not locked:
`.venv/bin/pip install "atheris>=3"`. What is found lies in `--corpus`; a crash ends with the bytes in a file and its
traceback. The same targets run in `make test` without it (tests/property/test_fuzz_targets.py).
"""

import argparse
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def main() -> int:
    """Each target in a process of its own, for libFuzzer never returns."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("targets", nargs="*", help="by default all")
    parser.add_argument("--seconds", type=int, default=60, help="of each target")
    parser.add_argument("--corpus", type=Path, default=Path("/tmp/regulars-fuzz"), help="where inputs are kept")  # noqa: S108
    parser.add_argument("--list", action="store_true", help="name the targets and end")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if find_spec("atheris") is None and not chosen.list:
        print(
            'This needs atheris: .venv/bin/pip install "atheris>=3" (Linux). Without it, tests/property/'
            "test_fuzz_targets.py runs the same targets with hypothesis.",
            file=sys.stderr,
        )
        return 2
    if chosen.inside:
        return fuzz(chosen.targets[0], chosen.seconds, chosen.corpus)
    sys.path.insert(0, str(ROOT))
    from tests.fuzz.targets import TARGETS, seeds

    unknown = set(chosen.targets) - set(TARGETS)
    if chosen.list or unknown:
        print("\n".join(TARGETS))
        return 2 if unknown else 0
    failed = []
    for name in chosen.targets or TARGETS:
        corpus = chosen.corpus / name
        corpus.mkdir(parents=True, exist_ok=True)
        for number, seed in enumerate(seeds(name)):
            (corpus / f"seed-{number}").write_bytes(seed)
        print(f"{name}: {chosen.seconds} s", flush=True)
        command = [sys.executable, __file__, name, "--inside", "--seconds", str(chosen.seconds)]
        if subprocess.run([*command, "--corpus", str(corpus)], check=False).returncode:
            failed.append(name)
    print(f"failed: {', '.join(failed)}" if failed else "nothing was found")
    return 1 if failed else 0


def fuzz(name: str, seconds: int, corpus: Path) -> int:
    """One target, here."""
    import atheris

    sys.path.insert(0, str(ROOT))
    with atheris.instrument_imports(include=["regulars"]):
        from tests.fuzz.targets import TARGETS
    options = [f"-max_total_time={seconds}", "-max_len=20000", "-timeout=10", "-rss_limit_mb=2000", "-verbosity=0"]
    atheris.Setup([name, *options, f"-artifact_prefix={corpus.parent}/{name}-", str(corpus)], TARGETS[name])
    atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main())
