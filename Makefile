# The few verbs of weir. Each makes .venv first where it is missing or stale, so a Python and make are all there need be.
# Every path here is relative, and tools are started as modules: a space in the path of the tree does no harm.

PYTHON ?= python3
RUN := .venv/bin/python
SEEDS ?= 1..10
TREE := libs services tests tools
export BUF_CACHE_DIR := .venv/buf
LINT_IMPORTS := from importlinter.cli import lint_imports_command as run; run(["--no-logo"])

# A .venv that was copied, moved or orphaned by a change of Python is as good as none.
ifneq ($(shell cat .venv/made 2>&1 && $(RUN) -c "" 2>&1 || echo broken),$(shell pwd -P)/.venv)
.PHONY: .venv/made
endif

.DEFAULT_GOAL := help
.PHONY: help demo test check check-style check-types check-protos check-imports check-stubs fmt stubs simulate bench
.PHONY: test-peers lock clean

help: ## Show the verbs.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

demo: .venv/made ## Run the suite with a sample merchant, and show what it can do.
	@$(RUN) -m weir_cli demo

test: .venv/made ## Run every test; `make test ARGS="tests/unit -k lot"` runs some.
	@$(RUN) -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile $(ARGS)

test-peers: .venv/made ## Run the tests against a real shop and a real ERP, which it installs into .peers the first time.
	@$(RUN) -m tools.peers
	@$(RUN) -m pytest tests/peers $(ARGS)

check: check-style check-types check-protos check-imports check-stubs ## Hold the tree to its rules: style, types, protos, imports, stubs.

check-style: .venv/made
	@$(RUN) -m ruff check $(TREE)
	@$(RUN) -m ruff format --check $(TREE)

check-types: .venv/made
	@$(RUN) -m mypy

check-protos: .venv/made
	@.venv/bin/buf lint
	@.venv/bin/buf format --diff --exit-code
	@$(RUN) tools/breaking.py

check-imports: .venv/made
	@$(RUN) -c '$(LINT_IMPORTS)'

check-stubs: .venv/made
	@$(RUN) tools/stubs.py --check

fmt: .venv/made ## Format Python and protos, and mend what ruff can mend.
	@$(RUN) -m ruff check --fix $(TREE)
	@$(RUN) -m ruff format $(TREE)
	@.venv/bin/buf format --write

stubs: .venv/made ## Generate libs/weir from protos.
	@$(RUN) tools/stubs.py

simulate: .venv/made ## Race and kill ledgers, and judge what they answered; `make simulate SEEDS=1..300` plays many.
	@$(RUN) -m tests.simulation $(SEEDS) $(ARGS)

bench: .venv/made ## Measure, as ratios taken in one run.
	@$(RUN) -m tests.bench $(ARGS)

lock: .venv/made ## Resolve the dependencies anew; `make lock ARGS=--upgrade` takes newer ones.
	@$(RUN) tools/lock.py $(ARGS)

clean: ## Remove .venv and every cache, and nothing else.
	@rm -rf .venv .peers .hypothesis .simulation .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	@rm -rf *.egg-info libs/*.egg-info
	@find libs services tests tools -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/made: requirements.lock requirements-uv.lock pyproject.toml tools/venv.py
	@"$(PYTHON)" tools/venv.py
