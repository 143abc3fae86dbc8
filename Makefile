# Everything starts from `make help`. The first command also makes .venv and installs into it.

PYTHON ?= python3
JOBS ?= 2
ARGS ?=

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip
STAMP := $(VENV)/.installed
PEERS := benchmarks/.peers
PROJECTS := pyproject.toml plugins/images/pyproject.toml plugins/molecules/pyproject.toml \
	plugins/speech/pyproject.toml plugins/timeseries/pyproject.toml apps/pyproject.toml

# One thread per process: small tensors run faster, and results do not depend on the machine.
export OMP_NUM_THREADS ?= 1

# pip: patient with slow networks, quiet about itself, and never outside .venv.
export PIP_DEFAULT_TIMEOUT ?= 60
export PIP_RETRIES ?= 5
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_NO_INPUT := 1
export PIP_USER := 0
unexport PYTHONPATH PYTHONHOME

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help install demo test lint types format docs bench clean FORCE

help: ## show this list
	@printf 'usage: make COMMAND\n\n'
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  %-9s %s\n", $$1, $$2 }' Makefile
	@printf '\nvariables: PYTHON=python3.12  another interpreter (3.11 or newer)\n'
	@printf '           TORCH="torch==…"   another build of torch, kept for later calls\n'
	@printf '           JOBS=4             processes for the tests\n'
	@printf '           ARGS="-k heun"     more arguments for pytest, or for sicore demo\n'

install: $(STAMP) ## make .venv and install everything (the other commands do it too)

demo: $(STAMP) ## fill holes in a real picture, and write demo/index.html
	$(BIN)/sicore demo -o demo --overwrite $(ARGS)

test: $(STAMP) ## run the tests (no network, no GPU)
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile -m "not slow" $(ARGS)

lint: $(STAMP) ## check style, types and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

types: $(STAMP) ## check types only
	$(BIN)/mypy

format: $(STAMP) ## rewrite the code in the project's style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(STAMP) ## build the documentation into docs/_build/html (offline)
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs docs/_build/html
	@echo 'open docs/_build/html/index.html'

bench: $(STAMP) $(PEERS)/.installed ## measure, and write benchmarks/results/*.json
	@set -e; for script in benchmarks/[!_]*.py; do \
		if [ -e "$$script" ]; then echo "$$script"; $(BIN)/python "$$script"; fi; \
	done

# The libraries that the benchmarks stand beside, apart from ours. One that fails is left out there.
$(PEERS)/.installed: benchmarks/peers.txt | $(STAMP)
	@mkdir -p $(PEERS)
	@grep -v '^ *#' $< | while read -r peer; do [ -z "$$peer" ] || \
		$(PIP) install --quiet --no-deps --upgrade --target $(PEERS) "$$peer" || \
		echo "benchmarks: $$peer cannot be installed, and is left out"; done
	@touch $@

clean: ## remove what the commands wrote (.venv stays: delete it by hand)
	rm -rf demo docs/_build build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	rm -rf .import_linter_cache
	find . -name __pycache__ -type d -not -path './$(VENV)/*' -prune -exec rm -rf {} +

# The one install step. The stamp is written last, so a failed install is tried again.
$(STAMP): requirements.txt $(PROJECTS) $(if $(TORCH),FORCE)
	@rm -f $@
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo 'error: sicore needs Python 3.11 or newer, and "$(PYTHON)" is not:' \
			'name another one with "make PYTHON=python3.12 …"'; exit 1; }
	@$(PIP) --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV) || { \
		rm -rf $(VENV); \
		echo 'error: "$(PYTHON) -m venv" failed. On Debian and Ubuntu: apt install python3-venv'; \
		exit 1; }
	@set -e; torch=$$([ -n '$(TORCH)' ] && echo '$(TORCH)' || cat $(VENV)/.torch 2>/dev/null || true); \
	if [ -n "$$torch" ]; then \
		echo "installing $$torch"; \
		$(PIP) install $$torch; \
		echo "$$torch" > $(VENV)/.torch; \
		sed '/^torch==/d' requirements.txt > $(VENV)/requirements.txt; \
	else cp requirements.txt $(VENV)/requirements.txt; fi
	$(PIP) install $(if $(CI),--quiet --progress-bar off) -r $(VENV)/requirements.txt
	@touch $@

FORCE:
