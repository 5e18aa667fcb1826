# `make demo` and `make test` set up everything they need in .venv on a fresh clone.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
DEMO := demo
# One release, so that a check does the same wherever it runs; the extra itself takes any from 2.4 on.
TORCH ?= torch==2.13.0

.PHONY: demo test lint install scores train-smoke clean

$(BIN)/cloudmask: setup.py pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[cpu,test,lint]'
	touch $(BIN)/cloudmask

install: $(BIN)/cloudmask

# Simulate a product, mask it, and say how well the mask agrees with the simulated truth.
demo: install
	rm -rf $(DEMO) && mkdir -p $(DEMO)
	$(BIN)/cloudmask simulate $(DEMO) --size 1830 --seed 4 --biome coast --clouds cumulus,cirrus --cover 0.3
	$(BIN)/cloudmask run $(DEMO)/*.SAFE -o $(DEMO) --quicklook
	$(BIN)/python benchmarks/agreement.py $(DEMO)/*_cloudmask.tif $(DEMO)/*_truth.tif
	@echo "Open $(DEMO)/*_cloudmask.png for a look, $(DEMO)/*_cloudmask.tif in a GIS."

test: install
	$(BIN)/python -m pytest

lint: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

# What needs PyTorch: the tests of training, and simulate, train a tiny network, export it, mask with it, and ask
# for more than a constant could reach.
train-smoke: install
	$(BIN)/python -m pip install --quiet $(TORCH) && $(BIN)/python -m pip install --quiet --editable '.[train]'
	$(BIN)/python -m pytest -q tests/test_train_*.py

# Score, measure speed, and rewrite the tables in README.md; ../shared/data holds the real imagery where there is any.
scores: install
	$(BIN)/python -m pip install --quiet --editable '.[evaluate,bench]'
	$(BIN)/python benchmarks/scores.py
	$(BIN)/python benchmarks/speeds.py

clean:
	rm -rf $(VENV) $(DEMO) build dist *.egg-info processor/*.egg-info
