# Needs Python 3.11 or newer with venv, and make. Everything else is installed into .venv.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet install --constraint constraints.txt
METADATA := pyproject.toml setup.py constraints.txt

BENCH := $(VENV)-bench

.PHONY: help demo demo-prometheus test fuzz lowest lock check format reliability golden man pictures soak coverage mutants bench clean
.DEFAULT_GOAL := help

help: ## what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "make %-15s %s\n", $$1, $$2}' Makefile

demo: $(VENV)/.installed ## the four commands at work on a simulated fleet
	@$(BIN)/python scripts/demo.py

demo-prometheus: $(VENV)/.installed ## a simulated fleet, an exporter and Prometheus, until ctrl-c
	@$(BIN)/python scripts/demo_prometheus.py

test: $(VENV)/.installed-tests ## every test; TESTS=<path> only those
	@$(BIN)/python -m pytest -n 4 --dist loadfile $(TESTS)

fuzz: $(VENV)/.installed-tests ## twenty thousand cases of each kind of broken input
	@CPX_FUZZ_CASES=20000 $(BIN)/python -m pytest -n 4 tests/unit/test_fuzzed_inputs.py tests/integration/test_fuzzed_answers.py

lowest: $(VENV)/.installed-tools ## the unit tests with the lowest versions that pyproject.toml allows
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(VENV)-lowest
	@$(BIN)/uv pip install --quiet --python $(VENV)-lowest/bin/python --resolution lowest-direct --editable . --group test
	@$(VENV)-lowest/bin/python -m pytest -n 4 --dist loadfile tests/unit

lock: $(VENV)/.installed-tools ## the dependencies of users, with hashes; writes requirements.lock
	@$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-annotate --no-emit-index-url --no-emit-find-links \
		--custom-compile-command 'make lock' --python-version 3.11 --constraint constraints.txt \
		--output-file requirements.lock pyproject.toml

check: $(VENV)/.installed-tools ## formatting, lint, types, and which part imports which
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo --no-cache

format: $(VENV)/.installed-tools ## put the code into shape
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

reliability: $(VENV)/.installed-tests ## every fault against every command; writes docs/reliability.md
	@CPX_WRITE_DOCS=1 $(BIN)/python -m pytest tests/integration/test_reliability.py

golden: $(VENV)/.installed-tests ## what every command prints in every format; writes tests/golden
	@CPX_WRITE_GOLDEN=1 $(BIN)/python -m pytest tests/integration/test_golden.py

man: $(VENV)/.installed ## the man page and the table of options; writes man/cpx-monitor.1, docs/options.md
	@$(BIN)/python scripts/man_page.py
	@$(BIN)/python scripts/options_page.py

pictures: $(VENV)/.installed-tests ## the pictures of the documentation; writes docs/pictures
	@$(BIN)/python scripts/pictures.py

soak: $(VENV)/.installed-tests ## a thousand rounds among faults: descriptors, memory, attempts
	@$(BIN)/python scripts/soak.py

coverage: $(VENV)/.installed-tools ## every test, and which branches they reach
	$(BIN)/python -m coverage erase
	-$(BIN)/python -m coverage run -m pytest # a test of how fast we are may fail here
	$(BIN)/python -m coverage combine --quiet
	$(BIN)/python -m coverage report

mutants: $(VENV)/.installed-tests ## what the tests of the pure modules do not notice
	@$(PIP) --editable . --group mutants
	@rm -rf mutants
	$(BIN)/mutmut run --max-children 2
	$(BIN)/mutmut results

bench: ## this project beside others; writes docs/benchmarks.md
	@$(MAKE) --no-print-directory VENV=$(BENCH) $(BENCH)/.pip
	@echo "installing cpx-monitor and those it is measured against into $(BENCH) …"
	@$(BENCH)/bin/python -m pip --disable-pip-version-check --quiet install --constraint constraints.txt . --group bench
	@$(BENCH)/bin/python benchmarks/run.py

clean: ## away with all that was made
	rm -rf $(VENV) $(VENV)-lowest $(BENCH) build *.egg-info .pytest_cache .hypothesis .coverage* mutants .mypy_cache .ruff_cache

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "error: cpx-monitor needs Python 3.11 or newer, and '$(PYTHON)' is not that" >&2; \
		  echo "hint:  name one: make demo PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
		{ echo "error: this Python has no venv module" >&2; \
		  echo "hint:  install it: apt install python3-venv (Debian, Ubuntu)" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV)

# The pip that comes with Python may be too old for dependency groups.
$(VENV)/.pip: constraints.txt | $(VENV)/bin/python
	@$(PIP) --upgrade pip
	@touch $@

$(VENV)/.installed: $(METADATA) $(VENV)/.pip
	@echo "installing cpx-monitor into $(VENV) …"
	@$(PIP) --editable .
	@touch $@

$(VENV)/.installed-tests: $(METADATA) $(VENV)/.pip
	@echo "installing cpx-monitor and what its tests need into $(VENV) …"
	@$(PIP) --editable . --group test
	@touch $@ $(VENV)/.installed

$(VENV)/.installed-tools: $(METADATA) $(VENV)/.pip
	@echo "installing the tools for checking into $(VENV) …"
	@$(PIP) --editable . --group dev
	@touch $@ $(VENV)/.installed $(VENV)/.installed-tests
