package audit

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
	"strings"
	"testing"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// What auditd adds with log_format=ENRICHED says nothing that the record and the
// host's databases do not: with the same names in them, a record gives the same
// event with and without it.

// databases writes the users and groups that the enriched parts of lines name.
func databases(t *testing.T, lines []string) (passwd, group string) {
	t.Helper()
	kinds := newKinds()
	users, groups := map[string]string{}, map[string]string{}
	for _, l := range lines {
		r, err := parse(l)
		if err != nil || r.Enriched == "" {
			continue
		}
		body := map[string]string{}
		for w := NewWalk(r.Body); ; {
			tok, ok := w.Next()
			if !ok {
				break
			}
			body[strings.ToUpper(tok.Key)] = tok.Val
			for in := NewWalk(tok.Val); tok.Form == Body; {
				said, ok := in.Next()
				if !ok {
					break
				}
				if said.Key == "id" {
					body["ID"] = said.Val
				}
			}
		}
		kind := kinds.of(r.Type)
		for w := NewWalk(r.Enriched); ; {
			tok, ok := w.Next()
			if !ok {
				break
			}
			id, known := body[tok.Key]
			switch name := tok.Val; {
			case !known || name == "unset" || strings.HasPrefix(name, "unknown("):
			case tok.Key == "ID" && managesGroups(kind):
				groups[id] = name
			case strings.HasSuffix(tok.Key, "UID"), tok.Key == "ID":
				users[id] = name
			case strings.HasSuffix(tok.Key, "GID"):
				groups[id] = name
			}
		}
	}
	dir := t.TempDir()
	passwd, group = filepath.Join(dir, "passwd"), filepath.Join(dir, "group")
	for name, m := range map[string]map[string]string{passwd: users, group: groups} {
		var b strings.Builder
		for id, n := range m {
			b.WriteString(n + ":x:" + id + ":" + id + ":::\n")
		}
		if err := os.WriteFile(name, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return passwd, group
}

func TestWithoutTheEnrichedPartTheFieldsAreTheSame(t *testing.T) {
	sources := map[string][]string{"small-enriched": captureLines(t, "small-enriched", []string{"audit.log.gz"}),
		"lossy-enriched": captureLines(t, "lossy-enriched", []string{"audit.log.gz"}),
		"captured":       readLines(t, filepath.Join(shared, "audit", "captured", "auditd_enriched_kernel_6.18.log"))}
	for name, lines := range sources {
		lines = lines[:min(len(lines), 8000)]
		passwd, group := databases(t, lines)
		tr := build(t, func(s *Settings) { s.Passwd, s.Group, s.KeepOriginal = passwd, group, "never" })
		if name == "captured" {
			tr.host = "vm" // it was recorded with node=vm
		}
		in := records(lines)
		raw := slices.Clone(in)
		enriched := 0
		for i := range raw {
			r, err := parse(raw[i].Raw)
			if err == nil && r.Enriched != "" {
				raw[i].Raw = strings.TrimSuffix(strings.TrimSuffix(raw[i].Raw, r.Enriched), "\x1d")
				enriched++
			}
		}
		if enriched < len(lines)/3 {
			t.Errorf("%s: only %d of %d lines are enriched", name, enriched, len(lines))
		}
		if diff := sameEvents(run(t, tr, raw, 500), run(t, tr, in, 500)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// TestRawAndEnrichedCapturesAgree compares two recordings of the same work, one of
// each format: events of one kind have fields of the same names.
func TestRawAndEnrichedCapturesAgree(t *testing.T) {
	lines := captureLines(t, "small-enriched", []string{"audit.log.gz"})
	passwd, group := databases(t, lines)
	tr := build(t, func(s *Settings) { s.Passwd, s.Group = passwd, group })
	a := shapes(run(t, tr, records(lines), 500))
	b := shapes(run(t, tr, records(captureLines(t, "small-raw", []string{"audit.log.gz"})), 500))
	compared := 0
	for kind, x := range a {
		y := b[kind]
		if y == nil || x.n < 8 || y.n < 8 {
			continue
		}
		compared++
		for field, n := range x.fields {
			if n == x.n && y.fields[field] == 0 {
				t.Errorf("%s: every enriched event has %s, no raw one", kind, field)
			}
		}
		for field, n := range y.fields {
			if n == y.n && x.fields[field] == 0 {
				t.Errorf("%s: every raw event has %s, no enriched one", kind, field)
			}
		}
	}
	if compared < 12 {
		t.Errorf("only %d kinds were compared", compared)
	}
	t.Logf("%d kinds were compared", compared)
}

type shape struct {
	n      int
	fields map[string]int
}

var digitsIn = regexp.MustCompile(`\b\d+\.`)

func shapes(events []event.Event) map[string]*shape {
	out := map[string]*shape{}
	for i := range events {
		f := events[i].Fields
		var keys []string
		for k := range f.All(schema.AuditdKey) {
			keys = append(keys, k.Str())
		}
		sort.Strings(keys)
		kind := strings.Join([]string{f.Get(schema.EventAction).Str(), f.Get(schema.EventCode).Str(), f.Get(schema.EventType).Str(),
			f.Get(schema.EventOutcome).Str(), f.GetNamed(schema.AuditdData, "syscall").Str(), strings.Join(keys, ",")}, " ")
		s := out[kind]
		if s == nil {
			s = &shape{fields: map[string]int{}}
			out[kind] = s
		}
		s.n++
		seen := map[string]bool{}
		for _, x := range f {
			name := x.Key.String()
			if x.Name != "" {
				name += "." + digitsIn.ReplaceAllString(x.Name, "N.")
			}
			if !seen[name] {
				seen[name] = true
				s.fields[name]++
			}
		}
	}
	return out
}
