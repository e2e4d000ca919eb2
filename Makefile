# multiturn: what can be made. `make help` lists it.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

# Where the complete golden data lives, and how long each fuzz target runs; both can be given: make fuzz FUZZTIME=1m
SHARED ?= ../shared
FUZZTIME ?= 10s
BENCHTIME ?= 200ms
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2

# Of `make fidelity`: the reference to measure as well (benchmarks/multi_turn of a vLLM checkout), the Python that has its
# packages, a tokenizer's folder for it, and more flags, such as FIDELITY='-points 1,100'.
REFERENCE ?=
PYTHON ?= python3
TOKENIZER ?=
FIDELITY ?=

# The version comes from git where there is one; without it the binaries say what the Go tool recorded, or "devel".
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null)
LDFLAGS := -s -w $(if $(VERSION),-X multiturn/pkg/cli.version=$(VERSION))

# The race detector needs a C compiler that works.
CC_WORKS := $(shell d=$$(mktemp -d) && printf 'int main(void){return 0;}' >$$d/a.c && "$$(go env CC)" -o $$d/a $$d/a.c 2>/dev/null && echo yes; rm -rf $$d)
RACE := $(if $(CC_WORKS),-race)

.PHONY: help build test golden oracle demo bench fidelity fuzz lint clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## the three commands as static binaries in bin/
	CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o bin/ ./cmd/...
	@ls -l bin/

test: ## all tests, with the race detector where a C compiler is
	@echo '$(if $(RACE),With the race detector.,Without the race detector: it needs a C compiler and "$(shell go env CC)" does not work.)'
	@CGO_ENABLED=$(if $(RACE),1,0) bash scripts/test.sh $(RACE) ./...

golden: ## the complete comparisons with the data in SHARED (default ../shared)
	@if [[ -d '$(SHARED)' ]]; then \
	  echo 'Comparing with the data in $(SHARED).'; \
	  SHARED="$$(cd '$(SHARED)' && pwd)" bash scripts/test.sh -count=1 ./...; \
	else \
	  echo 'The data for the complete comparisons is not at $(SHARED): nothing compared. Say SHARED=folder.'; \
	fi

oracle: ## compare the tokenizer with Hugging Face's own, installed from npm
	@bash scripts/oracle.sh

demo: build ## a run from text to table against the simulated server
	@bash scripts/demo.sh

bench: ## all benchmarks, with memory
	go test -run '^$$' -bench . -benchmem -benchtime $(BENCHTIME) ./... | grep -v -e 'no test files' -e '^PASS$$'

fidelity: build ## the client's numbers against the truth, and the reference's with REFERENCE=folder
	go run ./scripts/fidelity -reference '$(REFERENCE)' -python '$(PYTHON)' -tokenizer '$(TOKENIZER)' $(FIDELITY)

fuzz: ## every fuzz target for FUZZTIME (default 10s)
	@bash scripts/fuzz.sh '$(FUZZTIME)'

lint: ## gofmt, go vet, staticcheck
	@wrong="$$(gofmt -l cmd internal pkg scripts)"; if [[ -n "$$wrong" ]]; then echo "gofmt would change:"; echo "$$wrong"; exit 1; fi
	go vet ./...
	go run $(STATICCHECK) ./...

clean: ## remove what was made
	rm -rf bin out
