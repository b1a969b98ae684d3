# The targets that a person needs. `make demo` and `make test` need only Go;
# `make lint` fetches the pinned linter through the Go module proxy; `make
# integration` says what it needs, and installs it where it may.
GOLANGCI_LINT := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
BUILD := build
DEMO  := $(BUILD)/demo
NFPM  := github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.43.0

# Of a release. The epoch is that of the commit, so the same source gives the same bytes.
VERSION  ?= 0.0.0
ARCH     ?= $(shell go env GOARCH)
REVISION := $(shell git rev-parse HEAD 2>/dev/null)
EPOCH    := $(or $(SOURCE_DATE_EPOCH),$(shell git log -1 --format=%ct 2>/dev/null),0)

.PHONY: package image release
.PHONY: build demo test race lint fuzz bench bench-peers bench-kafka bench-logs sizing generate attribution integration integration-full soak clean
# The program is copied from what the linker made, as a package's is: the linker writes its
# file by way of a map of it, and of such a file the kernel keeps some 7 MiB more resident.
build:
	CGO_ENABLED=0 go build -trimpath -o $(BUILD)/linked/tallyman ./cmd/tallyman
	@install -m 755 $(BUILD)/linked/tallyman $(BUILD)/tallyman

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

# Every fuzz target in turn, FUZZTIME each (20s, or 2000000x for so many runs), and
# how many runs that were.
fuzz:
	@.ci/fuzz

bench:
	go test -run '^$$' -bench . -benchmem ./...

# What it costs beside other programs on this machine, on one core. It needs the
# yardsticks (YARDSTICKS) and, to compare with it, laurel.
bench-peers: build
	TALLYMAN=$(CURDIR)/$(BUILD)/tallyman go test -count=1 -timeout 60m -tags peers -run '^TestPeers$$' -v ./integration/

# The same beside rsyslog, with a real Kafka as the destination. It needs the
# yardsticks, Java and Maven and, to compare with it, rsyslog-kafka.
bench-kafka: build
	TALLYMAN=$(CURDIR)/$(BUILD)/tallyman go test -count=1 -timeout 60m -tags peers -run '^TestPeersKafka$$' -v ./integration/

# Syslog beside rsyslog, and the logs of containers (to a file, and to Splunk's HEC) beside the bare limit, on one
# core. It needs the yardsticks and rsyslog, and to compare containers' logs with Fluent Bit that too (FLUENT_BIT
# names the program where it is not in the PATH). With BEFORE it measures two builds.
bench-logs: build
	TALLYMAN=$(CURDIR)/$(BUILD)/tallyman go test -count=1 -timeout 60m -tags peers -run '^TestPeers(Syslog|Containers|HEC)$$' -v ./integration/

# What a host has to have for it, idle and under load: the table of docs/SIZING.md.
# SIZING_SECONDS, SIZING_RATE, SIZING_TRIES and SIZING_IDLE_SECONDS say how much.
sizing: $(BUILD)/package/tallyman
	TALLYMAN=$(CURDIR)/$(BUILD)/package/tallyman go test -count=1 -timeout 60m -tags sizing -run '^TestSizing$$' -v ./integration/

# docs/reference and docs/cli are printed by the program itself; tests compare.
generate: build
	@mkdir -p docs/reference
	$(BUILD)/tallyman reference > docs/reference/settings.md
	$(BUILD)/tallyman reference --schema > docs/reference/tallyman.schema.json
	@rm -rf docs/cli
	$(BUILD)/tallyman reference --commands docs/cli

# How many events find their container, capture by capture: the tables of
# docs/ATTRIBUTION.md. It needs ../shared, and takes minutes.
attribution:
	TALLYMAN_ATTRIBUTION=full go test -count=1 -timeout 60m -run '^(TestAttribution|TestLossOffline|TestTheSimulationIsTrue)$$' -v ./transforms/container

integration: build
	TALLYMAN=$(CURDIR)/$(BUILD)/tallyman go test -count=1 -timeout 35m -tags integration -v ./integration/...

# The same with what takes many minutes: Gitea and the OpenTelemetry Collector are
# built once, OpenSearch is fetched.
integration-full: build
	INTEGRATION=full TALLYMAN=$(CURDIR)/$(BUILD)/tallyman go test -count=1 -timeout 120m -tags integration -v ./integration/...

# A thousand kills, and a destination that comes and goes as often. SOAK_CYCLES
# says how many, SOAK_SEED repeats a run.
soak: build
	TALLYMAN=$(CURDIR)/$(BUILD)/tallyman SOAK_CYCLES=$(or $(SOAK_CYCLES),1000) go test -count=1 -timeout 3h -tags integration -v -run '^TestSoak' ./integration/

# What a package and the image hold: no path of this machine, no time, no state of git.
$(BUILD)/package/tallyman: FORCE
	@mkdir -p $(@D)
	CGO_ENABLED=0 GOOS=linux GOARCH=$(ARCH) go build -trimpath -buildvcs=false -ldflags '-s -w -buildid= -X main.release=$(VERSION)' -o $@ ./cmd/tallyman
	@go run ./cmd/tallyman completion bash > $(@D)/tallyman.bash
	@rm -rf $(@D)/man && mkdir -p $(@D)/man
	@TZ=UTC SOURCE_DATE_EPOCH=$(EPOCH) go run -buildvcs=false ./cmd/tallyman man --dir $(@D)/man && gzip -9n $(@D)/man/*.1
FORCE:
.PHONY: FORCE

# The deb and the rpm, in build/package.
package: $(BUILD)/package/tallyman
	@for kind in deb rpm; do \
		VERSION=$(VERSION) ARCH=$(ARCH) SOURCE_DATE_EPOCH=$(EPOCH) \
		go run $(NFPM) package --config configs/deploy/packages/nfpm.yaml --packager $$kind --target $(BUILD)/package/ || exit 1; done

# The container image. DOCKER may name another program, or another engine.
image: $(BUILD)/package/tallyman
	@sh configs/deploy/image/context.sh $(BUILD)/image $<
	$(or $(DOCKER),docker) build --build-arg VERSION=$(VERSION) --build-arg REVISION=$(REVISION) -t tallyman:$(VERSION) $(BUILD)/image

# Packages and a tarball for both machines, the bill of materials and the checksums, in
# build/release. Twice from the same commit it is the same bytes.
release:
	@rm -rf $(BUILD)/release $(BUILD)/package && mkdir -p $(BUILD)/release
	@for arch in amd64 arm64; do $(MAKE) --no-print-directory package ARCH=$$arch && \
		mv $(BUILD)/package/*.deb $(BUILD)/package/*.rpm $(BUILD)/release/ && \
		tar --sort=name --mtime=@$(EPOCH) --owner=0 --group=0 --numeric-owner -C $(BUILD)/package -cf - tallyman | gzip -n > $(BUILD)/release/tallyman_$(VERSION)_linux_$$arch.tar.gz || exit 1; done
	@go run ./configs/deploy/sbom -version $(VERSION) > $(BUILD)/release/tallyman_$(VERSION).cdx.json
	@cd $(BUILD)/release && sha256sum * > SHA256SUMS && cat SHA256SUMS

clean:
	rm -rf $(BUILD)
