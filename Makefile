# diffevo: everything a clone needs, from python3 (3.11 to 3.13), make and git alone.
#
#   make demo     the paper's benchmark at a small size, with figures
#   make test     lint, types, tests
#
# Another interpreter: make test PYTHON=python3.12
# More arguments for pytest: make test PYTEST_ARGS="-k schedules -x"

PYTHON ?= python3
UV_VERSION := 0.13.9
PYTEST_ARGS ?=

UV := .tools/bin/uv
UV_STAMP := .tools/.uv-$(UV_VERSION)
BIN := .venv/bin

# A proxy's or a company's certificate lives in the system's store, which neither pip nor uv reads
# of its own accord. Whatever the environment already says wins.
SYSTEM_CERTIFICATES := $(firstword $(wildcard \
	/etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt /etc/ssl/cert.pem))
ifneq ($(SYSTEM_CERTIFICATES),)
export PIP_CERT ?= $(SYSTEM_CERTIFICATES)
export UV_SYSTEM_CERTS ?= 1
endif

# uv must use the interpreter chosen here and this project's environment, whatever the shell has
# activated.
export UV_PYTHON_DOWNLOADS := never
export UV_PROJECT_ENVIRONMENT := .venv
unexport VIRTUAL_ENV

# Containers often forbid Python to keep what it compiles; every process would compile JAX anew.
unexport PYTHONDONTWRITEBYTECODE

# One stamp for each minor version: naming another interpreter rebuilds the environment.
PYTHON_VERSION := $(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)
VENV_STAMP := .venv/.synced-$(PYTHON_VERSION)

.DEFAULT_GOAL := help
.PHONY: help check-python uv setup demo test test-slow lint format docs-check lock wheel clean distclean

help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

check-python:
	@case "$(PYTHON_VERSION)" in \
	  3.11|3.12|3.13) ;; \
	  "") echo "error: '$(PYTHON)' does not run. Choose another: make PYTHON=/path/to/python3.12" >&2; exit 1 ;; \
	  *) echo "error: diffevo needs Python 3.11, 3.12 or 3.13, and '$(PYTHON)' is $(PYTHON_VERSION)." >&2; \
	     echo "       Choose another: make PYTHON=/path/to/python3.12" >&2; exit 1 ;; \
	esac

$(UV_STAMP): | check-python
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
	  echo "error: '$(PYTHON)' comes without venv. On Debian or Ubuntu: apt install python3-venv" >&2; \
	  exit 1; }
	rm -rf .tools
	$(PYTHON) -m venv .tools
	.tools/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@touch $@

$(VENV_STAMP): pyproject.toml uv.lock $(UV_STAMP) | check-python
	$(UV) sync --locked --extra experiments --extra plotting --extra records --extra report \
	  --extra sklearn --extra tensorboard \
	  --python "$$($(PYTHON) -c 'import sys; print(sys.executable)')"
	@touch $@

uv: $(UV_STAMP)

setup: $(VENV_STAMP) ## Create .venv from the lock file (the other targets do it by themselves)

demo: $(VENV_STAMP) ## Run the paper's benchmark at a small size: table, figures, under three minutes
	$(BIN)/python -m experiments run demo

test: lint ## Lint, types and the default tests
	$(BIN)/python -m pytest -n logical $(PYTEST_ARGS)

test-slow: $(VENV_STAMP) ## The minutes-long tests that `make test` leaves out
	$(BIN)/python -m pytest -m slow $(PYTEST_ARGS)

lint: $(VENV_STAMP) ## Check style, format and types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/basedpyright --pythonpath $(BIN)/python

format: $(VENV_STAMP) ## Rewrite the code in the project's format
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

docs-check: $(VENV_STAMP) ## Run the README's, the docs' and the notebooks' code and check their links
	$(BIN)/python -m pytest tests/test_docs.py tests/test_notebooks.py $(PYTEST_ARGS)

lock: $(UV_STAMP) ## Renew uv.lock after a change of dependencies (UPGRADE=1: newest versions too)
	$(UV) lock $(if $(UPGRADE),--upgrade)

wheel: $(UV_STAMP) ## Build the wheel and the source distribution into dist/
	$(UV) build --out-dir dist

clean: ## Remove caches and build products
	rm -rf dist build .cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -not -path './.venv/*' -not -path './.tools/*' -prune -exec rm -rf {} +

distclean: clean ## Remove the environments too
	rm -rf .venv .tools
