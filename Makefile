# `make` lists what there is. Everything runs from a clean clone: set-up happens by itself.
PYTHON := .venv/bin/python
export PATH := $(CURDIR)/.tools/bin:$(PATH)

.DEFAULT_GOAL := help
.PHONY: help setup setup-bench demo test test-long lint page unit integration browser bench lock api-doc clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## install what is missing (quick when nothing is)
	@scripts/setup.sh

setup-bench: ## the same, and the references of the benchmark
	@scripts/setup.sh bench

demo: setup ## a live desktop session on this machine (ARGS="--fps 30 --size 1920x1080")
	@exec .venv/bin/sessioncast demo $(ARGS)

test: setup lint page ## lint, types and every test but the long ones
	$(PYTHON) -m pytest -n 2 tests/unit tests/bench $(ARGS)
	$(PYTHON) scripts/side_by_side.py $(ARGS)

test-long: setup ## the tests that wait for minutes
	$(PYTHON) -m pytest -m long tests/integration $(ARGS)

lint: setup ## ruff and mypy --strict
	$(PYTHON) -m ruff check agent signaling tests docs
	$(PYTHON) -m ruff format --check agent signaling tests docs
	$(PYTHON) -m mypy agent/src signaling/src tests docs/examples

page: setup ## types and tests of the web page
	npm --prefix signaling/web run typecheck
	npm --prefix signaling/web test

unit: setup ## the tests without a process of their own
	$(PYTHON) -m pytest tests/unit $(ARGS)

integration: setup ## the tests with real X, SFU, shim and agent
	$(PYTHON) -m pytest tests/integration $(ARGS)

browser: setup ## the tests in a real Chromium
	$(PYTHON) -m pytest tests/browser $(ARGS)

bench: setup-bench ## measure, and write the table and plots of docs/performance.md
	PYTHONPATH=tests $(PYTHON) -m bench $(ARGS)
	PYTHONPATH=tests $(PYTHON) -m bench.area_control $(filter --quick,$(ARGS))
	PYTHONPATH=tests $(PYTHON) -m bench.area_sound
	PYTHONPATH=tests $(PYTHON) -m bench.area_door $(filter --quick,$(ARGS))
	PYTHONPATH=tests $(PYTHON) -m bench.area_fallback
	PYTHONPATH=tests $(PYTHON) -m bench.area_browser $(filter --quick,$(ARGS))

lock: ## write the lock files anew
	@scripts/lock.sh

api-doc: setup ## write docs/api.md anew
	$(PYTHON) scripts/api_doc.py

clean: ## remove what was built here (the cached livekit-server stays)
	rm -rf .venv .tools .run dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	rm -rf signaling/web/node_modules signaling/src/sessioncast_signaling/web_dist
