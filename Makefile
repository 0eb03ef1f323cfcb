# Two commands do all the set-up: `make demo` and `make test`. Bare `make` lists the targets.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# The virtual environment is made anew when the lock changes, and only then.
READY := $(VENV)/.ready

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-8s %s\n", $$1, $$2 }'

$(READY): uv.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; name one with PYTHON=…"; exit 1; }
	@echo "making $(VENV), once: half a minute, more where packages come slowly"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	@$(BIN)/uv sync --quiet --frozen --all-extras --compile-bytecode --python $(BIN)/python
	@touch $@

demo: $(READY) ## the main job on embedded engines: six clients, a release night under traffic (KEEP=1 leaves it up)
	@$(BIN)/python examples/demo.py $(if $(filter-out 0,$(KEEP)),--keep)

# One more than cores: much of it waits for what it has started.
test: $(READY) ## all tests (FAULTS=all: kills at every point of every step)
	@FAULTS=$(FAULTS) $(BIN)/python -m pytest -q -n $$(n=$$(nproc); echo $$((n < 5 ? n + 1 : 6))) --dist loadfile --no-loadscope-reorder

hosts: ## what more tests need from Debian's packages: PostgreSQL 15 (root, apt; else those tests are skipped)
	@.ci/hosts

lint: $(READY) ## ruff, mypy strict, import contracts
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/lint-imports

format: $(READY) ## put the code into form
	@$(BIN)/ruff check --fix --quiet . ; $(BIN)/ruff format .

# A piece of a bench has its name and an underscore.
BENCHES := $(foreach b,$(basename $(notdir $(wildcard bench/*.py))),$(if $(findstring _,$(b))$(filter record,$(b)),,$(b)))

bench: $(READY) ## benchmarks against a peer or a limit (ONLY=plan runs one)
	@for b in $(if $(ONLY),$(ONLY),$(BENCHES)); do \
		$(BIN)/python -m bench.$$b || exit 1; done

clean: ## remove the virtual environment and caches
	@rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

.PHONY: help demo test hosts lint format bench clean
