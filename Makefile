# Everything a newcomer or CI needs; `make` alone lists the targets.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PAGE := services/gateway/page
ARGS ?=
WORKERS ?= 4
# A run or a test starts many processes: each would compile the program anew.
unexport PYTHONDONTWRITEBYTECODE
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes

.PHONY: help setup setup-dev run env images page page-check pictures test test-slow test-fast compose-test bench chaos pairs pairs-deck mutations replacements jobs soak fuzz-http monitoring-test check scan audit format lock readme docs ci clean

help:  ## List the targets.
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: $(VENV)/.run  ## Create .venv with .venv/bin/mapstream in it, and the web page.
	@case "$(ARGS)" in *--once*) ;; *) $(MAKE) --no-print-directory page \
		|| echo "The web page could not be built (above); everything else works without it.";; esac

setup-dev: $(VENV)/.dev tests/node/node_modules/.stamp page  ## The same, with everything that tests and checks need.

page: $(PAGE)/dist/index.html  ## Build the web page that the gateway shows at /.

$(PAGE)/node_modules/.stamp: $(PAGE)/package-lock.json | $(BIN)/python
	@echo "Installing what builds the web page"
	@$(PAGE)/npm.sh ci --silent --no-audit --no-fund
	@touch $@

$(PAGE)/dist/index.html: $(PAGE)/node_modules/.stamp $(PAGE)/build.mjs $(shell find $(PAGE)/src -type f)
	@$(PAGE)/npm.sh run --silent build

pictures: setup-dev  ## Take pictures of the page in its main states: for the docs, and into pictures/.
	@$(BIN)/python -m tests.e2e.page_pictures docs/images
	@mkdir -p pictures
	@MAPSTREAM_PICTURES=$(CURDIR)/pictures $(BIN)/python -m pytest -q -n 0 tests/e2e/test_page.py

page-check: $(PAGE)/node_modules/.stamp
	@$(PAGE)/npm.sh run --silent check
	@$(PAGE)/npm.sh run --silent build

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; name one with: make PYTHON=python3.12 ..."; exit 1; }
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.run: $(BIN)/python requirements/run.txt pyproject.toml
	@echo "Installing into $(VENV) (once; a minute or two)"
	@$(PIP_INSTALL) -r requirements/run.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.run requirements/dev.txt
	@echo "Installing the tools for tests and checks"
	@$(PIP_INSTALL) -r requirements/dev.txt
	@touch $@

tests/node/node_modules/.stamp: tests/node/package-lock.json
	@if command -v npm >/dev/null; then \
		echo "Installing the client of the JavaScript test"; \
		npm --prefix tests/node ci --silent --no-audit --no-fund && touch $@; \
	fi

run: setup  ## Map the example logs (make run ARGS="--once" exits when done).
	@$(BIN)/python -m services.cli run examples/runs $(ARGS)

env:  ## Write .env for docker compose, random passwords, and the folder for the map, if missing.
	@deploy/write-env.sh

images:  ## Build the container images and tell their sizes.
	@docker compose build --quiet
	@docker image ls --format '{{.Size}}\t{{.Repository}}:{{.Tag}}' | grep -P '\tmapstream-' | sort -k2

test: setup-dev  ## Run the tests; real nats-server, real processes, no network (WORKERS=4).
	@$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -m "not compose and not slow" $(ARGS)

test-slow: setup-dev  ## Run more variants of some tests, of each of which make test runs some.
	@$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -m slow $(ARGS)

test-fast: setup-dev  ## Run the tests that need no server: seconds.
	@$(BIN)/python -m pytest -m "not integration and not e2e" $(ARGS)

compose-test: setup-dev  ## Run the containers on a real Docker engine; skipped where none answers.
	@$(BIN)/python -m pytest tests/compose $(ARGS)

bench: setup-dev  ## Measure; every figure with a reference from the same run.
	@$(BIN)/python -m tests.bench.refit
	@$(BIN)/python -m tests.bench.throughput
	@$(BIN)/python -m tests.bench.sync
	@$(BIN)/python -m tests.bench.metrics
	@$(BIN)/python -m tests.bench.holds
	@$(BIN)/python -m tests.bench.delivery
	@$(BIN)/python -m tests.bench.flat
	@$(BIN)/python -m tests.bench.creation
	@$(BIN)/python -m tests.bench.page 100000
	@$(BIN)/python -m tests.bench.pages

chaos: setup-dev  ## Interrupt everything while records flow, then compare (SEED=1 FAULTS=80).
	@$(BIN)/python -m tests.chaos --seed $(or $(SEED),1) --faults $(or $(FAULTS),80) $(ARGS)

pairs: setup-dev  ## Put every event after every other on unsettled sources (SEED=1 PAIRS=400).
	@$(BIN)/python -m tests.chaos.pair_run --seed $(or $(SEED),1) --pairs $(or $(PAIRS),400) $(ARGS)

pairs-deck: setup-dev  ## A short deck of such pairs, every event among them; part of CI.
	@$(BIN)/python -m tests.chaos.pair_run --seed 1120 --pairs 24 --each 40

mutations: setup-dev  ## Make the program wrong in a place at a time; tests or chaos must notice (QUICK=1).
	@$(BIN)/python -m tests.chaos.mutations $(if $(QUICK),--quick) $(ARGS)

fuzz-http: setup-dev  ## Send the gateway of a whole pipeline what nobody expects (SEED=1 EXAMPLES=500).
	@$(BIN)/python -m tests.http_fuzz --seed $(or $(SEED),1) --examples $(or $(EXAMPLES),500)

monitoring-test: setup-dev  ## Ask a real Prometheus every question of the dashboard, and test the alerts.
	@$(BIN)/python -m pytest tests/unit/monitoring tests/e2e/test_monitoring.py tests/e2e/test_alerts.py $(ARGS)

replacements: setup-dev  ## Replace sources N times under kills (N=200 SEED=1); each is seen whole.
	@MAPSTREAM_REPLACEMENTS=$(or $(N),200) MAPSTREAM_REPLACEMENTS_SEED=$(or $(SEED),1) \
		$(BIN)/python -m pytest -q -n 0 -m e2e --timeout 7200 tests/e2e/test_shown_whole.py

jobs: setup-dev  ## Give N commands about jobs under kills (N=500 SEED=1); each job ends as it says.
	@MAPSTREAM_JOB_COMMANDS=$(or $(N),500) MAPSTREAM_JOB_SEED=$(or $(SEED),1) \
		$(BIN)/python -m pytest -q -n 0 -m e2e --timeout 7200 tests/e2e/test_jobs.py

soak: setup-dev  ## Huge lines, many files, a slow embedder, for minutes (ARGS="lines files").
	@$(BIN)/python -m tests.soak $(ARGS)

check: setup-dev  ## Lint, format, types, architecture, wrong programs that fit no more; changes nothing.
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/pyrefly check
	@$(BIN)/lint-imports --no-logo
	@$(MAKE) --no-print-directory page-check
	@$(BIN)/python -m tests.chaos.mutations --check

scan: setup-dev  ## Look for secrets in the files and for weak spots in the CI workflow; offline.
	@$(BIN)/python .ci/scan_secrets.py
	@$(BIN)/zizmor --offline --persona=pedantic --no-progress --quiet .github

audit: setup-dev  ## Ask PyPI for known vulnerabilities of the locked packages; needs the network.
	@$(BIN)/python .ci/audit.py requirements/run.txt requirements/dev.txt

format: setup-dev  ## Format the code and fix what can be fixed.
	@$(BIN)/ruff check --fix-only .
	@$(BIN)/ruff format .

lock: $(BIN)/python  ## Resolve the newest allowed versions into requirements/*.txt, with hashes.
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	@$(BIN)/uv pip compile pyproject.toml --extra all --group build $(LOCK) -o requirements/run.txt
	@$(BIN)/uv pip compile pyproject.toml --extra all --extra minilm --extra otel --group dev \
		-c requirements/run.txt $(LOCK) -o requirements/dev.txt
	@for one in build node; do $(BIN)/uv pip compile --group $$one -c requirements/run.txt $(LOCK) \
		-o requirements/$$one.txt || exit 1; done
	@for one in $(SERVICES); do $(BIN)/uv pip compile pyproject.toml --extra $$one \
		-c requirements/run.txt $(LOCK) -o requirements/$$one.txt || exit 1; done
SERVICES := $(patsubst services/%/__init__.py,%,$(wildcard services/*/__init__.py))
LOCK := --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --quiet \
	--no-emit-index-url --no-emit-package mapstream

readme: setup-dev  ## Write what is generated: pages of docs, users of the bus, the dashboard.
	@$(BIN)/python -m docs.generators
	@$(BIN)/python -m tests.chaos.mutations --page docs/mutations.md

docs: setup-dev  ## Build the documentation's site into site/; a broken link fails.
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo "site/index.html; to search as well: $(BIN)/python -m http.server --directory site"

ci: check scan test chaos pairs-deck  ## What CI runs.

clean:  ## Remove the virtual environment and every cache.
	@rm -rf $(VENV) .pytest_cache .ruff_cache .hypothesis .import_linter_cache
