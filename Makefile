# Everything starts here; `make` alone lists what there is. Set-up is part of each target that needs it.
.DEFAULT_GOAL := help
.PHONY: help setup demo test check fmt bench fuzz cuts soak load lock clean
MAKEFLAGS += --no-print-directory
BIN := .venv/bin

help:  ## this list
	@if [ -t 1 ]; then c='\033[36m' n='\033[0m'; fi; \
	sed -n 's/^\([a-z]*\):[^#]*## *\(.*\)/\1|\2/p' Makefile | \
	while IFS='|' read -r name text; do printf "  $${c}make %-7s$${n} %s\n" "$$name" "$$text"; done

setup:  ## virtual environment, locked packages, Prosody (kept in .venv and .cache)
	@sh tools/setup.sh

demo: setup  ## a private server, the bot and a crowd; KEEP=1 leaves them running
	@KEEP=$(KEEP) $(BIN)/python -m demo

test: setup check  ## checks, the whole suite, then unit and connection tests on the machine's other Pythons
	@$(BIN)/python -m pytest -n 3 --dist loadfile
	@$(BIN)/python tools/other_interpreters.py

check: setup  ## format, lint, types, layers
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

fmt: setup  ## format the code and mend what the linter can
	@$(BIN)/ruff check --quiet --fix . ; $(BIN)/ruff format .

bench: setup  ## side by side with peers on one server; table, and JSON in benchmarks/results
	@$(BIN)/python -m benchmarks

fuzz: setup  ## hostile input of every kind; MINUTES=10 for all targets, TARGET=decode for one
	@$(BIN)/python -m tests.fuzz --minutes $(or $(MINUTES),10) $(addprefix --target ,$(TARGET))

cuts: setup  ## the connection cut at every byte of an exchange (half an hour)
	@$(BIN)/python -m pytest tests/server/test_every_cut.py --every-byte -rP

soak: setup  ## a bot under faults of every kind, and an independent count; MINUTES=10 KILLS=50 SEED=1 PROSODY=0.12
	@$(BIN)/python -m tests.soak --minutes $(or $(MINUTES),10) --kills $(or $(KILLS),50) \
		$(addprefix --seed ,$(SEED)) $(addprefix --prosody ,$(PROSODY))

load: setup  ## 200 rooms, 2,000 occupants, all that the server can relay; MINUTES=10 PROSODY=0.12
	@$(BIN)/python -m tests.soak.load --minutes $(or $(MINUTES),10) $(addprefix --prosody ,$(PROSODY))

lock: setup  ## resolve requirements/*.in again and write the hashed locks
	@UPGRADE=$(UPGRADE) sh tools/lock.sh

clean:  ## remove caches and builds; environments and fetched servers stay (rm -r .venv* .cache)
	@rm -rf build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	@find . -name __pycache__ -not -path './.venv*' -prune -exec rm -rf {} +
