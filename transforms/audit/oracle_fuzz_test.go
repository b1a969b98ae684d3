package audit

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/elastic/go-libaudit/v2/auparse"
)

// libraryDefects are the known ways in which the audit library reads a line
// otherwise, or not at all. What none of them explains fails the fuzz.
var libraryDefects = []struct {
	why string
	is  func(line string, r *Record) bool
}{
	{"it refuses node= and takes what stands before type= for nothing", func(line string, _ *Record) bool { return !strings.HasPrefix(line, "type=") }},
	{"it wants msg= before the stamp", func(line string, _ *Record) bool {
		return !strings.Contains(line, " msg=audit(")
	}},
	{"it refuses a record without fields", func(_ string, r *Record) bool { return strings.TrimSpace(r.Body) == "" }},
	{"its serial is of 32 bits", func(_ string, r *Record) bool { return r.Serial > 1<<32-1 }},
	{"it does not know a type by its bare number, nor one that its table has not", func(_ string, r *Record) bool {
		_, err := auparse.GetAuditMessageType(r.Type)
		return err != nil
	}},
	{"it takes a number in brackets behind any word for a type", func(_ string, r *Record) bool {
		return strings.Contains(r.Type, "[") && !strings.HasPrefix(r.Type, "UNKNOWN[")
	}},
	{"it joins new and old to the name behind them, also where a value ends with them", func(_ string, r *Record) bool {
		if r.Type != "LOGIN" {
			return false
		}
		for _, word := range [...]string{"new ", "old "} {
			if at := strings.Index(r.Body, word); at > 0 && r.Body[at-1] != ' ' {
				return true
			}
		}
		return false
	}},
	{"it wants a colon and a blank behind the stamp", func(line string, _ *Record) bool { return !strings.Contains(line, "): ") }},
	{"it cuts a value at a blank or a mark and glues what stands behind 0x1D to the value before it", func(line string, r *Record) bool {
		return r.Enriched != "" || strings.ContainsAny(line, "\x1d\t\r\n\v\f\u0085\u00a0'\"\\(){}") && strings.ContainsAny(r.Body, "\x1d\t\r\n\v\f'\"\\(){}")
	}},
	{"it reads bytes that are no text as something else", func(line string, _ *Record) bool {
		for i := range len(line) {
			if line[i] >= 0x80 || line[i] < ' ' {
				return true
			}
		}
		return false
	}},
}

// plainKeys are fields that the library leaves as they are.
var plainKeys = map[string]bool{"pid": true, "ppid": true, "a1": true, "a2": true, "a3": true, "items": true, "inode": true, "opid": true}

// FuzzAgainstTheLibrary reads a line with the audit library's parser and with ours. What
// it accepts we accept, with the same type, time and serial; and the plain fields
// of a record without marks are equal.
func FuzzAgainstTheLibrary(f *testing.F) {
	for _, l := range []string{sysA, exeA, cwdA, endA, eoeA, sysB, loneC, syscallLine} {
		f.Add(l)
	}
	for _, name := range must(filepath.Glob(filepath.Join("testdata", "events", "*.log"))) {
		for _, l := range readLines(f, name) {
			f.Add(l)
		}
	}
	k := newKinds()
	f.Fuzz(func(t *testing.T, line string) {
		r, err := Parse(line)
		lib, libErr := auparse.ParseLogLine(line)
		if err != nil {
			if libErr == nil && strings.HasPrefix(line, "type=") && strings.Contains(line, " msg=audit(") && lib.Timestamp.Unix() >= 0 && lib.Timestamp.Unix() <= maxSec {
				head, _, _ := strings.Cut(line, ": ")
				if _, again := Parse(head + ": x=1"); again == nil {
					t.Fatalf("the library reads %q, we do not", line)
				}
			}
			return
		}
		if strings.ToUpper(r.Type) != r.Type { // it knows the names of types in any case; auditd writes them in this one
			return
		}
		for _, d := range libraryDefects {
			if d.is(line, &r) {
				return
			}
		}
		if libErr != nil {
			t.Fatalf("the library does not read %q: %v", line, libErr)
		}
		if k.of(r.Type) != uint16(lib.RecordType) || r.Serial != uint64(lib.Sequence) || r.Sec*1000+int64(r.Milli) != lib.Timestamp.UnixMilli() {
			t.Fatalf("%q is %+v, theirs is %v %v %d", line, r, lib.RecordType, lib.Timestamp, lib.Sequence)
		}
		samePlain(t, line, &r, lib)
	})
}

// samePlain compares the plain fields that stand once in a record.
func samePlain(t *testing.T, line string, r *Record, lib *auparse.AuditMessage) {
	t.Helper()
	data, err := lib.Data()
	if err != nil { // it gives up on a record that lacks what its type should have
		return
	}
	seen := map[string]int{}
	for w := NewWalk(r.Body); ; {
		tok, ok := w.Next()
		if !ok {
			break
		}
		seen[tok.Key]++
	}
	for w := NewWalk(r.Body); ; {
		tok, ok := w.Next()
		if !ok {
			return
		}
		if !plainKeys[tok.Key] || seen[tok.Key] > 1 || tok.Form != Bare || strings.ContainsAny(tok.Val, " ,=?") || tok.Val == "" {
			continue // the last of two wins there; a value with a blank is cut
		}
		if got, ok := data[tok.Key]; ok && got != tok.Val {
			t.Fatalf("%s of %q is %q, theirs is %q", tok.Key, line, tok.Val, got)
		}
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
