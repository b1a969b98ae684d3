# The targets that a person needs. `make test` needs only Go; `make lint`
# fetches the pinned linter through the Go module proxy.
GOLANGCI_LINT := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

.PHONY: build test race lint fuzz bench clean
build:
	CGO_ENABLED=0 go build ./...

test:
	go vet ./...
	go test ./...

race:
	CGO_ENABLED=1 go test -race ./...

lint:
	@bad=$$(gofmt -l .); if [ -n "$$bad" ]; then echo "not gofmt-ed:"; echo "$$bad"; exit 1; fi
	go run $(GOLANGCI_LINT) run ./...

fuzz:
	go test -run '^$$' -fuzz FuzzParse -fuzztime $(or $(FUZZTIME),30s) ./transforms/audit

bench:
	go test -run '^$$' -bench . -benchmem ./...

clean:
	go clean ./...
