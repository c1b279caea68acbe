# Every target sets up what it needs by itself: git, make and Python >= 3.11 with venv are enough.

PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
BIN := .venv/bin
COMPILE := $(BIN)/uv pip compile pyproject.toml --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock"
ARGS ?=
TIMES ?= 20

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup demo test check bench fuzz stability soak lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' Makefile

setup: .venv/.demo ## set up .venv with the locked dependencies

demo: .venv/.demo ## run the example city: make demo ARGS="--for 60s --speed 600"
	@$(BIN)/vpp demo $(ARGS)

test: .venv/.dev ## run the test suite: make test ARGS="tests/domain -k soc"
	@$(BIN)/pytest -n 3 --dist loadgroup $(ARGS)

check: .venv/.dev ## format, lint, types, import arrows: all of them, also after one has failed
	@failed=; \
	for step in "ruff format --check" "ruff check" "mypy" "lint-imports --no-logo"; do \
		echo "== $$step"; $(BIN)/$$step || failed="$$failed [$$step]"; \
	done; \
	[ -z "$$failed" ] || { echo "failed:$$failed"; exit 1; }

bench: .venv/.dev ## run the benchmarks and print their figures
	@for script in benchmarks/[!_]*.py; do echo "== $$script"; $(BIN)/python "$$script" $(ARGS) || exit 1; done

fuzz: .venv/.dev ## search longer than the suite does, 20 times by default: make fuzz TIMES=100 ARGS="tests/adapters"
	@VPP_FUZZ=$(TIMES) $(BIN)/pytest -n 2 --timeout=0 -m "(hypothesis or fuzz) and not long" $(ARGS)

stability: .venv/.dev ## stability of the tick over a wide grid of pools: make stability ARGS="-k 'not 200'"
	@$(BIN)/pytest -n 2 --timeout=600 -m long tests/vpp/control/ticking/test_stability_grid.py $(ARGS)

soak: .venv/.dev ## the daemon on the simulated city at high speed: make soak ARGS="--for 10min"
	@$(BIN)/python -m tests.soak $(ARGS)

lock: .venv/.dev ## renew requirements/*.txt: make lock ARGS="--upgrade"
	$(COMPILE) -o requirements/demo.txt --extra demo --group build $(ARGS)
	$(COMPILE) -o requirements/dev.txt --extra demo --group build --group dev -c requirements/demo.txt $(ARGS)

clean: ## remove .venv, caches and build results
	rm -rf .venv dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis .benchmarks
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/bin/python:
	@$(or $(PYTHON),false) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "Python 3.11 or newer is needed; found: $(or $(PYTHON),python3) `$(or $(PYTHON),python3) --version 2>&1`"; \
		echo "  Debian 12, Ubuntu 24.04:  apt-get install python3 python3-venv"; \
		echo "  Ubuntu 22.04:             apt-get install python3.11 python3.11-venv"; \
		echo "  elsewhere:                make PYTHON=/path/to/python3.11"; \
		exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		package=`$(PYTHON) -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])'`; \
		echo "$(PYTHON) cannot make virtual environments. Install its venv: apt-get install $$package"; \
		exit 1; }
	$(PYTHON) -m venv .venv

.venv/.%: requirements/%.txt pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --require-hashes -r $<
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@
