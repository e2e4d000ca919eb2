# The targets of multiturn. `make help` lists them.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

# The folder of the complete golden data, and how long each fuzz target runs. Set them like this: make fuzz FUZZTIME=1m
SHARED ?= ../shared
FUZZTIME ?= 10s
BENCHTIME ?= 200ms
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
DEADCODE := golang.org/x/tools/cmd/deadcode@v0.52.0
VULNCHECK := golang.org/x/vuln/cmd/govulncheck@v1.9.0

# For `make fidelity`: the reference to measure too (benchmarks/multi_turn of a vLLM checkout), a Python with its packages,
# the folder of a tokenizer for it, and more flags, such as FIDELITY='-points 1,100'.
REFERENCE ?=
PYTHON ?= python3
TOKENIZER ?=
FIDELITY ?=

# The version is git's. Without git the binaries report what the Go tool recorded, or "devel".
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null)
LDFLAGS := -s -w $(if $(VERSION),-X multiturn/pkg/cli.version=$(VERSION))

# The race detector needs a working C compiler.
CC_WORKS := $(shell d=$$(mktemp -d) && printf 'int main(void){return 0;}' >$$d/a.c && "$$(go env CC)" -o $$d/a $$d/a.c 2>/dev/null && echo yes; rm -rf $$d)
RACE := $(if $(CC_WORKS),-race)

.PHONY: help build test golden oracle demo bench fidelity certify calibrate predict soak fuzz lint clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## the three commands as static binaries in bin/
	CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o bin/ ./cmd/...
	@ls -l bin/

test: ## all tests, with the race detector if there is a C compiler
	@echo '$(if $(RACE),With the race detector.,Without the race detector: it needs a C compiler and "$(shell go env CC)" does not work.)'
	@CGO_ENABLED=$(if $(RACE),1,0) bash scripts/test.sh $(RACE) ./...

golden: ## the complete comparisons with the data in SHARED (../shared)
	@if [[ -d '$(SHARED)' ]]; then \
	  echo 'Comparing with the data in $(SHARED).'; \
	  SHARED="$$(cd '$(SHARED)' && pwd)" bash scripts/test.sh -count=1 ./...; \
	else \
	  echo 'There is no data for the complete comparisons at $(SHARED). Nothing was compared; set SHARED=folder.'; \
	fi

oracle: ## compare the tokenizer with Hugging Face's, Mistral's and tiktoken, installed from registries
	@bash scripts/oracle.sh

demo: build ## what a CPU tier is worth, in two runs against the simulated server
	@bash scripts/demo.sh

bench: ## all benchmarks, with allocations
	go test -run '^$$' -bench . -benchmem -benchtime $(BENCHTIME) ./... | grep -v -e 'no test files' -e '^PASS$$'

fidelity: build ## compare the client with the truth; with REFERENCE=folder the reference too
	go run ./scripts/fidelity -reference '$(REFERENCE)' -python '$(PYTHON)' -tokenizer '$(TOKENIZER)' $(FIDELITY)

certify: build ## how often the client's certificate is right, under disturbance (25 min); CERTIFY='-runs 5'
	go run ./scripts/certify $(CERTIFY)

calibrate: ## how often the report's intervals hold the truth, in simulated runs; CALIBRATE='-runs 100'
	go run ./scripts/calibrate $(CALIBRATE)

predict: build ## predicted hits beside those of ten simulated servers, with four requests in flight
	go run ./scripts/predict $(PREDICT)

soak: build ## 200,000 turns under every fault: nothing lost, nothing grows (10 min); SOAK='-turns 20000'
	go run ./scripts/soak $(SOAK)

fuzz: ## run every fuzz target for FUZZTIME (10s)
	@bash scripts/fuzz.sh '$(FUZZTIME)'

lint: ## gofmt, go vet, staticcheck, deadcode, govulncheck
	@wrong="$$(gofmt -l cmd internal pkg scripts)"; if [[ -n "$$wrong" ]]; then echo "gofmt would change:"; echo "$$wrong"; exit 1; fi
	go vet ./...
	go run $(STATICCHECK) ./...
	@# scripts/deadcode.txt: what an Example shows, or tests compare with the reference.
	@dead="$$(go run $(DEADCODE) ./cmd/... | grep -vFf scripts/deadcode.txt || true)"; \
	  if [[ -n "$$dead" ]]; then echo "reached by no command (or add it to scripts/deadcode.txt):"; echo "$$dead"; exit 1; fi
	bash scripts/vulncheck.sh $(VULNCHECK)

clean: ## remove bin and out
	rm -rf bin out
