# Everything that is generated or installed for development is under .steward; `make clean` removes it.
# PG=15, 17 or 18 chooses a PostgreSQL: PG=17 make test

SHELL := /bin/sh
PYTHON := .steward/venv/bin/python
CLUSTER = $(PYTHON) scripts/cluster.py
# arguments for pytest: make test TESTS="tests/test_search.py -k typo"
TESTS ?=
# two servers, one for each core; a run of few tests is faster with one
WORKERS ?= $(if $(TESTS),0,2)

.DEFAULT_GOAL := help
.PHONY: help demo test test-fast test-real dev psql stop build lint format accept bench bench-write bench-queue \
	bench-views bench-chunking bench-changes bench-agreement bench-comparison bench-pipeline docs \
	release install uninstall clean venv

help: ## Show this list.
	@echo 'pg_steward: keeps the embeddings in a PostgreSQL database fresh.'
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo '  PG=15|17|18 chooses the version, for example: PG=17 make test'

demo: venv ## Show the main job, on a PostgreSQL of its own. Installs what it needs.
	@$(PYTHON) scripts/demo.py

test: venv ## Run every test. Installs what it needs.
	@$(CLUSTER) provision
	@$(PYTHON) -m pytest -n $(WORKERS) $(TESTS)

test-fast: venv ## Run the tests that need no database.
	@$(PYTHON) -m pytest -q tests/python tests/test_build.py

test-real: venv ## Run the tests that need a real model. Installs it: 5 GB.
	@$(CLUSTER) provision
	@$(PYTHON) -m pytest tests/real

dev: venv ## Start a PostgreSQL of your own to try things in, with pg_steward installed.
	@$(PYTHON) scripts/dev.py

NAME ?= dev
psql: venv ## Open psql on it (NAME=demo: on the one of make demo).
	@$(CLUSTER) psql --name $(NAME) --dbname $(NAME)

stop: venv ## Stop it. Its data stay.
	@$(CLUSTER) stop --name $(NAME)

build: venv ## Make the SQL files that are installed from sql/src, sql/migrations and plpython.
	@$(PYTHON) scripts/build.py

lint: venv ## Check the form of everything, and that what is generated is current.
	@$(PYTHON) scripts/build.py --check
	@$(PYTHON) -m sqlfluff lint --processes 2 --nocolor sql/src sql/migrations
	@$(PYTHON) -m ruff check .
	@$(PYTHON) -m ruff format --check .
	@$(PYTHON) -m mypy plpython scripts tests

format: venv ## Put the Python code into its form.
	@$(PYTHON) -m ruff check --fix .
	@$(PYTHON) -m ruff format .

accept: venv ## Take what the tests print now as what they shall print; look at git diff.
	@$(PYTHON) -m pytest -q -n $(WORKERS) --accept $(TESTS)

bench: venv ## Measure installing and searching. ARGS='--rows 100000' for more chunks.
	@$(PYTHON) scripts/bench.py $(ARGS)

bench-write: venv ## Measure what writers pay, beside pgai. ARGS=--quick: in less than a minute.
	@$(PYTHON) scripts/bench_write.py $(ARGS)

bench-queue: venv ## Measure claim to complete, beside other queues. ARGS=--quick: likewise.
	@$(PYTHON) scripts/bench_queue.py $(ARGS)

bench-views: venv ## Measure the views with a million rows, and reconcile(). ARGS=--quick: likewise.
	@$(PYTHON) scripts/bench_views.py $(ARGS)

bench-chunking: venv ## Measure how texts are cut, beside other packages. TEXT=file.jsonl.gz: another text.
	@$(PYTHON) scripts/bench_chunking.py $(if $(TEXT),--text $(TEXT)) $(ARGS)

OLD ?=
NEW ?=
CURVE ?=
bench-changes: venv ## Measure what a change of documents costs. OLD=a.jsonl.gz NEW=b.jsonl.gz, CURVE=c.svg
	@$(PYTHON) scripts/bench_changes.py $(if $(CURVE),--curve "$(CURVE)") $(if $(OLD),"$(OLD)") $(if $(NEW),"$(NEW)")

bench-agreement: venv ## Measure whether a model agrees. OLD=... NEW=... Installs it: 5 GB.
	@$(PYTHON) scripts/bench_agreement.py $(ARGS) $(if $(OLD),"$(OLD)") $(if $(NEW),"$(NEW)")

bench-pipeline: venv ## Measure from commit to searchable, beside pgai. OLD=a.jsonl.gz NEW=b.jsonl.gz
	@$(PYTHON) scripts/bench_pipeline.py $(ARGS) $(if $(OLD),"$(OLD)") $(if $(NEW),"$(NEW)")

bench-comparison: venv ## Measure comparing a document with its edit, beside difflib and rapidfuzz.
	@$(PYTHON) scripts/bench_comparison.py $(ARGS)

docs: venv ## Make sql/REFERENCE.md from the comments in the catalog.
	@$(PYTHON) scripts/docs.py

release: venv ## Freeze the built files of this version.
	@$(PYTHON) scripts/build.py release

# The one thing that touches a PostgreSQL of yours: the one whose pg_config is first on the path.
PG_CONFIG ?= pg_config
install: ## Copy the files to where CREATE EXTENSION finds them (PG_CONFIG=... says which server).
	install -d "$$($(PG_CONFIG) --sharedir)/extension"
	install -m 644 sql/steward.control sql/steward--*.sql "$$($(PG_CONFIG) --sharedir)/extension/"

uninstall: ## Take them away again.
	rm -f "$$($(PG_CONFIG) --sharedir)"/extension/steward.control \
		"$$($(PG_CONFIG) --sharedir)"/extension/steward--*.sql

clean: ## Stop our servers and remove .steward.
	@if [ -x $(PYTHON) ]; then $(CLUSTER) clean; else rm -rf .steward; fi

venv:
	@sh scripts/bootstrap.sh
