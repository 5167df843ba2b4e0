# make demo: simulate an acquisition with a spoiled slice and reconstruct it
# make check: linters, types and unit tests, in two minutes
# make test: all checks and tests
# make bench: the benchmarks
# make faults: kill and fail a run at every call, and faults of the world (as root, for its small disks); a night
# make fuzz: mutated files for all readers; SOCT_FUZZ_CASES=200000 by default
# make docs: the docs as a site in site/, links checked
# make foreign: files by other programs read, and a run read by them, at pinned versions in environments of their own
# make server: a Prefect server in the background, see docs/deployment.md
# make e2e: the retry button clicked, and reports looked at, in Chromium
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO := demo

.PHONY: demo check test lint bench faults fuzz foreign docs server e2e install install-test clean

demo: install
	$(BIN)/python -m flows.reconstruct --demo $(DEMO)

test: install-test lint
	$(BIN)/python -m schemas.validate $$(git ls-files '*slice_config*.csv')
	$(BIN)/python -m deployments.validate
	$(BIN)/pytest -n 3 --dist loadfile --no-loadscope-reorder  # a third of the time is waiting for servers

check: install-test lint
	$(BIN)/pytest -n 2 -q tests/test_house.py tests/soct_core tests/schemas tests/docs/test_reference_pages.py

lint: install-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy
	for name in benchmarks faults fuzz docs foreign; do MYPYPATH=$$name:tests/support $(BIN)/mypy $$name/*.py || exit 1; done

bench: install-test
	@for name in poses intensity confidence quality registration truth gap_cost stack_cost growing overhead waiting; do $(BIN)/python benchmarks/$$name.py || exit 1; done

faults: install-test
	$(BIN)/python faults/every_call.py
	$(BIN)/python faults/every_call.py --again --only killed
	$(BIN)/python faults/every_call.py --engine threads --sample 200
	$(BIN)/python faults/every_call.py --engine processes --sample 60
	$(BIN)/python faults/kill_anywhere.py
	$(BIN)/python faults/world.py
	$(BIN)/python faults/server_soak.py
	$(BIN)/python faults/quiet_runs.py

fuzz: install-test
	$(BIN)/python fuzz/run.py

docs: install
	$(BIN)/pip install -q -c constraints.txt ".[docs]"
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

FOREIGN := build/foreign

foreign: install-test
	@rm -rf $(FOREIGN)/files && for name in zarr2 zarr3; do \
	  test -d $(FOREIGN)/$$name || $(PYTHON) -m venv $(FOREIGN)/$$name || exit 1; \
	  $(FOREIGN)/$$name/bin/pip install -q -r foreign/requirements-$$name.txt || exit 1; \
	  $(FOREIGN)/$$name/bin/python foreign/write.py $(FOREIGN)/files/$$name || exit 1; done
	$(BIN)/python -W ignore foreign/compare.py $(FOREIGN)/files/zarr2 $(FOREIGN)/files/zarr3
	@rm -rf $(FOREIGN)/run && PYTHONPATH=tests/support $(BIN)/python foreign/made.py $(FOREIGN)/run
	@for bin in $(FOREIGN)/zarr2/bin $(FOREIGN)/zarr3/bin $(BIN); do \
	  echo && $$bin/python foreign/read.py $(FOREIGN)/run || exit 1; done

server: install
	@mkdir -p "$${PREFECT_HOME:-$$HOME/.prefect}"  # or --background fails
	PREFECT_SERVER_ANALYTICS_ENABLED=false DO_NOT_TRACK=1 $(BIN)/prefect server start --background
	@for i in $$(seq 300); do $(BIN)/python -c "from urllib.request import urlopen; \
	  urlopen('http://127.0.0.1:4200/api/health')" 2>/dev/null && exit 0; sleep 1; done; \
	  echo "the server does not answer at http://127.0.0.1:4200"; exit 1

# With SOCT_PICTURES=docs/images the pages are kept as pictures.
e2e: install-test
	$(BIN)/pip install -q -c constraints.txt ".[e2e]"
	@command -v chromedriver >/dev/null || { \
	  sudo=$$([ $$(id -u) = 0 ] || echo sudo); \
	  $$sudo apt-get update -q && $$sudo apt-get install -y -q --no-install-recommends chromium chromium-driver; }
	$(BIN)/pytest e2e

# The packages themselves are installed anew each time, as a user gets them; what they need only once.
install: $(VENV)/installed
	$(BIN)/pip install -q --no-deps .

install-test: $(VENV)/installed-test
	$(BIN)/pip install -q --no-deps .

$(VENV)/installed: pyproject.toml constraints.txt $(BIN)/python
	$(BIN)/pip install -q -c constraints.txt .
	@touch $@

$(VENV)/installed-test: pyproject.toml constraints.txt $(BIN)/python
	$(BIN)/pip install -q -c constraints.txt ".[test]"
	@touch $@ $(VENV)/installed

# Debian ships venv apart from python3; apt-get is tried where it is not there.
$(BIN)/python:
	@$(PYTHON) -m venv $(VENV) || { \
	  echo "python3-venv is missing; installing it"; \
	  sudo=$$([ $$(id -u) = 0 ] || echo sudo); \
	  $$sudo apt-get update -q && $$sudo apt-get install -y -q python3-venv && \
	  $(PYTHON) -m venv --clear $(VENV); }

clean:
	rm -rf $(VENV) build *.egg-info $(DEMO)
