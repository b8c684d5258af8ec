# Two commands for people: `make app` and `make test`.
SHELL := /bin/bash
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
HOST ?= 127.0.0.1
PORT ?= 7860

.PHONY: app test lint setup setup-dev bench licences format clean

app: setup
	$(BIN)/python app.py --host $(HOST) --port $(PORT)

test: setup-dev lint
	$(BIN)/python -m pytest

lint: setup-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

format: setup-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: setup-dev
	$(BIN)/python -m benchmarks

licences: setup
	$(BIN)/python -m scripts.licences

setup: $(VENV)/.product
setup-dev: $(VENV)/.development

$(VENV)/.product: requirements.txt packages.txt
	bash scripts/system_packages.sh packages.txt
	$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(v != (3, 11) and f"Python 3.11 is needed, {sys.executable} is %d.%d: make PYTHON=/path/to/python3.11" % v)'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check -q pip==26.3  # those before 26.2 have known faults (CVE-2026-6357 and others)
	$(BIN)/python -m pip install --disable-pip-version-check -q -r requirements.txt
	$(BIN)/python -c 'import os, site; open(site.getsitepackages()[0] + "/cuts3d.pth", "w").write(os.getcwd() + "\n")'  # from any folder
	touch $@

$(VENV)/.development: $(VENV)/.product requirements-dev.txt packages-dev.txt
	bash scripts/system_packages.sh packages-dev.txt
	$(BIN)/python -m pip install --disable-pip-version-check -q -r requirements-dev.txt
	touch $@

clean:
	rm -rf $(VENV) .pytest_cache .ruff_cache .hypothesis
