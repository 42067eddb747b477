# Headwater. `make` lists what can be done.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

UV_VERSION := 0.13.9
UV := .uv/bin/uv
PYTHON := $(shell for p in python3.11 python3.12; do $$p -c 'import sys' >/dev/null 2>&1 && { echo $$p; break; }; done)
BIN := .venv/bin
HOME_DIR := $(or $(HEADWATER_HOME),.headwater)
export UV_LINK_MODE ?= hardlink
export PYTHONUNBUFFERED := 1
# Where no bytecode is kept, every process compiles all that it imports: three of the four seconds of a command.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# --- what a user runs ---------------------------------------------------------------------------------------------

.PHONY: demo
demo: setup setup-superset ## Set everything up, start the platform, run the pipeline on the events, show where to look
	@$(BIN)/headwater demo

.PHONY: up
up: setup setup-superset ## Start the platform
	@$(BIN)/headwater up

.PHONY: down
down: ## Stop everything that was started; the data stays
	@if [ -x $(BIN)/headwater ]; then $(BIN)/headwater down; else echo "Nothing is installed, so nothing runs."; fi

.PHONY: clean
clean: ## Stop the platform and remove its data, after asking
	@if [ -x $(BIN)/headwater ]; then $(BIN)/headwater clean; else echo "Nothing is installed, so there is no data."; fi

.PHONY: secrets
secrets: ## Make the secrets of docker-compose.yml (once; they are never printed)
	@python3 deploy/make_secrets.py

.PHONY: compose-check
compose-check: secrets ## Let Docker's own parser check docker-compose.yml
	@docker compose config --quiet && echo "docker-compose.yml is fine."

.PHONY: test
test: setup-dev setup-superset chromium ## Set everything up and run the whole test suite
	@$(BIN)/python -m pytest -q -m "e2e and not long"
	@$(BIN)/python -m pytest -q -m "not e2e and not long" -n auto --maxprocesses 4 --dist loadfile \
	  --no-loadscope-reorder

# --- what a developer runs ----------------------------------------------------------------------------------------

.PHONY: check
check: setup-dev ## Lint, types, layers and unit tests, in under two minutes
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m pytest -q tests/unit tests/architecture tests/contract -m "not long and not stack"

.PHONY: pictures
pictures: setup-dev setup-superset ## Write the dashboards' pictures of docs/img anew
	@HEADWATER_PICTURES=docs/img $(BIN)/python -m pytest -q tests/e2e/test_dashboards.py -k draws
	@.venv-superset/bin/python superset/shrink_pictures.py docs/img/*.png

.PHONY: test-long
test-long: setup-dev setup-superset ## Chaos, soak and large fuzzing
	@$(BIN)/python -m pytest -q -m long --timeout 7200

.PHONY: bench-load
bench-load: setup-dev ## Lines per CPU-second of the loader, against a bare loop of produce()
	@$(BIN)/python -m bench.load bench

.PHONY: bench-s3
bench-s3: setup-dev ## Events and objects per second of a load from S3, against a bare loop; memory from 10 MB to 2 GB
	@$(BIN)/python -m bench.s3 bench

.PHONY: bench-collect
bench-collect: setup-dev ## Accepted events per CPU-second of the HTTP collector, against endpoints that only parse
	@$(BIN)/python -m bench.collect

.PHONY: bench-dashboards
bench-dashboards: setup-dev ## Time and reading of every chart over a day and 30 days (EVENTS=50000000)
	@$(BIN)/python -m bench.dashboards --events $(or $(EVENTS),5000000)

.PHONY: bench-fresh
bench-fresh: setup-dev ## How soon events can be asked for, at what cost, at 5,000 messages a second
	@$(BIN)/python -m bench.freshness

.PHONY: chaos
chaos: setup-dev ## Kill, freeze and cut off the parts of ingestion, over 200 times (CHAOS_SEED, CHAOS_FAULTS, CHAOS_ONLY)
	@$(BIN)/python -m pytest -q -s -m long tests/chaos --ignore tests/chaos/test_builds.py --timeout 3000 -k "$(CHAOS_ONLY)"

.PHONY: bench-build
bench-build: setup-dev ## What a build costs: on 1 M and on 10 M stored events, against a join by hand, over a backlog of 20 M
	@$(BIN)/python -m bench.build --backlog 20000000

.PHONY: bench-soon
bench-soon: setup-dev ## How far the newest fact is behind at 2,000 events/s with `headwater build --every 30s`, and its cost
	@$(BIN)/python -m bench.soon

.PHONY: chaos-build
chaos-build: setup-dev ## Kill and stop builders and ClickHouse at every statement of builds and corrections (CHAOS_SEED)
	@$(BIN)/python -m pytest -q -s -m "stack" tests/chaos/test_builds.py tests/sql/test_build_torn.py \
	  tests/sql/test_corrections_killed.py tests/sql/test_corrections_processes.py --timeout 3000

.PHONY: bench-ingest
bench-ingest: setup-dev ## Ingestion per CPU-second, against the limit and against what people write
	@$(BIN)/python -m bench.ingest

.PHONY: format
format: setup-dev ## Format the code and mend what lint can mend
	@$(BIN)/ruff check --fix . && $(BIN)/ruff format .

.PHONY: lock
lock: $(UV) ## Compile requirements/*.in into pinned, hashed requirements/*.txt
	@cd requirements && for name in platform dev superset; do \
	  ../$(UV) pip compile $$name.in -o $$name.txt --python-version 3.11 --generate-hashes --universal \
	    --no-emit-index-url --custom-compile-command "make lock" -q; done
	@cd airflow && ../$(UV) pip compile requirements.in -c ../requirements/platform.txt -o requirements.txt \
	  --python-version 3.11 --generate-hashes --universal --no-emit-index-url --custom-compile-command "make lock" -q
	@cd superset && ../$(UV) pip compile requirements.in -c ../requirements/superset.txt -o requirements.txt \
	  --python-version 3.11 --generate-hashes --universal --no-emit-index-url --custom-compile-command "make lock" -q
	@! grep -n '://' requirements/*.txt airflow/requirements.txt superset/requirements.txt

# --- environments -------------------------------------------------------------------------------------------------

.PHONY: setup
setup: .venv/.platform ## Make the environment of the platform (.venv)

.PHONY: setup-dev
setup-dev: .venv/.dev ## Make it with the tools for development

.PHONY: chromium
chromium: setup-dev ## Install the browser that tests of pages need, where there is none
	@command -v chromium >/dev/null || { echo "Installing Chromium" >&2; \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; \
	  then apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null; \
	  else $(BIN)/playwright install chromium; fi; }

.PHONY: setup-superset
setup-superset: .venv-superset/.done ## Make the environment of Superset (.venv-superset)

$(UV):
	@echo "Installing uv $(UV_VERSION) into .uv" >&2
	@python3 -m venv .uv && .uv/bin/pip install -q --disable-pip-version-check uv==$(UV_VERSION)

.venv/bin/python: | $(UV)
	@$(UV) venv -q --python $(or $(PYTHON),3.12) .venv

.venv/.platform: requirements/platform.txt pyproject.toml plugins/headwater/adapters/kafka_native.c | $(UV) .venv/bin/python
	@echo "Installing the platform into .venv" >&2
	@$(UV) pip install -q --python $(BIN)/python --require-hashes -r requirements/platform.txt
	@$(UV) pip install -q --python $(BIN)/python --no-deps -e .
	@$(BIN)/python -m headwater.local.native
	@touch $@

.venv/.dev: requirements/dev.txt .venv/.platform | $(UV)
	@echo "Installing the tools for development into .venv" >&2
	@$(UV) pip install -q --python $(BIN)/python --require-hashes -r requirements/dev.txt
	@touch $@

.venv-superset/.done: requirements/superset.txt | $(UV)
	@echo "Installing Superset into .venv-superset" >&2
	@$(UV) venv -q --allow-existing --python $(or $(PYTHON),3.12) .venv-superset
	@$(UV) pip install -q --python .venv-superset/bin/python --require-hashes -r requirements/superset.txt
	@touch $@
