# The commands of every day. `make demo` and `make test` install what they lack (scripts/setup).
.DEFAULT_GOAL := help
.PHONY: help install setup build test unit sanitizers crash-matrix e2e writers demo demo-stop format lint generate clean

PRESET ?= release
PREFIX ?= /usr/local
BUILD := build/$(PRESET)
JOBS ?= 2

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## Install everything that building and testing needs, where it is missing
	@scripts/setup test

build: ## Configure and build one preset (PRESET=dev|release|asan|tsan, default release)
	cmake --preset $(PRESET)
	cmake --build $(BUILD) -j$(JOBS)

test: ## Run every test, after installing what is missing and building (PRESET=...)
	@scripts/setup test
	@$(MAKE) --no-print-directory build
	ctest --test-dir $(BUILD) --output-on-failure --no-tests=error -j$(JOBS)

unit: build ## Run the tests that need no cluster
	ctest --test-dir $(BUILD) --output-on-failure --no-tests=error -j$(JOBS) --label-exclude e2e

sanitizers: ## Run unit and property tests under the address and undefined-behaviour sanitizers
	@scripts/setup test
	@scripts/sanitizers $(JOBS)

crash-matrix: ## Run the simulator's fault matrices in full: every fault at every write (SPILLWAY_SEED=n: another seed)
	cmake --preset $(PRESET)
	cmake --build $(BUILD) -j$(JOBS) --target sim_scenario_test
	seq 0 $$(($(JOBS) - 1)) | SPILLWAY_MATRIX=full xargs -P$(JOBS) -I{} env GTEST_TOTAL_SHARDS=$(JOBS) GTEST_SHARD_INDEX={} \
	  $(BUILD)/tests/sim/sim_scenario_test --gtest_brief=1 --gtest_filter='*MatrixTest*'

e2e: build ## Run the tests on a real control plane (ARGS="-k name" selects)
	SPILLWAY_BUILD_DIR=$(BUILD) e2e/run-tests $(ARGS)

writers: build ## Install real writers of checkpoints (Orbax, torch: gigabytes) and cut their output off at every point
	@tests/integration/storage/writers/install
	STORAGE_PROBE=$(CURDIR)/$(BUILD)/tests/integration/storage/storage_probe SPILLWAY_AGENT=$(CURDIR)/$(BUILD)/agent/spillway-agent \
	  tests/integration/storage/run-tests -k test_writers

install: ## Build kubectl-spillway and put it on the PATH (PREFIX=..., default /usr/local)
	cmake --preset $(PRESET)
	cmake --build $(BUILD) -j$(JOBS) --target kubectl-spillway
	install -D -m 755 $(BUILD)/cli/kubectl-spillway $(DESTDIR)$(PREFIX)/bin/kubectl-spillway
	install -D -m 755 cli/kubectl_complete-spillway $(DESTDIR)$(PREFIX)/bin/kubectl_complete-spillway

demo: ## Start a local cluster with GPU nodes of three tiers and watch Spillway place work on it
	@scripts/setup demo
	@scripts/demo

demo-stop: ## Stop what the demo left running
	@scripts/demo stop

format: ## Format the C++ sources
	@scripts/sources | xargs -r clang-format-19 -i

lint: ## Check formatting, and run clang-tidy over the sources of a configured preset (PRESET=...)
	@scripts/lint $(BUILD)

generate: ## Write the files that are made from the resource types: CRDs and their reference
	cmake --preset $(PRESET)
	cmake --build $(BUILD) -j$(JOBS) --target crdgen
	$(BUILD)/tools/crdgen/crdgen crds --out crds
	$(BUILD)/tools/crdgen/crdgen docs --out docs/reference

clean: ## Remove the builds; the tools in the cache stay
	rm -rf build
