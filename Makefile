# Two commands for people: `make app` and `make test`.
SHELL := /bin/bash
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
HOST ?= 127.0.0.1
PORT ?= 7860

.PHONY: app test lint format docs bench licences setup setup-dev clean

app: setup
	$(BIN)/python app.py --host $(HOST) --port $(PORT)

test: setup-dev lint  # tests/project/test_docs.py builds the documentation, strictly
	$(BIN)/python -m pytest -n 2 --dist loadgroup --no-loadscope-reorder

lint: setup-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

format: setup-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: setup-dev
	$(BIN)/mkdocs build --strict --site-dir site

bench: setup-dev
	$(BIN)/python -m benchmarks

licences: setup
	$(BIN)/python -m scripts.licences

setup: $(VENV)/.product
setup-dev: $(VENV)/.development

$(VENV)/.product: requirements.txt packages.txt pyproject.toml
	bash scripts/system_packages.sh packages.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and f"Python 3.11 or later is needed; {sys.executable} is {sys.version.split()[0]}. Run: make PYTHON=/path/to/python3.11")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check -q pip==26.3  # those before 26.2 have known faults (CVE-2026-6357 and others)
	$(BIN)/python -m pip install --disable-pip-version-check -q -r requirements.txt
	$(BIN)/python -m pip install --disable-pip-version-check -q --no-deps -e .
	touch $@

$(VENV)/.development: $(VENV)/.product requirements-dev.txt packages-dev.txt
	bash scripts/system_packages.sh packages-dev.txt
	$(BIN)/python -m pip install --disable-pip-version-check -q -r requirements-dev.txt
	touch $@

clean:
	rm -rf $(VENV) .pytest_cache .ruff_cache .hypothesis site dist
