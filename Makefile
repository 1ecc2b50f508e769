# What someone who has just cloned needs; `make help` lists it.

PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed
SIZE ?= default
MINUTES ?= 10
DRIVER := .venv/.installed-driver
SPARK_VERSION := 4.3.0
SPARK := .venv/.installed-spark-$(SPARK_VERSION)
DBT := .venv/.installed-dbt
EXPLORE := .venv/.installed-explore

.DEFAULT_GOAL := help
.PHONY: help install install-spark install-ui demo lake-demo test test-fast test-long test-spark test-dbt test-ui storm ui explore bench

help:  ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(INSTALLED)  ## make .venv with everything pinned

$(INSTALLED): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--constraint constraints.txt setuptools
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation \
		--constraint constraints.txt --editable '.[dev]'
	touch $@

demo: $(INSTALLED)  ## some weeks of the embedded sandbox, from fetch to model
	$(BIN)/woopra-pipeline demo

lake-demo: $(INSTALLED)  ## the demo's days in a lake on S3, with tables from two engines
	$(BIN)/python -m woopra_pipeline_tests.lake.demo

test: $(INSTALLED)  ## lint, types and the default tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest --numprocesses auto --dist worksteal -m "not long and not ui and not spark"

test-fast: $(INSTALLED)  ## some of the default tests, in less than a minute
	$(BIN)/pytest --numprocesses auto --dist worksteal -m "not long and not ui and not spark" --fast

test-long: $(INSTALLED)  ## the tests that take longer than a unit test may
	$(BIN)/pytest --numprocesses auto --dist worksteal -m long

# Spark has an environment of its own: its package and the client's share their files.
$(SPARK): $(INSTALLED)
	$(PYTHON) -m venv .venv/spark
	.venv/spark/bin/python -m pip install --quiet --disable-pip-version-check \
		pyspark==$(SPARK_VERSION)
	touch $@

install-spark: $(SPARK)

test-spark: $(SPARK)  ## the tables of the lake on a Spark cluster, which needs Java
	.ci/spark
	$(BIN)/pytest -m spark

# So has dbt: it needs other versions of what Dagster needs.
$(DBT): $(INSTALLED) docs/examples/dbt/constraints.txt
	$(PYTHON) -m venv .venv/dbt
	.venv/dbt/bin/python -m pip install --quiet --disable-pip-version-check \
		--constraint docs/examples/dbt/constraints.txt dbt-core dbt-duckdb duckdb
	touch $@

test-dbt: $(DBT)  ## the dbt project of the docs, built by dbt
	$(BIN)/pytest woopra_pipeline_tests/cli/test_dbt.py

$(DRIVER): $(INSTALLED)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation \
		--constraint constraints.txt --editable '.[dev,ui,explore]'
	touch $@

install-ui: $(DRIVER)

test-ui: $(DRIVER)  ## the UI in a real browser; SCREENSHOTS=1 retakes the pictures of the docs
	.ci/browser
	$(BIN)/pytest --numprocesses 2 --dist loadfile -m ui

storm: $(INSTALLED)  ## random faults, kills and damage; MINUTES=60 for longer, SEED=17 to repeat
	$(BIN)/python -m woopra_pipeline_tests.storm --minutes $(MINUTES) $(if $(SEED),--seed $(SEED))

ui: $(INSTALLED)  ## the Dagster UI on the same data, at http://127.0.0.1:3000/assets
	$(BIN)/woopra-pipeline ui

$(EXPLORE): $(INSTALLED)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation \
		--constraint constraints.txt --editable '.[dev,explore]'
	touch $@

explore: $(EXPLORE)  ## look at the model in a browser
	$(BIN)/woopra-pipeline explore

bench: $(INSTALLED)  ## every stage, and other tools, in half an hour; SIZE=small or large
	$(BIN)/python -m benchmarks --size $(SIZE)
