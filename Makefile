# make run   the living city on http://127.0.0.1:8050
# make test  every check and test
# Needs Python >= 3.11 and a package registry; everything else is built into .venv.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
COMPILED := geodata/routing/__pycache__/.compiled

.PHONY: run test check format lint types imports chromium bench-prepare screenshots clean

run: $(VENV)/.installed dashboard/assets/build/.built
	$(BIN)/python app.py run

# First all that can be done side by side, then the tests.
test:
	$(MAKE) --jobs chromium check dashboard/assets/build/.built $(COMPILED)
	$(BIN)/python -m pytest --numprocesses 2 --no-loadscope-reorder

check: format lint types imports

format: $(VENV)/.installed-dev
	$(BIN)/ruff format --check .

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .

types: $(VENV)/.installed-dev
	$(BIN)/mypy --num-workers 2

imports: $(VENV)/.installed-dev
	$(BIN)/lint-imports

chromium:
	tests/browser/chromium.sh

screenshots: $(VENV)/.installed-dev dashboard/assets/build/.built
	$(BIN)/python docs/img/take.py

bench-prepare: $(VENV)/.installed
	$(BIN)/python app.py bench prepare

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; this is " + sys.version.split()[0] + ". Name another: make PYTHON=python3.12 …")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(VENV)/bin/python requirements.txt constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt -c constraints.txt
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed requirements-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt -c constraints.txt
	touch $@

dashboard/assets/build/.built: $(VENV)/.installed dashboard/client/package-lock.json $(shell find dashboard/client -name node_modules -prune -o -type f -print 2>/dev/null)
	$(BIN)/python -m dashboard.client.build
	touch $@

$(COMPILED): $(VENV)/.installed-dev $(shell find geodata -name '*.py')
	$(BIN)/python -m tests.compiled
	touch $@

clean:
	rm -rf $(VENV) dashboard/assets/build dashboard/client/node_modules var
