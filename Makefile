# The targets that a person needs. `make demo` and `make test` need only Go;
# `make lint` fetches the pinned linter through the Go module proxy; `make
# integration` says what it needs, and installs it where it may.
GOLANGCI_LINT := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
BUILD := build
DEMO  := $(BUILD)/demo

.PHONY: build demo test race lint fuzz bench bench-peers generate attribution integration soak clean
build:
	CGO_ENABLED=0 go build -trimpath -o $(BUILD)/tallyman ./cmd/tallyman

demo: build
	@rm -rf $(DEMO) && mkdir -p $(DEMO) && gzip -dc configs/demo/audit.log.gz > $(DEMO)/audit.log
	@DEMO_DIR=$(CURDIR)/$(DEMO) $(BUILD)/tallyman run --once --config configs/demo/demo.yaml
	@echo && echo "Every event:  $(DEMO)/events.json (ECS), $(DEMO)/events.cef" && echo "The alerts:   $(DEMO)/alerts.json"

test:
	go vet ./...
	go test ./...

race:
	CGO_ENABLED=1 go test -race ./...

lint:
	@bad=$$(gofmt -l .); if [ -n "$$bad" ]; then echo "not gofmt-ed:"; echo "$$bad"; exit 1; fi
	go run $(GOLANGCI_LINT) run ./...

# Every fuzz target in turn, FUZZTIME each.
fuzz:
	@go test -list '^Fuzz' ./... | awk '/^Fuzz/ {f[n++]=$$1} /^ok/ {for (i=0;i<n;i++) print $$2, f[i]; n=0}' | \
	while read pkg target; do echo "$$pkg $$target"; go test -run '^$$' -fuzz "^$$target$$" -fuzztime $(or $(FUZZTIME),20s) $$pkg || exit 1; done

bench:
	go test -run '^$$' -bench . -benchmem ./...

# What it costs beside other programs on this machine, on one core. It needs the
# yardsticks (YARDSTICKS) and, to compare with it, laurel.
bench-peers: build
	TALLYMAN=$(CURDIR)/$(BUILD)/tallyman go test -count=1 -timeout 60m -tags peers -run '^TestPeers$$' -v ./integration/

# docs/reference is printed by the program itself; a test compares.
generate: build
	@mkdir -p docs/reference
	$(BUILD)/tallyman reference > docs/reference/settings.md
	$(BUILD)/tallyman reference --schema > docs/reference/tallyman.schema.json

# How many events find their container, capture by capture: the tables of
# docs/ATTRIBUTION.md. It needs ../shared, and takes minutes.
attribution:
	TALLYMAN_ATTRIBUTION=full go test -count=1 -timeout 60m -run '^(TestAttribution|TestLossOffline|TestTheSimulationIsTrue)$$' -v ./transforms/container

integration: build
	TALLYMAN=$(CURDIR)/$(BUILD)/tallyman go test -count=1 -timeout 20m -tags integration -v ./integration/...

# A thousand kills, and a destination that comes and goes as often. SOAK_CYCLES
# says how many, SOAK_SEED repeats a run.
soak: build
	TALLYMAN=$(CURDIR)/$(BUILD)/tallyman SOAK_CYCLES=$(or $(SOAK_CYCLES),1000) go test -count=1 -timeout 3h -tags integration -v -run '^TestSoak' ./integration/

clean:
	rm -rf $(BUILD)
