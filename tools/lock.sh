#!/usr/bin/env bash
# Lock every dependency with hashes. Usage: tools/lock.sh [--upgrade]
#
# requirements-dev.lock holds everything; requirements.lock is the part of it that running the product and its demo
# needs, at the same versions. requirements-data.lock holds labelled data that comes as a package, without what its
# programs need. All hold for every platform and for Python 3.11 and later, and name no host.
set -euo pipefail
cd "$(dirname "$0")/.."
uv=${UV:-.venv/bin/uv}
common=(--quiet --universal --fork-strategy fewest --python-version 3.11 --generate-hashes --no-header
        --no-emit-index-url --no-emit-find-links --extra demo --extra linking --extra fast --extra ml
        pyproject.toml)
"$uv" pip compile "${common[@]}" "$@" --group dev --output-file requirements-dev.lock
"$uv" pip compile "${common[@]}" "$@" --group build --constraint requirements-dev.lock --output-file requirements.lock
"$uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url \
        --no-emit-find-links --no-deps --group data --output-file requirements-data.lock
