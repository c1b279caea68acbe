# Every target sets up what it needs by itself: git, make and Python >= 3.11 with venv are enough.

PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
BIN := .venv/bin
ARGS ?=

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup demo test check bench lock clean

help: ## list the targets
	@sed -nE 's/^([a-z]+):.*## (.*)/  make \1\t\2/p' Makefile | expand -t 16

setup: .venv/.demo ## set up .venv with the locked dependencies

demo: .venv/.demo ## run the example city: make demo ARGS="--for 60s --speed 600"
	@$(BIN)/vpp demo $(ARGS)

test: .venv/.dev ## run the test suite: make test ARGS="tests/domain -k soc"
	@$(BIN)/pytest -n 2 $(ARGS)

check: .venv/.dev ## format, lint, types, import arrows: all of them, also after one has failed
	@failed=; \
	for step in "ruff format --check" "ruff check" "mypy" "lint-imports"; do \
		echo "== $$step"; $(BIN)/$$step || failed="$$failed [$$step]"; \
	done; \
	[ -z "$$failed" ] || { echo "failed:$$failed"; exit 1; }

bench: .venv/.dev ## run the benchmarks and print their figures
	@for script in benchmarks/[!_]*.py; do echo "== $$script"; $(BIN)/python "$$script" $(ARGS) || exit 1; done

lock: .venv/.dev ## renew requirements/*.txt: make lock ARGS="--upgrade"
	./requirements/lock $(ARGS)

clean: ## remove .venv, caches and build results
	rm -rf .venv dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis .benchmarks
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/bin/python:
	@[ -n "$(PYTHON)" ] || { \
		echo "Python 3.11 or newer is needed, and python3 is `python3 --version 2>&1`."; \
		echo "Install one (apt-get install python3.12 python3.12-venv) or name it: make PYTHON=/path/to/python"; \
		exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "$(PYTHON) has no venv module. Install it: apt-get install \
	`$(PYTHON) -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])'`"; \
		exit 1; }
	$(PYTHON) -m venv .venv

.venv/.%: requirements/%.txt pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --require-hashes -r $<
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@
