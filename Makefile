# Every target sets up what it needs: a virtual environment in .venv with pinned packages.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin

.PHONY: run test lint check format demo-model verify bench kill-cache load screenshots clean

run: .venv/installed  ## serve the dashboard at http://localhost:8501
	$(BIN)/python -m app

test: .venv/installed-dev  ## all tests; browser tests skip loudly where there is no Chromium
	$(BIN)/python -m pytest

lint: .venv/installed-dev  ## format, lint, types, import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

check: lint test  ## everything that must hold before a commit lands

format: .venv/installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

demo-model: .venv/installed  ## train the bundled model again from its seed
	$(BIN)/python -m ioi_core.demo.train

verify: .venv/installed  ## GPT-2 small's published figures beside ours, where its weights are
	$(BIN)/python -m ioi_core verify

bench: .venv/installed-dev  ## timings as ratios against the peer, measured in one run
	$(BIN)/python -m benchmarks

kill-cache: .venv/installed-dev  ## kill writers of the disk cache 1,000 times at random points, look for damage
	$(BIN)/python -m benchmarks.kill_cache --kills 1000

load: .venv/installed-dev  ## 100 visitors at once on this machine, on a warm cache
	$(BIN)/python -m benchmarks.load

screenshots: .venv/installed-dev
	$(BIN)/python docs/take_screenshots.py

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis

.venv/installed: requirements.txt
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed: set PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, this is " + sys.version)'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --requirement requirements.txt
	touch $@

.venv/installed-dev: requirements-dev.txt .venv/installed
	$(BIN)/python -m pip install --quiet --requirement requirements-dev.txt
	touch $@
