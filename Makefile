# Regulars: what a person types. `make` alone lists the commands.
#
# PYTHON=python3.12 chooses the interpreter, ARGS=... is handed to the program that a command starts.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3
ARGS ?=
VENV := .venv
BIN := $(VENV)/bin
FAST := not acceptance and not browser and not kill and not slow
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input

.PHONY: help demo test check lint types imports fast bench docs lock clean

help: ## list the commands
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 16

demo: $(VENV)/.installed ## see Regulars know 2,469 households; ARGS=--fresh begins anew, ARGS=--live replays four weeks
	@$(BIN)/regulars demo $(ARGS)

test: $(VENV)/.developing ## run every test
	@$(BIN)/python -m pytest $(ARGS)

check: lint types imports fast ## format, lint, types, import contract, fast tests: one to two minutes

lint: $(VENV)/.developing
	@echo "==> format and lint"
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .

types: $(VENV)/.developing
	@echo "==> types"
	@$(BIN)/mypy $(wildcard src tests tools benchmarks)

imports: $(VENV)/.developing
	@echo "==> import contract"
	@$(BIN)/lint-imports --no-logo

# Property tests with a tenth of their examples; `make test` has all of them.
fast: $(VENV)/.developing
	@echo "==> fast tests"
	@$(BIN)/python -m pytest -n 2 -q --quick -m "$(FAST)" $(ARGS)

bench: $(VENV)/.developing ## measure, and write benchmarks/RESULTS.md; ARGS=--quick for a short run
	@$(BIN)/python benchmarks/run.py $(ARGS)

docs: $(VENV)/.developing ## build the documentation into site/
	@$(BIN)/mkdocs build --strict --quiet --site-dir site
	@echo "==> open site/index.html"

lock: $(VENV)/.developing ## lock the dependencies again; ARGS=--upgrade takes newer versions
	@tools/lock.sh $(ARGS)

clean: ## remove what was built, the environment included; data folders stay
	@rm -rf $(VENV) site build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find src tests tools benchmarks -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

# The environment is made once and again when a lock changes. Packages come as wheels with the hash that the lock
# names, so no compiler is needed and nothing else can slip in.
define install
	@count=$$(grep -cE '^[A-Za-z0-9._-]+==' $(1)); began=$$SECONDS; \
	echo "==> installing $$count packages from $(1); the first time this downloads them"; \
	$(PIP) install -qq --require-hashes --only-binary :all: $(2) -r $(1) \
	  || { echo "make: installing from $(1) failed; the lines above say which package. Is the network there?" >&2; exit 1; }; \
	echo "==> installed in $$((SECONDS - began)) s"
endef

$(VENV)/bin/python:
	@command -v "$(PYTHON)" >/dev/null \
	  || { echo "make: no $(PYTHON) on the PATH; Regulars needs Python 3.11 or newer: make $(or $(MAKECMDGOALS),demo) PYTHON=python3.12" >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "make: $(PYTHON) is $$("$(PYTHON)" -V 2>&1); Regulars needs 3.11 or newer. Name one: make $(or $(MAKECMDGOALS),demo) PYTHON=python3.12" >&2; exit 1; }
	@"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null \
	  || { echo "make: $(PYTHON) cannot make an environment; on Debian and Ubuntu install the package python3-venv" >&2; exit 1; }
	@echo "==> making $(VENV) with $$("$(PYTHON)" -V 2>&1)"
	@"$(PYTHON)" -m venv $(VENV)

# A second checkout may share an environment by a symbolic link. Installing from there would point it at that checkout, and
# for everybody; PYTHONPATH=src reads the code that lies here.
ifneq ($(shell test -L $(VENV) && echo linked),)
export PYTHONPATH := $(CURDIR)/src$(if $(PYTHONPATH),:$(PYTHONPATH))
$(VENV)/.installed $(VENV)/.developing:
	@echo "make: $(VENV) is a link to $$(readlink -f $(VENV)), which was never installed: run make there" >&2; exit 1
else
$(VENV)/.installed: requirements.lock pyproject.toml | $(VENV)/bin/python
	$(call install,requirements.lock)
	@$(PIP) install -qq --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.developing: requirements-dev.lock requirements-data.lock $(VENV)/.installed
	$(call install,requirements-dev.lock)
	$(call install,requirements-data.lock,--no-deps)
	@touch $@
endif
