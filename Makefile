# Two commands matter: `make demo` and `make test`. Both set up what they need; `make help` lists the rest.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PY := .venv/bin/python
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup demo up down status logs test lint format bench images schema clean

help: ## List the commands
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 18

setup: ## Put the environment into .venv (nothing to do when it is current)
	@scripts/setup.sh

demo: setup ## The whole way on real images, with results (SOURCE=tcia, CURATE=me)
	@$(PY) scripts/demo.py --source "$(or $(SOURCE),standin)" --curate "$(or $(CURATE),demo)"

up: setup ## Start Postgres and Airflow (what runs stays)
	@$(PY) scripts/services.py up

down: ## Stop everything
	@if [ -x $(PY) ]; then $(PY) scripts/services.py down; else echo "nothing was set up"; fi

status: ## Tell what runs and where
	@if [ -x $(PY) ]; then $(PY) scripts/services.py status; else echo "nothing was set up"; exit 3; fi

logs: ## Last lines of every component (NAME=scheduler for one)
	@$(PY) scripts/services.py logs $(NAME)

test: setup ## The whole test suite
	@scripts/test.sh $(ARGS)

lint: setup ## Formatting, lint, types
	@.venv/bin/ruff format --check . && .venv/bin/ruff check . && .venv/bin/mypy

format: setup ## Format the code
	@.venv/bin/ruff format . && .venv/bin/ruff check --fix .

bench: setup ## One benchmark: make bench NAME=...
	@$(PY) bench/$(NAME).py

images: setup ## Build the model images (needs a container engine)
	@$(PY) scripts/build_images.py

schema: setup ## Write sql/schema.sql anew from the migrations
	@$(PY) scripts/dump_schema.py

clean: down ## Stop, and remove everything that was made (data included)
	@rm -rf .radflow .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis
