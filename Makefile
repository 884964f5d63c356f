# The few verbs of weir. Each makes .venv first if it is missing or stale; paths are relative, so a space in ours does no harm.

PYTHON ?= python3
RUN := .venv/bin/python

.DEFAULT_GOAL := help

.venv/made: requirements.lock requirements-uv.lock pyproject.toml tools/venv.py
	@echo "weir: bringing .venv to the locks"
	@"$(PYTHON)" tools/venv.py
