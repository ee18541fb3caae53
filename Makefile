# What a newcomer runs. `make demo` and `make test` set the machine up first; again in seconds.
PYTHON := .venv/bin/python
PYTEST := $(PYTHON) -m pytest

.PHONY: setup demo demo-web test test-all bench faults lint format lock clean

setup:
	@tools/setup.sh

demo:
	@tools/setup.sh demo
	@$(PYTHON) -m lab demo

# The web console with a guest that does not boot; Ctrl-C ends it.
demo-web:
	@tools/setup.sh demo
	@$(PYTHON) -m lab demo-web

test: setup
	@$(PYTEST) -m "not slow" -n 3 --dist loadfile --no-loadscope-reorder

test-all: setup
	@$(PYTEST) -n 3 --dist loadfile --no-loadscope-reorder

bench:
	@tools/setup.sh bench
	@$(PYTHON) -m bench

# Breaks what can break at every moment and writes docs/faults.md; an hour or more.
faults: setup
	@$(PYTHON) -m faults --jobs 2 --record docs/faults.md

lint: setup
	@$(PYTHON) -m ruff format --check .
	@$(PYTHON) -m ruff check .
	@$(PYTHON) -m mypy

format: setup
	@$(PYTHON) -m ruff format .
	@$(PYTHON) -m ruff check --fix .

# Writes requirements.lock from pyproject.toml.
lock: setup
	.venv/bin/uv pip compile -q pyproject.toml --extra dev --generate-hashes --universal \
	  --python-version 3.11 --no-annotate --no-header -o requirements.lock

clean:
	rm -rf .venv dist build demo-output bench-output .mypy_cache .ruff_cache .pytest_cache
