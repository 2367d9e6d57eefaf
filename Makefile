# One verb a line: `make help` prints them. Everything lands in .venv; nothing outside this folder is changed.
SHELL := /bin/sh
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet --quiet
ARGS ?=
# Proofs that take as long as they take: no test of theirs is ended after ten minutes.
LONG := $(BIN)/python -m pytest --timeout 0 -o faulthandler_timeout=0

.DEFAULT_GOAL := help
.PHONY: help demo serve test test-external style check soak model fuzz screenshots bench bench-bulk bench-import bench-register bench-search bench-pages bench-http bench-handle bench-headroom bench-cache bench-counting bench-invalidation bench-replica bench-link bench-snms bench-storage bench-online loadtest loadtest-full test-million lock clean

help: ## this list
	@grep -E '^[a-z-]+:.*## ' Makefile | sed -E 's/:[^#]*## /\t/' | expand -t 18

demo: .venv/runtime ## the whole node with real products; ARGS='--fresh --exit --json FILE'
	@$(BIN)/biaoshi demo $(ARGS)

serve: .venv/runtime ## a node of your own; ARGS='--config FILE'
	@$(BIN)/biaoshi serve $(ARGS)

test: .venv/test ## the test suite
	@$(BIN)/python -m pytest -n 4 --dist loadfile --no-loadscope-reorder $(ARGS)

test-external: .venv/test ## the database tests against Debian's PostgreSQL 15
	@$(BIN)/python -m tests.external -n 4 --dist loadfile --no-loadscope-reorder $(ARGS)

style: .venv/test ## style and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

check: style ## style, types, architecture
	@$(BIN)/python -m pytest tests/architecture $(ARGS)

test-million: .venv/test ## a million rows with 1,000 bad ones: the good are registered, the corrected complete it
	@$(LONG) tests/system/test_import_whole.py --rows 1000000 $(ARGS)

soak: .venv/test ## kill -9 rounds: a 200,000-row import, a million resolutions, 50,000 events upward
	@$(LONG) tests/system/test_kills.py --rows 200000 --rounds 60 $(ARGS)
	@$(LONG) tests/system/test_counting_proof.py tests/resolver/counting/test_torn_stores.py \
	  --events 1000000 --kills 20 --torn 1000 $(ARGS)
	@$(LONG) tests/system/test_link_proof.py --link-events 50000 --link-kills 200 $(ARGS)
	@$(LONG) tests/docking --docking-whole $(ARGS)

model: .venv/test ## 500 sequences of 50 acts over HTTP against a dictionary
	@$(LONG) tests/system/test_model.py --sequences 500 --acts 50 $(ARGS)

fuzz: .venv/test ## a million damaged messages of the Handle protocol; the borders of every schema of /v1
	@$(LONG) tests/resolver/handle/test_fuzz.py --frames 1000000 $(ARGS)
	@$(LONG) tests/registry/api/test_contract.py --contract-whole $(ARGS)

screenshots: .venv/test ## pictures of every page in both languages; ARGS='FOLDER'
	@$(BIN)/python -m tests.screenshots $(ARGS)

loadtest: .venv/test ## a compressed day of each acceptance criterion among 2,000,000; ARGS='--identifiers N --report FOLDER'
	@$(BIN)/python -m loadtest.load_test $(ARGS)

loadtest-full: .venv/test ## thirty compressed days among 2,000,000, judged by the node's own acceptance; ARGS likewise
	@$(BIN)/python -m loadtest.load_test --criteria ningbo --days 30 --report build/loadtest-full $(ARGS)

bench: .venv/test ## every path in one table, with its ceiling and goal; ARGS='--parts handle --json FILE --csv FILE'
	@$(BIN)/python -m loadtest.bench $(ARGS)

bench-bulk: .venv/test ## bulk registration, sequential and random suffixes in turns beside a raw COPY; ARGS='--rows N --rounds N'
	@$(BIN)/python -m loadtest.bench_bulk $(ARGS)

bench-import: .venv/test ## a generated million rows in every format, beside a raw COPY; ARGS='--rows N --formats csv xlsx'
	@$(BIN)/python -m loadtest.bench_import $(ARGS)

bench-register: .venv/test ## single registrations over keep-alive HTTP; ARGS='--total N --connections 16 64'
	@$(BIN)/python -m loadtest.bench_register $(ARGS)

bench-search: .venv/test ## searches among 2,000,000 identifiers: first page, tenth page, count; ARGS='--rows N'
	@$(BIN)/python -m loadtest.bench_search $(ARGS)

bench-pages: .venv/test ## pages of the console in front of 2,000,000 identifiers; ARGS='--rows N'
	@$(BIN)/python -m loadtest.bench_pages $(ARGS)

bench-http: .venv/test ## resolutions by HTTP beside nginx and aiohttp: remembered, looked up, unknown; ARGS='--requests N --rounds N'
	@$(BIN)/python -m loadtest.bench_http $(ARGS)

bench-handle: .venv/test ## the native protocol beside a C program that only echoes; ARGS='--parts ways cost proofs idle'
	@$(BIN)/python -m loadtest.bench_handle $(ARGS)

bench-cache: .venv/test ## the cache: hits beside an exact LRU, cost, memory, longest pause at a million entries; ARGS='--rounds N'
	@$(BIN)/python -m loadtest.bench_cache $(ARGS)

bench-headroom: .venv/test ## the highest constant rate held in front of 2,000,000 identifiers; ARGS='--rows N --seconds S'
	@$(BIN)/python -m loadtest.bench_headroom $(ARGS)

bench-counting: .venv/test ## what counting a resolution costs, by itself and as a part of answering; ARGS='--parts cost path'
	@$(BIN)/python -m loadtest.bench_counting $(ARGS)

bench-invalidation: .venv/test ## how soon a change shows at every worker, idle and while others ask; ARGS='--changes N'
	@$(BIN)/python -m loadtest.bench_invalidation $(ARGS)

bench-replica: .venv/test ## resolving from a standby beside the primary: how soon a change shows, cost; ARGS='--changes N --rounds N'
	@$(BIN)/python -m loadtest.bench_replica $(ARGS)

bench-link: .venv/test ## registration and resolution while the national node is away, and how fast the backlog goes; ARGS='--rounds N'
	@$(BIN)/python -m loadtest.bench_link $(ARGS)

bench-snms: .venv/test ## calls of 2,000 identifiers through SNMS, seven of them bad, beside /v1 bulk; ARGS='--calls N'
	@$(BIN)/python -m loadtest.bench_snms $(ARGS)

bench-storage: .venv/test ## bytes an identifier, ways to pack records, the rate while millions come; ARGS='--rows N --parts growth'
	@$(BIN)/python -m loadtest.bench_storage $(ARGS)

bench-online: .venv/test ## resolutions while 5,000,000 identifiers are worked on; ARGS='--rows N --rate N --work NAME …'
	@$(BIN)/python -m loadtest.bench_online $(ARGS)

lock: ## new requirements.lock and requirements-test.lock (needs uv on the PATH)
	uv pip compile pyproject.toml requirements/build.in --python-version 3.11 --universal --generate-hashes \
	  --no-emit-index-url --no-emit-find-links --no-header --no-annotate -o requirements.lock
	uv pip compile pyproject.toml requirements/build.in --extra test -c requirements.lock --python-version 3.11 \
	  --universal --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate \
	  -o requirements-test.lock

.PHONY: cluster-exercise docker-check
cluster-exercise: .venv/test ## PostgreSQL servers fall under load (Debian: etcd-server patroni postgresql-15); ARGS='--rounds N'
	@$(BIN)/python -m loadtest.cluster_exercise $(ARGS)

docker-check: .venv-docker-check/done ## hadolint and the schema of compose files over docker/
	@.venv-docker-check/bin/hadolint docker/*Dockerfile
	@.venv-docker-check/bin/check-jsonschema --quiet --builtin-schema vendor.compose-spec docker/compose*.yaml

clean: ## remove the virtual environments and caches
	rm -rf .venv .venv-docker-check .pytest_cache .mypy_cache .ruff_cache .hypothesis

.venv/runtime: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' || \
	  { echo 'Python 3.11 or newer with venv is needed: apt install git make python3-venv'; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo 'installing …'
	@$(PIP) install --require-hashes -r requirements.lock
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch .venv/runtime

.venv/test: .venv/runtime requirements-test.lock
	@$(PIP) install --require-hashes -r requirements-test.lock
	@touch .venv/test

# hadolint is GPL-3.0: a program that is run here and enters neither the node's locks nor its image.
.venv-docker-check/done: requirements/docker-check.lock
	@test -x .venv-docker-check/bin/python || $(PYTHON) -m venv .venv-docker-check
	@.venv-docker-check/bin/python -m pip --disable-pip-version-check --quiet --quiet install --require-hashes -r $<
	@touch $@
