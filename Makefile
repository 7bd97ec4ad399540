# Needs GNU make, bash and Python 3.10 to 3.13 with venv, nothing else. `uv` is used in place of pip where it is there.

PYTHON ?= python3
PORT ?= 3000
UV ?= $(shell command -v uv 2>/dev/null)

SHELL := /bin/bash

VENV := .venv
BIN := $(VENV)/bin
# what running takes; what the extras of deploy/ add; what tests and linters add
DEPENDENCIES := $(VENV)/.dependencies
INSTALLED := $(VENV)/.installed
DEPLOY := $(VENV)/.installed-deploy
DEV := $(VENV)/.installed-dev
INSTANCE := .dagster/dagster.yaml
UV_VENV := build/uv
NEWEST := build/newest
# the versions whose faults ecom_assets_tests/support/emulators mends
SNOWFLAKE := build/emulators/snowflake
BIGQUERY := build/emulators/bigquery
NEWEST_TESTS := ecom_assets_tests/orchestration/test_assets.py ecom_assets_tests/load/test_undeclared_columns.py
# Tests wait a third of their time, so that four processes fill two cores. conftest.py says which tests stay in one
# process, with what their fixtures made, and the order
SIDE_BY_SIDE := -n 4 --dist loadscope --no-loadscope-reorder

# without bytecode, importing dagster and dlt takes three times as long
unexport PYTHONDONTWRITEBYTECODE
export DAGSTER_DISABLE_TELEMETRY := 1
export RUNTIME__DLTHUB_TELEMETRY := false
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help install install-deploy install-dev demo ui test test-slow emulators test-newest coverage lint format docs bench requirements clean
.DELETE_ON_ERROR:

help:  ## List the targets
	@sed -n 's/^\([a-z-]*\):.*  ## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | while IFS="$$(printf '\t')" read -r target text; do \
		printf '  make %-13s %s\n' "$$target" "$$text"; done

install: $(INSTALLED)  ## Install what running takes into .venv, by hash (PYTHON=python3.12 for another Python)
	@echo "$(VENV) has what running takes"

install-deploy: $(DEPLOY)  ## Add the extras: other warehouses, and the tiers of deploy/
	@echo "$(VENV) has all extras"

install-dev: $(DEV)  ## Add what tests and linters need
	@echo "$(VENV) has what tests and linters need"

demo: $(INSTALLED) $(INSTANCE)  ## Load a week of the sandbox shop into data/warehouse.duckdb
	@DAGSTER_HOME="$(CURDIR)/.dagster" $(BIN)/python -m ecom_assets.orchestration.demo

ui: $(INSTALLED) $(INSTANCE)  ## Open Dagster on http://127.0.0.1:3000 (PORT=… for another port)
	@DAGSTER_HOME="$(CURDIR)/.dagster" $(BIN)/ecom-assets ui --port $(PORT)

test: $(DEV)  ## Run the fast tests
	$(BIN)/python -m pytest $(SIDE_BY_SIDE)

test-slow: $(DEV) $(SNOWFLAKE) $(BIGQUERY)  ## Run the slow tests, and those of properties again with many more examples
	$(BIN)/python -m pytest $(SIDE_BY_SIDE) -m "slow or hypothesis" --hypothesis-profile many

emulators: $(SNOWFLAKE) $(BIGQUERY)  ## Install servers that stand for other warehouses in slow tests, each with a DuckDB of its own
	@echo "build/emulators has the servers"

$(SNOWFLAKE):
	@rm -rf $@ && $(call make_venv,$@)
	@echo "installing an emulator of Snowflake into $@"
	@$(call install_into,$@) --quiet "fakesnow[server]==0.12.1" "snowflake-connector-python<4" || { rm -rf $@; \
		echo "it could not be installed: tests on Snowflake are skipped"; }

$(BIGQUERY):
	@rm -rf $@ && $(call make_venv,$@)
	@echo "installing an emulator of BigQuery into $@"
	@$(call install_into,$@) --quiet bqemulator==1.4.0 duckdb==1.5.5 duckdb-extension-spatial==1.5.5 numpy || { rm -rf $@; \
		echo "it could not be installed: tests on BigQuery are skipped"; }

test-newest:  ## Install the wheel alone, beside the newest versions of what it asks for, and load with it
	@rm -rf $(NEWEST) && $(call make_venv,$(NEWEST))
	$(NEWEST)/bin/python -m pip wheel --quiet --no-deps --wheel-dir $(NEWEST)/wheel .
	$(call install_into,$(NEWEST)) --quiet $(NEWEST)/wheel/*.whl
	@$(NEWEST)/bin/python -m pip list | grep -iE '^(dagster|dlt|duckdb|pyarrow|sqlalchemy) '
	$(NEWEST)/bin/python .ci/without_extras.py
	$(call install_into,$(NEWEST)) --quiet pytest hypothesis
	$(NEWEST)/bin/python -m pytest $(NEWEST_TESTS)

coverage: $(DEV)  ## Run the fast tests and show which lines they miss
	$(BIN)/python -m pytest $(SIDE_BY_SIDE) --cov

lint: $(DEV)  ## Check style, types, the layers between the packages, and the pages
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	@if $(BIN)/python -c 'import sys; sys.exit(sys.version_info >= (3, 11))'; then \
		echo "skipped: lint-imports, because import-linter has no version for Python 3.10"; \
	else \
		echo "$(BIN)/lint-imports --no-cache" && $(BIN)/lint-imports --no-cache; \
	fi
	$(BIN)/mkdocs build --strict --quiet

format: $(DEV)  ## Put the code in shape
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

docs: $(DEV)  ## Write anew what is drawn from the code: docs/keys.md, docs/dlt-configuration.md, the JSON Schema, the diagram in CONTRIBUTING.md
	$(BIN)/python -m ecom_assets.declaration.reference.keys_page
	$(BIN)/python .ci/package_diagram.py

bench: $(DEV)  ## Compare with other tools, for an hour (BENCH_ARGS="--runs 1" for less)
	$(BIN)/python -m benchmarks $(BENCH_ARGS)

requirements: $(UV_VENV)  ## Choose the versions in requirements*.txt anew from pyproject.toml
	$(UV_VENV)/bin/python .ci/requirements.py $(UV_VENV)/bin/uv

clean:  ## Remove .venv and all caches; data/ and .dagster/ stay
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage .coverage.* htmlcov *.egg-info
	find benchmarks ecom_assets ecom_assets_tests -name __pycache__ -type d -prune -exec rm -rf {} +

# $(1): a file of requirements, $(2): about how many seconds. Each file is complete, so nothing is resolved.
define install_file
@echo "Installing $(1) into $(VENV): $$(grep -c '==' $(1)) packages at most, about $(2)"
@set -o pipefail; $(INSTALL) --no-deps --require-hashes -r $(1) $(PROGRESS)
endef

# $(1): the folder of an environment
ifneq ($(UV),)
# with pip, which a test takes to build the wheel, and which a user may expect
make_venv = $(UV) venv --quiet --clear --seed --python $(PYTHON) $(1)
install_into = $(UV) pip install --python $(1)/bin/python --compile-bytecode
PROGRESS :=
else
make_venv = $(PYTHON) -m venv --clear $(1)
install_into = $(1)/bin/python -m pip install --compile --progress-bar off
# pip's lines, but one in ten, and one before the part in which it says nothing
PROGRESS := | awk '/^(Collecting|Processing)/ { sub(".*/", "", $$2); if (++n % 10 == 1) print "  " $$2 } \
	/^Installing collected/ { print "  all " n " are here; writing and compiling them" } { fflush() }'
endif
INSTALL = $(call install_into,$(VENV))

$(DEPENDENCIES): requirements.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; \
		(3, 10) <= v <= (3, 13) or sys.exit(f"Python 3.10 to 3.13 is needed, $(PYTHON) is {v[0]}.{v[1]}: make install PYTHON=python3.12")'
	@$(call make_venv,$(VENV))
	$(call install_file,requirements.txt,a minute)
	@touch $@

$(INSTALLED): $(DEPENDENCIES) pyproject.toml setup.cfg
	@$(INSTALL) --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(DEPLOY): requirements-deploy.txt $(DEPENDENCIES) | $(INSTALLED)
	$(call install_file,requirements-deploy.txt,20 seconds)
	@touch $@

$(DEV): requirements-dev.txt $(DEPLOY) | $(INSTALLED)
	$(call install_file,requirements-dev.txt,30 seconds)
	@touch $@

# phony, so that it looks at an existing copy each time: an old one names a module by the path that it had before
.PHONY: $(INSTANCE)
$(INSTANCE):
	@umask 077 && mkdir -p $(@D)
	@test -e $@ || cp ecom_assets/dagster.yaml $@
	@! grep -q 'ecom_assets\.event_log' $@ || \
		{ sed 's/ecom_assets\.event_log/ecom_assets.orchestration.event_log/' $@ > $@.new && cp $@.new $@ && rm $@.new; }

$(UV_VENV):
	$(PYTHON) -m venv --clear $@
	$@/bin/python -m pip install --quiet uv
