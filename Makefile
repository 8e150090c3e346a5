# Touchstone. `make run` and `make test` need Python 3.11 or newer and make, nothing else.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
PIP = .venv/bin/pip install --quiet --disable-pip-version-check --require-hashes
PORT ?= 8000

.PHONY: run test test-services check lock images openapi clean

run: .venv/installed
	@exec .venv/bin/python manage.py up --demo --end-with-parent $$PPID --port $(PORT)

# Shared out by file (tests/conftest.py), in the order of the folders, so that the long ones begin early.
BY_FILE = -n 4 --dist loadfile --no-loadscope-reorder

test: .venv/installed-dev
	@.venv/bin/python -m pytest $(BY_FILE)

# What knows no database, or only shows what is there, is tested once: pure functions, the client, the supervisor, doors and
# hostile sockets, pages and the browser.
ONCE = tests/stats tests/client tests/config tests/browser tests/faults/test_up_leaves_no_orphans.py \
 $(patsubst %,tests/security/test_%.py,a01_doors a13_hostile_requests a19_keys_take_the_same_time) \
 $(wildcard tests/*/test_*page*.py)
test-services: .venv/installed-dev
	@DATABASE_URL="$${DATABASE_URL:-postgres://postgres@127.0.0.1:5432/postgres}" \
	 REDIS_URL="$${REDIS_URL:-redis://127.0.0.1:6379/9}" \
	 .venv/bin/python -m pytest $(BY_FILE) $(addprefix --ignore ,$(ONCE))

check: .venv/installed-dev
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy
	@.venv/bin/djlint templates --lint --quiet
	@.venv/bin/python manage.py makemigrations --check --dry-run
	@.venv/bin/python manage.py vendor

# The OpenAPI text of the code as it is; a test fails where the committed one differs.
openapi: .venv/installed-dev
	@.venv/bin/python manage.py spectacular --validate --fail-on-warn --file docs/openapi.yaml

# Measured, not asserted: each prints its table and keeps it in docs/performance.md (statistics: docs/statistics.md).
bench-%: .venv/installed-dev
	@.venv/bin/python -m tests.benchmarks.bench_$*

# The screenshots of the README, made from a demo of their own.
images: .venv/installed-dev
	@.venv/bin/python -m tests.browser.images

lock: .venv/installed-dev
	@.venv/bin/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" requirements.in -o requirements.txt
	@.venv/bin/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" requirements-dev.in -o requirements-dev.txt

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed, and was not found."; exit 1; }
	@$(PYTHON) -m venv .venv

.venv/installed: requirements.txt | .venv/bin/python
	@echo "Installing (once, about a minute) ..."
	@$(PIP) -r requirements.txt
	@touch $@

.venv/installed-dev: requirements-dev.txt requirements.txt | .venv/bin/python
	@$(PIP) -r requirements-dev.txt
	@touch .venv/installed $@

clean:
	rm -rf .venv var
