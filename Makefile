PORT ?= 3000

# uv comes from PyPI into its own folder when the machine has none.
UV := $(or $(shell command -v uv),.venv-uv/bin/uv)
BIN := .venv/bin

# What tests start again and again finds its code compiled, whatever the user's own habit.
test e2e images mutants: export PYTHONDONTWRITEBYTECODE =

.PHONY: run test e2e lint types docs dist install clean help image images mutants

help: ## Say what each target does
	@grep -hE '^[a-z0-9]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

run: install ## Lay out the example fleet, and serve the board and Dagster on 127.0.0.1:$(PORT)
	@$(BIN)/deploy-orchestrator init
	@echo "The board comes up on http://127.0.0.1:$(PORT), and Dagster on http://127.0.0.1:$(PORT)/dagster"
	@PYTHONWARNINGS=ignore DAGSTER_HOME=$(CURDIR) PATH="$(CURDIR)/$(BIN):$$PATH" PORT=$(PORT) exec $(BIN)/honcho start

test: lint types ## Everything that needs no cluster; with MEASURED=1 also how much of each room that reaches
	$(MAKE) --directory images/edge-inference test UV=$(abspath $(UV))
	$(if $(MEASURED),$(BIN)/coverage erase)
	$(BIN)/$(if $(MEASURED),coverage run,python) -m pytest
	$(if $(MEASURED),$(BIN)/coverage combine --quiet && $(BIN)/python -m tests.coverage_by_room)

mutants: install ## Change the code that guards something in small ways, and tell what no test noticed
	$(BIN)/mutmut run
	$(BIN)/mutmut results

e2e: .venv/installed-e2e ## What needs a real Helm, cluster, Argo CD and Git forge, built and run here (Linux)
	helm=$$(cd tests/e2e && $(CURDIR)/$(BIN)/python -m rig.build) && \
	PATH="$$helm:$$PATH" $(BIN)/python -m pytest -m "helm or many"
	$(BIN)/python -m pytest -c tests/e2e/pytest.ini tests/e2e --ignore tests/e2e/node --ignore tests/e2e/edge
	$(if $(KUBECONFIG),,tests/e2e/node/isolated $(BIN)/python -m pytest -c tests/e2e/pytest.ini tests/e2e/node)

images: .venv/installed-e2e ## Build images/edge-inference for two processors, push, measure, release and serve it (Linux, root)
	$(BIN)/python -m pytest -c tests/e2e/pytest.ini tests/e2e/edge -rP

lint: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/zizmor --offline --quiet .github

types: install
	$(BIN)/pyright

docs: install ## Write the pages that are made from the code, and build the site into .site
	$(BIN)/python -m reference
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

image: ## Build images/orchestrator for this machine, with buildah
	buildah build --file images/orchestrator/Containerfile --ignorefile images/orchestrator/.containerignore \
	  --timestamp $$(git log -1 --format=%ct) --tag deploy-orchestrator .

dist: install ## Build sdist and wheel into dist, and try the wheel in a fresh environment
	rm -rf dist
	$(UV) build --quiet
	tests/wheel/fresh.sh $(UV) dist/*.whl

install: .venv/installed ## Make .venv from uv.lock

.venv/installed: pyproject.toml uv.lock | $(UV)
	@echo "Installing what uv.lock names into .venv: once, within some minutes, most of which it takes to fetch"
	@$(UV) sync --frozen --quiet --compile-bytecode
	@touch $@

.venv/installed-e2e: .venv/installed
	$(UV) sync --frozen --quiet --compile-bytecode --group e2e
	@touch $@

.venv-uv/bin/uv:
	@echo "Installing uv, which installs the rest, into .venv-uv"
	@python3 -m venv .venv-uv && .venv-uv/bin/pip install --quiet uv

clean: ## Remove the local repositories, history and caches
	rm -rf .local .site
