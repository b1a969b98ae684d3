package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"hash/crc32"
	"path/filepath"
	"strings"
	"testing"
)

func TestLedger(t *testing.T) {
	dir, path := journalled(t)
	out, talk := expect(t, exitOK, "ledger", "--config", path)
	if talk != "" {
		t.Errorf("it said %s", talk)
	}
	for _, w := range []string{"json", "late", "received", "delivered", "buffered", "3001", "balance"} {
		if !strings.Contains(out, w) {
			t.Errorf("the table has no %q: %s", w, out)
		}
	}
	conf(t, dir, strings.Replace(lookConfig, "  late:", "  lane:", 1))
	if out, _ := expect(t, exitOK, "ledger", "--config", path); !strings.Contains(out, "late (in no configuration)") {
		t.Errorf("an orphan: %s", out)
	}
	falsify(t, filepath.Join(dir, "journal", "state"), "json")
	out, talk = expect(t, exitFailure, "ledger", "--config", path)
	if !strings.Contains(out, "DOES NOT BALANCE") || !strings.Contains(talk, "the book of json does not balance") {
		t.Errorf("a false book: %s%s", out, talk)
	}
	out, _ = expect(t, exitFailure, "ledger", "--json", "--config", path)
	var l struct {
		Balanced bool
		Outputs  []struct {
			Output   string
			Balanced bool
			Orphan   bool
			States   map[string]struct{ Records, Generated uint64 }
		}
	}
	if err := json.Unmarshal([]byte(out), &l); err != nil {
		t.Fatal(err)
	}
	if l.Balanced || len(l.Outputs) != 2 || l.Outputs[0].Balanced || !l.Outputs[1].Balanced || !l.Outputs[1].Orphan ||
		l.Outputs[0].States["received"].Records != 3001 || l.Outputs[1].States["buffered"].Records != 3001 {
		t.Errorf("as JSON: %s", out)
	}
	out, _ = expect(t, exitCheck, "journal", "verify", "--config", path)
	if !strings.Contains(out, `the book of output "json" does not balance`) {
		t.Errorf("verify: %s", out)
	}
}

// falsify adds one to what an output delivered, in both slots of a state, under
// a right sum.
func falsify(t *testing.T, name, output string) {
	t.Helper()
	spoil(t, name, func(b []byte) {
		for at := 0; at < len(b); at += 64 << 10 {
			slot := b[at:min(at+64<<10, len(b))]
			i := bytes.Index(slot, []byte(output))
			if i < 0 {
				continue
			}
			i += len(output)
			for range 5 { // seq, base and at
				_, n := binary.Uvarint(slot[i:])
				i += n
			}
			slot[i]++
			length := binary.LittleEndian.Uint32(slot[16:])
			copy(slot[20:24], []byte{0, 0, 0, 0})
			binary.LittleEndian.PutUint32(slot[20:], crc32.Checksum(slot[:32+length], crc32.MakeTable(crc32.Castagnoli)))
		}
	})
}
