# `make demo` and `make test` set up all they need; `make` lists the rest. Windows: see README.md.
PYTHON ?= python3
UV = uv==0.13.9
PROJECT = {{cookiecutter.project_slug}}
VENV = .venv/bin

.DEFAULT_GOAL := help
.PHONY: help demo test lint bench lock picture docs pictures schema clean

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-7s %s\n", $$1, $$2}' Makefile

demo: .venv/ready ## generate a project with the defaults into build/demo, and run its pipeline
	@rm -rf build/demo.new && mkdir -p build
	@$(VENV)/python -m cookiecutter . --no-input --default-config --output-dir build/demo.new >/dev/null
	@rm -rf build/demo && mv build/demo.new build/demo
	cd build/demo/my-kfp-project && "$(CURDIR)/$(VENV)/python" -m invoke run
	@echo "the report, from here:" build/demo/my-kfp-project/runs/*/report.html

test: lint ## lint, and all tests
	$(VENV)/python -m pytest -n auto

lint: .venv/ready ## ruff and mypy, on the template and on the project in it
	$(VENV)/ruff check --config pyproject.toml .
	$(VENV)/ruff format --check --config pyproject.toml .
	$(VENV)/mypy kf_template_answers.py hooks tests $(wildcard benchmarks)

bench: .venv/ready ## the benchmarks: 20 minutes on an idle machine; a broken promise fails
	$(VENV)/python benchmarks/run.py

lock: .venv/ready ## renew requirements.txt, with the project's own versions where both have a package
	$(VENV)/uv pip compile pyproject.toml --group dev --constraints "$(PROJECT)/requirements.txt" \
	  --universal --python-version 3.11 --generate-hashes --upgrade --quiet --no-header --output-file requirements.txt

picture: .venv/ready ## draw who imports whom in tasks/ into CONTRIBUTING.md
	$(VENV)/python tests/helpers/house.py

docs: .venv/ready ## build the docs as a site into build/docs, strictly
	$(VENV)/python -m sphinx --fail-on-warning --keep-going --quiet docs build/docs
	$(VENV)/python -m sphinx --fail-on-warning --keep-going --quiet --conf-dir docs -D language=fr docs/fr build/docs/fr
	@echo "the site, from here: build/docs/index.html"

pictures: .venv/ready ## make the docs' pictures of a page and of the terminal anew; wants chromium
	PYTHONPATH=tests $(VENV)/python -m helpers.pictures

schema: .venv/ready ## make the project's invoke.schema.json from its checks of invoke.yaml
	@rm -rf build/schema && $(VENV)/python -m cookiecutter . --no-input --default-config --output-dir build/schema >/dev/null
	cd build/schema/my-kfp-project && "$(CURDIR)/$(VENV)/python" -m tasks.project.settings_model >../invoke.schema.json
	cp build/schema/invoke.schema.json "$(PROJECT)/"

clean: ## remove the environment and what was built
	rm -rf .venv build

# The file says that the environment is whole; it is made again when a lock changes.
.venv/ready: requirements.txt $(PROJECT)/requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "This needs Python 3.11 or later, and \
	$(PYTHON) is %d.%d: name another, as in make demo PYTHON=python3.13" % sys.version_info[:2])'
	$(PYTHON) -m venv .venv
	$(VENV)/python -m pip install --quiet --disable-pip-version-check $(UV)
	$(VENV)/uv pip install --quiet --compile-bytecode --python $(VENV)/python --require-hashes \
	  -r requirements.txt -r "$(PROJECT)/requirements.txt"
	@touch $@
