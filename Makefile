# Needs GNU make and Python 3.10 to 3.13 with pip and venv, nothing else.

PYTHON ?= python3
PORT ?= 3000

VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
DEPENDENCIES := $(VENV)/.dependencies
INSTANCE := .dagster/dagster.yaml
UV_VENV := build/uv
# a file of tests stays in one process, with what its fixtures made
SIDE_BY_SIDE := -n auto --maxprocesses 4 --dist loadfile

# without bytecode, importing dagster and dlt takes three times as long
unexport PYTHONDONTWRITEBYTECODE
export DAGSTER_DISABLE_TELEMETRY := 1
export RUNTIME__DLTHUB_TELEMETRY := false
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help install demo ui test test-slow lint format docs bench requirements clean
.DELETE_ON_ERROR:

help:  ## List the targets
	@sed -n 's/^\([a-z-]*\):.*  ## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | while IFS="$$(printf '\t')" read -r target text; do \
		printf '  make %-13s %s\n' "$$target" "$$text"; done

install: $(INSTALLED)  ## Install everything into .venv, by hash (PYTHON=python3.12 for another Python)
	@echo "$(VENV) is up to date"

demo: $(INSTALLED) $(INSTANCE)  ## Load a week of the sandbox shop into data/warehouse.duckdb
	@DAGSTER_HOME="$(CURDIR)/.dagster" $(BIN)/python -m ecom_assets.orchestration.demo

ui: $(INSTALLED) $(INSTANCE)  ## Open Dagster on http://127.0.0.1:3000 (PORT=… for another port)
	@DAGSTER_HOME="$(CURDIR)/.dagster" VIRTUAL_ENV="$(CURDIR)/$(VENV)" PATH="$(CURDIR)/$(BIN):$$PATH" \
		dg dev --host 127.0.0.1 --port $(PORT)

test: $(INSTALLED)  ## Run the fast tests, with coverage
	$(BIN)/python -m pytest $(SIDE_BY_SIDE) --cov

test-slow: $(INSTALLED)  ## Run the slow tests
	$(BIN)/python -m pytest $(SIDE_BY_SIDE) -m slow

lint: $(INSTALLED)  ## Check style and types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

format: $(INSTALLED)  ## Put the code in shape
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

docs: $(INSTALLED)  ## Write what is drawn from the declaration's models anew: docs/keys.md and the JSON Schema
	$(BIN)/python -m ecom_assets.declaration.keys_page

bench: $(INSTALLED)  ## Compare with other tools, for hours (BENCH_ARGS="--work S --runs 1 --only a,f,d" for less)
	$(BIN)/python -m benchmarks $(BENCH_ARGS)

requirements: $(UV_VENV)  ## Choose the versions in requirements.txt anew from pyproject.toml
	@{ echo '# Written by `make requirements`: what pyproject.toml asks for, for Python 3.10 to 3.13, by hash.'; \
	$(UV_VENV)/bin/uv --no-config pip compile pyproject.toml --group dev --all-extras --universal --python-version 3.10 \
		--generate-hashes --no-strip-extras --upgrade --no-header --no-annotate --no-emit-index-url --no-emit-find-links --quiet; \
	} > build/requirements.txt
	@mv build/requirements.txt requirements.txt

clean:  ## Remove .venv and all caches; data/ and .dagster/ stay
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage .coverage.* htmlcov *.egg-info
	find benchmarks ecom_assets ecom_assets_tests -name __pycache__ -type d -prune -exec rm -rf {} +

$(DEPENDENCIES): requirements.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; \
		(3, 10) <= v <= (3, 13) or sys.exit(f"Python 3.10 to 3.13 is needed, $(PYTHON) is {v[0]}.{v[1]}: make install PYTHON=python3.12")'
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --compile --require-hashes -r requirements.txt
	@touch $@

$(INSTALLED): $(DEPENDENCIES) pyproject.toml setup.cfg
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

# phony, so that it looks at an existing copy each time: an old one names a module by the path that it had before
.PHONY: $(INSTANCE)
$(INSTANCE):
	@mkdir -p $(@D)
	@test -e $@ || cp ecom_assets/dagster.yaml $@
	@! grep -q 'ecom_assets\.event_log' $@ || \
		{ sed 's/ecom_assets\.event_log/ecom_assets.orchestration.event_log/' $@ > $@.new && cp $@.new $@ && rm $@.new; }

$(UV_VENV):
	$(PYTHON) -m venv --clear $@
	$@/bin/python -m pip install --quiet uv
