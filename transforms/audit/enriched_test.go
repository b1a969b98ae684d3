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
			if x.Name() != "" {
				name += "." + digitsIn.ReplaceAllString(x.Name(), "N.")
			}
			if !seen[name] {
				seen[name] = true
				s.fields[name]++
			}
		}
	}
	return out
}

// TestABlankForTheMarkNamesTheRightUsers: what stood behind the blank was glued to the
// value before it, and the name of one user was written for another.
func TestABlankForTheMarkNamesTheRightUsers(t *testing.T) {
	const call = `type=SYSCALL msg=audit(1795227901.125:9): arch=c000003e syscall=87 success=yes exit=0 a0=1 a1=2 a2=3 a3=4 items=0 ppid=1 pid=7 ` +
		`auid=1001 uid=1002 gid=1003 euid=1002 suid=1002 fsuid=1002 egid=1003 sgid=1003 fsgid=1003 tty=(none) ses=5 comm="rm" exe="/usr/bin/rm" key="gone"`
	const login = `type=USER_LOGOUT msg=audit(1795227901.125:9): pid=7 uid=0 auid=1001 ses=5 msg='op=login id=1001 exe="/usr/sbin/sshd" hostname=? addr=192.0.2.7 terminal=ssh res=success'`
	const names = `ARCH=x86_64 SYSCALL=unlink AUID="ana" UID="web" GID="www" EUID="web" SUID="web" FSUID="web" EGID="www" SGID="www" FSGID="www"`
	for _, mark := range []string{" ", "#035", "  ", `\x1d`} {
		e := oneEvent(t, build(t, nil), call+mark+names)
		for k, want := range map[schema.Key]string{schema.UserName: "web", schema.UserAuditName: "ana", schema.UserGroupName: "www", schema.AuditdKey: "gone"} {
			if got := e.Fields.Get(k).Str(); got != want {
				t.Errorf("%q: %s is %q, not %q", mark, k.Info().Name, got, want)
			}
		}
		if got := e.Fields.GetNamed(schema.AuditdData, "SYSCALL").Str(); got != "" {
			t.Errorf("%q: SYSCALL=%s is left over", mark, got)
		}
		e = oneEvent(t, build(t, nil), login+mark+`UID="root" AUID="ana" ID="ana"`)
		if e.Fields.Get(schema.EventOutcome).Str() != "success" || e.Fields.Get(schema.UserName).Str() != "ana" || e.Fields.Get(schema.UserEffectiveName).Str() != "ana" {
			t.Errorf("%q: %s", mark, show(&e))
		}
	}
}

// TestAProgramCannotAddNames: behind a blank, too, only what stands behind the last
// apostrophe of a whole record is auditd's.
func TestAProgramCannotAddNames(t *testing.T) {
	for _, line := range []string{
		`type=USER_LOGIN msg=audit(1795227901.125:9): pid=7 uid=0 auid=1001 ses=5 msg='op=login id=1001 UID="root" AUID="root" ID="root"`,
		`type=USER_LOGIN msg=audit(1795227901.125:9): pid=7 uid=0 auid=1001 ses=5 msg='op=login id=1001 UID="root" AUID="root" ID="root" res=success'`,
		`type=USER_LOGIN msg=audit(1795227901.125:9): pid=7 uid=0 auid=1001 ses=5 msg='op=login id=1001' UID="root" AUID="root" res=success'`,
	} {
		e := oneEvent(t, build(t, nil), line)
		for _, k := range []schema.Key{schema.UserName, schema.UserAuditName, schema.UserEffectiveName} {
			if got := e.Fields.Get(k).Str(); got == "root" {
				t.Errorf("%s: %s is what the program says", line, k.Info().Name)
			}
		}
	}
}

// TestTheUnknownFamilyOfOldAuditd: it is two words without quotes.
func TestTheUnknownFamilyOfOldAuditd(t *testing.T) {
	for _, family := range []string{"unknown family", "unknown family(0)", "unknown-family(0)"} {
		for _, mark := range []string{"\x1d", ""} {
			r, err := Parse("type=SOCKADDR msg=audit(1795227901.125:9): saddr=00000000000000000000000000000000" + mark + "SADDR=" + family)
			if err != nil || r.Enriched != "SADDR="+family || r.torn {
				t.Errorf("%q %s: %q, %v", mark, family, r.Enriched, err)
			}
		}
	}
}
