# `make` alone lists what there is. Needed: Go, git and make; everything else is
# built from source at the versions pinned in this repository.

SHELL := /usr/bin/env bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help build dist testbed demo demo-backup test bench proof check lint generate clean

# One set of settings for everything, so that nothing is compiled twice.
export CGO_ENABLED := 0
export GOFLAGS := $(strip $(filter-out -trimpath,$(GOFLAGS)) -trimpath)

# The linker stamps version and commit from git, and does without where there is
# no usable repository (an archive, a checkout of another user): "devel" then.
VCS := $(shell git rev-parse --verify --quiet HEAD >/dev/null 2>&1 && echo auto || echo false)
GOBUILD := CGO_ENABLED=0 go build -trimpath -buildvcs=$(VCS) -ldflags '-s -w'

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## Build the three plugins into bin/
	$(GOBUILD) -o bin/ ./cmd/...

dist: ## Make a release of the commit into dist/: archives for all platforms, checksums, bills of materials, a krew index
	go run ./docs/gen/dist

testbed: ## Build bin/testbed, which runs real clusters on this machine
	go build -buildvcs=false -o bin/testbed ./test/testbed

demo: ## Show what it does, on three real clusters; KEEP=1 leaves them running
	@KEEP=$(KEEP) .ci/demo

demo-backup: ## Show a backup of three real clusters, killed on purpose, and its restore into a fourth
	@KEEP=$(KEEP) .ci/demo-backup

test: testbed ## Run all tests: unit, script, testbed, and integration on a real fleet
	@.ci/test

bench: testbed ## Measure us beside our peers; RUNS=5, ONLY=REGEX of the titles
	@.ci/bench -runs '$(or $(RUNS),5)' -only '$(ONLY)'

proof: testbed ## Run the long matrices (minutes each); their dated results are in docs/proof
	bin/testbed build --with karmada --with capi
	go test -count=1 -v -parallel 6 -timeout 90m ./test/proof/...
	KUBECTL_FLEET_RIGHTS_ONE_BY_ONE=1 go test -count=1 -v -p 1 -timeout 60m -run '^TestRights$$' ./test/integration/fleetbackup ./test/integration/fleetscale
	KUBECTL_FLEET_RIGHTS_ONE_BY_ONE=1 go test -count=1 -v -timeout 30m -run '^TestRightsOfSets$$' ./test/integration/fleet
	KUBECTL_FLEET_RELEASE_EVERYWHERE=1 go test -count=1 -v -timeout 120m ./test/release

check: ## Run everything that is checked and is no test
	@.ci/check

lint: bin/tools/golangci-lint ## Run the linters of .golangci.yml
	bin/tools/golangci-lint run ./...

generate: ## Write the krew manifests and docs/reference anew
	go run ./docs/gen

clean: ## End what was started here, and remove all that was built
	@if [ -x bin/testbed ]; then bin/testbed down --dir bin/.test-fleet; bin/testbed down --dir bin/.bench-fleet; bin/testbed down --dir .testbed; bin/testbed down --dir .testbed-backup; fi
	rm -rf bin dist

bin/tools/golangci-lint: .ci/tools/go.mod .ci/tools/go.sum
	cd .ci/tools && go build -ldflags '-s -w' -o ../../bin/tools/ tool
	@touch $@
