# Every target sets up what it needs: a virtual environment in .venv with pinned packages.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
# One more than this project's smallest machine has cores: what a browser or a server is tested for is partly waited for,
# and each worker imports and collects for itself.
WORKERS ?= 3

.PHONY: run test notebooks-test walk-test cluster-test lint check format demo-model verify verify-edges fuzz bench gpu-check kill-cache kill-cluster load image-test audit screenshots clean

run: .venv/installed  ## serve the dashboard at http://localhost:8501
	$(BIN)/python -m app

test: .venv/installed-dev  ## all tests, a core for each worker; browser tests skip loudly where there is no Chromium
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile

notebooks-test: .venv/installed-dev  ## every figure's notebook in a fresh kernel, where `make test` shares a warm one; minutes
	$(BIN)/python -m pytest -n $(WORKERS) -m notebooks

walk-test: .venv/installed-dev  ## every control of every page: changed, kept by Back, reproduced by a link; a quarter of an hour
	$(BIN)/python -m pytest -n $(WORKERS) -m walk

cluster-test: .venv/installed-dev  ## compose.yaml's cluster on this machine, in front of it nginx, visited in Chromium; minutes
	IOI_REQUIRE_BROWSER=1 $(BIN)/python -m pytest -m cluster

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
	$(BIN)/python -m ioi_core.demo.training.train

verify: .venv/installed  ## GPT-2 small's published figures beside ours, where its weights are
	$(BIN)/python -m ioi_core verify

verify-edges: .venv/installed  ## CMD and CPR of GPT-2 small's edges beside those that are quoted, where its weights are
	$(BIN)/python -m ioi_core verify --edges

fuzz: .venv/installed-dev  ## ten times as many random prompts, files, settings and results as a test run tries, new ones each time
	IOI_FUZZ_TIMES=10 $(BIN)/python -m pytest -n $(WORKERS) -m hypothesis --timeout 7200

bench: .venv/installed-dev  ## timings as ratios against the peer, measured in one run
	$(BIN)/python -m benchmarks

kill-cache: .venv/installed-dev  ## kill writers of the disk cache 1,000 times at random points, look for damage
	$(BIN)/python -m benchmarks.kill_cache --kills 1000

gpu-check: .venv/installed-dev  ## on a machine with CUDA: every analysis on it against the CPU, its memory and its times
	$(BIN)/python -m benchmarks.gpu_check

kill-cluster: .venv/installed-dev  ## kill workers and schedulers of a cluster under 50 visitors, look for wrong and lost results
	$(BIN)/python -m benchmarks.kill_cluster --kills 200 --full 20 --schedulers 20

load: .venv/installed-dev  ## 100 visitors at once on this machine, on a warm cache
	$(BIN)/python -m benchmarks.load

image-test: .venv/installed-dev  ## the container image built, run closed off, and visited; Debian, as root, minutes
	$(BIN)/python -m tests.hosting.image

# Looked at and accepted: CVE-2025-69872, diskcache 5.6.3 unpickles what lies in its folder, and no release mends it. The
# cache here never pickles and never unpickles (cache/store/index.py, cache/store/codec.py; tests/cache/store/test_codec.py and
# test_disk_faults.py plant live pickles), and its folder is closed to all other users (cache/store/folder.py).
audit: requirements.txt requirements-cluster.txt constraints.txt  ## known vulnerabilities of all pinned packages, as the package index knows them
	$(PYTHON) -m venv build/audit
	build/audit/bin/python -m pip install --quiet pip-audit==2.9.0
	grep -h == requirements.txt requirements-cluster.txt constraints.txt > build/audit/pinned.txt
	build/audit/bin/pip-audit --requirement build/audit/pinned.txt --no-deps --disable-pip --strict --ignore-vuln CVE-2025-69872

screenshots: .venv/installed-dev
	$(BIN)/python docs/take_screenshots.py

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis

.venv/installed: requirements.txt constraints.txt install-torch
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed: set PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, this is " + sys.version)'
	$(PYTHON) -m venv .venv
	./install-torch $(BIN)/python "$$(sed -n 's/^torch==//p' requirements.txt)"
	$(BIN)/python -m pip install --quiet --requirement requirements.txt
	touch $@

.venv/installed-dev: requirements-dev.txt requirements-cluster.txt .venv/installed
	$(BIN)/python -m pip install --quiet --requirement requirements-dev.txt
	touch $@
