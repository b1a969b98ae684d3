//go:build integration

package integration

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os/exec"
	"strconv"
	"testing"
)

// book is what `tallyman ledger --json` says of one output, in source records.
type book struct {
	balanced bool
	records  map[string]int
}

// settled is up to which source record the output is done with all.
func (b book) settled() int {
	return b.records["received"] - b.records["buffered"] - b.records["in_flight"]
}

// lost is everything that the book calls dropped or dead-lettered.
func (b book) lost() int {
	n := 0
	for name, v := range b.records {
		switch name {
		case "received", "delivered", "unconfirmed", "buffered", "in_flight", "filtered":
		default:
			n += v
		}
	}
	return n
}

// balance adds the columns up, as the program does, and does not believe it.
func (b book) balance() bool {
	sum := b.lost()
	for _, name := range []string{"delivered", "unconfirmed", "buffered", "in_flight", "filtered"} {
		sum += b.records[name]
	}
	return b.balanced && sum == b.records["received"]
}

// books runs `tallyman ledger` on a journal whose program is dead.
func books(t *testing.T, journal string) map[string]book {
	t.Helper()
	out, err := exec.Command(program(t), "ledger", "--json", "--journal-dir", journal).Output()
	if err != nil {
		t.Fatalf("tallyman ledger: %v\n%s", explained(err), out)
	}
	var answer struct {
		Balanced bool
		Outputs  []struct {
			Output   string
			Balanced bool
			States   map[string]struct{ Records int }
		}
		Upstream []struct{ Reason string }
	}
	if err := json.Unmarshal(out, &answer); err != nil {
		t.Fatal(err)
	}
	all := map[string]book{}
	for _, o := range answer.Outputs {
		b := book{o.Balanced && answer.Balanced, map[string]int{}}
		for name, v := range o.States {
			b.records[name] = v.Records
		}
		if !b.balance() {
			t.Errorf("the book of %s does not balance: %v", o.Output, b.records)
		}
		if b.lost() != 0 {
			t.Errorf("the book of %s says that something was lost: %v", o.Output, b.records)
		}
		all[o.Output] = b
	}
	for _, u := range answer.Upstream {
		t.Errorf("the input says that it lost something: %s", u.Reason)
	}
	return all
}

// explained adds what a program said on its standard error.
func explained(err error) error {
	if e, ok := err.(*exec.ExitError); ok { //nolint:errorlint // exec gives it as it is
		return fmt.Errorf("%w\n%s", err, tail(e.Stderr))
	}
	return err
}

// verify runs `tallyman journal verify`, which reads all and recomputes the books.
func verify(t *testing.T, journal string) {
	t.Helper()
	if out, err := exec.Command(program(t), "journal", "verify", "--journal-dir", journal).CombinedOutput(); err != nil {
		t.Errorf("tallyman journal verify: %v\n%s", err, tail(out))
	}
}

// journalled asks the journal for all events and returns their issued numbers;
// one that is there twice fails.
func journalled(t *testing.T, journal string) map[int]bool {
	t.Helper()
	out, err := exec.Command(program(t), "query", "true", "--format", "json", "--journal-dir", journal).Output()
	if err != nil {
		t.Fatalf("tallyman query: %v", explained(err))
	}
	all := map[int]bool{}
	s := bufio.NewScanner(bytes.NewReader(out))
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		m := issuedIn.FindSubmatch(s.Bytes())
		if m == nil {
			continue // the program's own
		}
		n, err := strconv.Atoi(string(m[1]))
		if err != nil {
			t.Fatal(err)
		}
		if all[n] {
			t.Errorf("event %d is in the journal twice", n)
		}
		all[n] = true
	}
	return all
}
