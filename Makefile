# Everything a newcomer or CI needs. The first call of any target sets up .venv by itself.
PYTHON ?= $(firstword $(foreach p,python3.12 python3.11 python3.13 python3,$(shell $(p) -c 'import sys; sys.exit(not (3,11) <= sys.version_info[:2] <= (3,13))' 2>/dev/null && command -v $(p))))
BIN := .venv/bin
READY := .venv/.ready
FLOOR := .venv-floor/bin
FLOOR_READY := .venv-floor/.ready
FLOOR_TESTS := $(addprefix tests/,data evaluation export interpolation methods models run training) \
	$(patsubst %,tests/jobs/test_%.py,database doctor ledger settings)

.PHONY: studio test test-browser test-finished test-floor check bench-methods bench-speed bench-faults screenshots clean

studio: $(READY) ## open the studio with its worker on http://127.0.0.1:7860
	$(BIN)/evenkeel up

test: $(READY) ## run all tests: on every core, in two browsers at once, then what needs the machine for itself
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m "not alone and not browser" -n auto
	$(MAKE) --jobs 2 test-browser test-finished
	$(BIN)/python -m pytest -m alone

test-browser: $(READY) ## what people do on the page, and a page that is watched for a minute
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests/browser -m "not alone and not finished"

test-finished: $(READY) ## what they see of a finished run
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests/browser -m "not alone and finished"

test-floor: $(FLOOR_READY) ## run what depends on libraries with the oldest versions that pyproject.toml allows
	$(FLOOR)/python -c "import studio.app"
	OMP_NUM_THREADS=1 $(FLOOR)/python -m pytest -m "not alone and not browser" \
		-W "default:Deprecated in 0.9.0:DeprecationWarning" $(FLOOR_TESTS)

check: $(READY) ## lint, format and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench-methods: $(READY) ## every method and ablation of docs/benchmark.md (many hours on two cores; resumes); options in ARGS
	$(BIN)/python -m tests.bench.methods $(ARGS)

bench-speed: $(READY) ## the figures of docs/speed.md on this machine (half an hour); options in ARGS
	$(BIN)/python -m tests.bench.speed $(ARGS)

bench-faults: $(READY) ## runs under random faults, as in docs/reliability.md (15 minutes); options in ARGS
	$(BIN)/python -m tests.bench.faults $(ARGS)

screenshots: $(READY) ## pictures of every place, into docs/screenshots
	$(BIN)/python -m docs.screenshots docs/screenshots

$(READY): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "Evenkeel needs Python 3.11, 3.12 or 3.13 on the PATH."; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[test]'
	touch $@

$(FLOOR_READY): pyproject.toml constraints-floor.txt
	@test -n "$(PYTHON)" || { echo "Evenkeel needs Python 3.11, 3.12 or 3.13 on the PATH."; exit 1; }
	test -x $(FLOOR)/python || $(PYTHON) -m venv .venv-floor
	$(FLOOR)/python -m pip install --quiet --constraint constraints-floor.txt --editable '.[scale]' pytest
	touch $@

clean:
	rm -rf .venv .venv-floor .pytest_cache .mypy_cache .ruff_cache
