# make demo        a whole floor in one terminal; make demo ARGS="..." passes ARGS instead
# make test        every test, on all cores; make test ARGS="..." passes ARGS to pytest instead, in one process
# make check       format, lint, types, layers
# make bench       what it costs and how fast it is, beside the limits of the machine; ARGS="--quick", ARGS="--only divert"
# make sim         seeds of the whole hub in virtual time; make sim ARGS="--seeds 1000 --minutes 5"
# make plc-power   a full belt, and the PLC's power goes, the daemon dies, or the disk is slow; ARGS="--runs 10"
# make plc-load    parcels an hour that a PLC's wire carries, beside the limit of the wire
# make ports-load  256 scanners on one process: what is lost, what it costs; ARGS="--ports 256 --rate 4 --seconds 30"
# make faults      the faults of docs/faults.md, at every place; ARGS="--row 4"; a fast part of them is in make test
# make kill-points   a writer of the journal is killed before and after everything that it does to its disk
# make crash-images  what a power cut can leave of the journal, at every place in a run
# make cluster     three nats-servers as one JetStream cluster, until Ctrl-C; ARGS="--folder F --sync always"
# make kills         floord is killed 500 times under load; make kills ARGS="--kills 50 --broker mosquitto"
# make disk-faults   a floor on a disk that is full, read-only, slow or broken, and under a clock that steps
# make fuzz        any bytes for every driver, led by coverage; make fuzz ARGS="--kind zebra_ssi --seconds 600"
# make hub-load    the hub of the floor liege in real time: parcels an hour, what each process costs; ARGS="--factor 1.5"
# make hand-answers   how long handhelds wait for their answer; ARGS="--scans 500 --rate 50"
# make mutants     whether the rule tests see a wrong rule; make mutants ARGS="--module matching"
# make screens     the screens in docs/view.md, taken of floors that run; ARGS="--floor FOLDER" of one that runs already
# make lock        write the lock files anew (LOCK_FLAGS=--upgrade takes newer versions)
#
# Needs python3 >= 3.11 (PYTHON=... names another one), make, and a C compiler for the benchmarks.

PYTHON ?= python3
BIN := .venv/bin
UV_VERSION := 0.13.9
CODE := controller devices firmware_stubs tests
# File by file in the order of collection: it begins with the faults, which mostly wait.
ON_ALL_CORES := -n auto --dist loadfile --no-loadscope-reorder
# Real processes with deadlines: they have the machine for themselves, behind all others.
REAL_TIME := tests/faults $(patsubst %,tests/test_%.py,plc_links reader_links readers_at_a_belt demo wire_taps reload \
  process_stalls process_notify process_faults serial_ports floorsim_device simulated_machines)

.PHONY: demo test check bench sim plc-power plc-load ports-load hub-load hand-answers kill-points crash-images kills disk-faults faults cluster mutants fuzz screens lock mosquitto clean
.DELETE_ON_ERROR:

demo: $(if $(findstring mosquitto,$(ARGS)),mosquitto) .venv/run.stamp
	$(BIN)/floord demo $(or $(ARGS),--parcels 100)

test: mosquitto .venv/dev.stamp
ifdef ARGS
	$(BIN)/python -m pytest $(ARGS)
else
	$(BIN)/python -m pytest $(ON_ALL_CORES) $(REAL_TIME:%=--ignore=%)
	$(BIN)/python -m pytest $(REAL_TIME)
endif

check: .venv/dev.stamp
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/ruff check $(CODE)
	$(BIN)/mypy $(CODE)
	$(BIN)/python -m pytest -q tests/test_layers.py

bench: mosquitto .venv/dev.stamp
	$(BIN)/python -m tests.bench $(ARGS)

sim: .venv/dev.stamp
	$(BIN)/python -m tests.sim $(ARGS)

plc-power plc-load ports-load hub-load hand-answers: .venv/dev.stamp
	$(BIN)/python -m tests.$(subst -,_,$@) $(ARGS)

kill-points crash-images kills disk-faults: .venv/dev.stamp
	$(BIN)/python -m tests.faults.$(subst -,_,$@) $(ARGS)

faults: mosquitto .venv/dev.stamp
	$(BIN)/python -m tests.faults $(ARGS)

cluster: .venv/run.stamp
	$(BIN)/python -m controller.run_cluster $(ARGS)

mutants fuzz screens: .venv/dev.stamp
	$(BIN)/python -m tests.$@ $(ARGS)

# Brokers for tests. Never fails: without mosquitto its tests are skipped and say so.
mosquitto:
	@.ci/mosquitto

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "hubfloor needs Python 3.11 or newer; $(PYTHON) is `$(PYTHON) --version 2>&1`." \
	       "Name another one: make PYTHON=python3.11" >&2; exit 1; }
	$(PYTHON) -m venv .venv

.venv/run.stamp: requirements.lock pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

.venv/dev.stamp: requirements-dev.lock .venv/run.stamp
	$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

# The dev lock holds everything that the run lock holds, in the same versions.
COMPILE = "$$uv/bin/uv" pip compile -q --no-config --universal --python-version 3.11 --generate-hashes \
  --custom-compile-command "make lock" $(LOCK_FLAGS) pyproject.toml --extra demo --extra view --group build

lock:
	@uv=`mktemp -d` && trap 'rm -rf "$$uv"' EXIT && $(PYTHON) -m venv "$$uv" && \
	"$$uv/bin/python" -m pip install -q --disable-pip-version-check uv==$(UV_VERSION) && \
	$(COMPILE) -o requirements.lock && \
	$(COMPILE) --group dev -c requirements.lock -o requirements-dev.lock

clean:
	rm -rf .venv build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
