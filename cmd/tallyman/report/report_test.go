package report

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// pair is a field of an event.
type pair struct {
	k schema.Key
	v string
}

// ev is an event of node-1.
func ev(id string, at time.Time, dataset string, pairs ...pair) event.Event {
	e := event.Event{ID: event.NewID([]byte(id)), Time: at, Seen: at.Add(time.Second), Dataset: dataset, Records: 1}
	e.Fields.AddString(schema.EventKind, "event")
	e.Fields.AddString(schema.HostName, "node-1")
	for _, p := range pairs {
		if p.k == schema.EventKind {
			e.Fields.Set(p.k, event.String(p.v))
			continue
		}
		if p.k.Info().Type == schema.Long {
			var n int64
			_, _ = fmt.Sscan(p.v, &n)
			e.Fields.Add(p.k, event.Int(n))
			continue
		}
		e.Fields.AddString(p.k, p.v)
	}
	return e
}

func options() Options {
	return Options{Pack: Packs()[0], From: noon, To: noon.Add(6 * time.Hour), Gap: time.Hour, Input: "a test", Query: "tallyman query",
		Rules: []Rule{{"TM-X-001", "A rule", "high", []string{"10.2.1.2", "10.2.1.10"}}, {"TM-X-002", "Another", "low", []string{"10.2.1.2"}}}}
}

// made reports on events, and returns the CSV of those that are cited too.
func made(t testing.TB, o Options, events ...event.Event) (*Report, [][]string) {
	t.Helper()
	var b bytes.Buffer
	cited, err := NewCited(&b)
	if err != nil {
		t.Fatal(err)
	}
	m, err := New(o, cited)
	if err != nil {
		t.Fatal(err)
	}
	for i := range events {
		if err := m.Add(&events[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := cited.Flush(); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&b).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return m.Report(Completeness{Verdict: "as a test says", Notes: []string{}}), rows[1:]
}

func section(t testing.TB, r *Report, id string) *Section {
	t.Helper()
	for _, s := range r.Sections {
		if s.ID == id {
			return s
		}
	}
	t.Fatalf("there is no section %s", id)
	return nil
}

// TestFigures: each kind of event stands in its table, with its id, and in events.csv
// with the code of the figure.
func TestFigures(t *testing.T) {
	at := noon.Add(time.Minute)
	for _, c := range []struct {
		name, section string
		cells         []string
		e             event.Event
	}{
		{"sudo", "PRIV", []string{"ana", "root", "ran a command through sudo", "", ""},
			ev("1", at, "auditd.log", pair{schema.EventAction, "ran-command"}, pair{schema.UserAuditName, "ana"}, pair{schema.UserEffectiveName, "root"})},
		{"a person who became root", "PRIV", []string{"uid 1000", "uid 0", "became root", "web", "shop"},
			ev("2", at, "auditd.log", pair{schema.EventAction, "executed"}, pair{schema.UserAuditID, "1000"}, pair{schema.UserID, "0"}, pair{schema.UserEffectiveID, "0"},
				pair{schema.ContainerID, "c1"}, pair{schema.ContainerName, "web"}, pair{schema.ContainerImageName, "shop"})},
		{"root in a container, by whom the session says", "PRIV", []string{"ben", "uid 0", "root in a container", "0123456789ab", ""},
			ev("3", at, "auditd.log", pair{schema.EventAction, "executed"}, pair{schema.UserID, "0"}, pair{schema.UserEffectiveID, "0"}, pair{schema.ContainerID, "0123456789abcdef"}, pair{schema.TallymanSessionUser, "ben"})},
		{"exec by Docker", "PRIV", []string{"(not said)", "", "exec by the engine", "web", ""},
			ev("4", at, "docker.events", pair{schema.EventAction, "exec_start"}, pair{schema.ContainerName, "web"})},
		{"kubectl exec", "PRIV", []string{"kim", "", "Kubernetes exec", "shop/api-0", ""},
			ev("5", at, "kubernetes.audit", pair{schema.EventAction, "create"}, pair{schema.KubernetesAuditUserUsername, "kim"}, pair{schema.KubernetesAuditObjectRefResource, "pods"},
				pair{schema.KubernetesAuditObjectRefSubresource, "exec"}, pair{schema.KubernetesAuditObjectRefNamespace, "shop"}, pair{schema.KubernetesAuditObjectRefName, "api-0"})},
		{"a failed login", "ACC", []string{"mallory", "logged-in", "203.0.113.9", "node-1", "failure"},
			ev("6", at, "auditd.log", pair{schema.EventCategory, "authentication"}, pair{schema.EventAction, "logged-in"}, pair{schema.EventOutcome, "failure"}, pair{schema.UserName, "mallory"}, pair{schema.SourceIP, "203.0.113.9"})},
		{"a request that is forbidden", "ACC", []string{"eve", "list", "", "node-1", "failure"},
			ev("7", at, "kubernetes.audit", pair{schema.EventAction, "list"}, pair{schema.EventOutcome, "failure"}, pair{schema.UserName, "eve"}, pair{schema.KubernetesAuditResponseStatusCode, "403"})},
		{"the clock is set", "CONF", []string{"changed-system-time", "uid 0", "web on node-1", "success"},
			ev("8", at, "auditd.log", pair{schema.EventAction, "changed-system-time"}, pair{schema.EventOutcome, "success"}, pair{schema.UserID, "0"}, pair{schema.ContainerName, "web"})},
		{"audit rules are written", "CONF", []string{"opened-file /etc/audit/rules.d/x.rules", "ana", "node-1", "success"},
			ev("9", at, "auditd.log", pair{schema.EventAction, "opened-file"}, pair{schema.EventType, "change"}, pair{schema.FilePath, "/etc/audit/rules.d/x.rules"}, pair{schema.EventOutcome, "success"}, pair{schema.UserAuditName, "ana"})},
		{"an image is pulled", "IMG", []string{"reg.example:5000/shop/api", "1.2", "sha256:ab", "reg.example:5000", "pull"},
			ev("10", at, "docker.events", pair{schema.EventAction, "pull"}, pair{schema.ContainerImageName, "reg.example:5000/shop/api"}, pair{schema.ContainerImageTag, "1.2"}, pair{schema.ContainerImageHashAll, "sha256:ab"})},
		{"a container is met", "IMG", []string{"redis", "", "", "(not said)", "container met"},
			ev("11", at, "auditd.log", pair{schema.EventAction, "opened-file"}, pair{schema.ContainerID, "c9"}, pair{schema.ContainerImageName, "redis"})},
		{"somebody joins the group docker", "ADM", []string{"modified-group-account", "docker", "mallory", "ana", "node-1", "success"},
			ev("12", at, "auditd.log", pair{schema.EventCategory, "iam"}, pair{schema.EventAction, "modified-group-account"}, pair{schema.UserTargetName, "mallory"}, pair{schema.GroupName, "docker"},
				pair{schema.UserAuditName, "ana"}, pair{schema.EventOutcome, "success"})},
		{"a token of a service account", "ADM", []string{"create", "serviceaccounts/token builder", "", "kim", "node-1", "success"},
			ev("13", at, "kubernetes.audit", pair{schema.EventAction, "create"}, pair{schema.KubernetesAuditUserUsername, "kim"}, pair{schema.KubernetesAuditObjectRefResource, "serviceaccounts"},
				pair{schema.KubernetesAuditObjectRefSubresource, "token"}, pair{schema.KubernetesAuditObjectRefName, "builder"}, pair{schema.EventOutcome, "success"})},
		{"a role is bound", "ADM", []string{"create", "clusterrolebindings x to cluster-admin", "", "kim", "node-1", "success"},
			ev("14", at, "kubernetes.audit", pair{schema.EventCategory, "iam"}, pair{schema.EventAction, "create"}, pair{schema.KubernetesAuditUserUsername, "kim"}, pair{schema.KubernetesAuditObjectRefResource, "clusterrolebindings"},
				pair{schema.KubernetesAuditObjectRefName, "x"}, pair{schema.KubernetesAuditRoleRef, "cluster-admin"}, pair{schema.EventOutcome, "success"})},
		{"a serial gap", "LOSS", []string{"node-1", "audit", "audit-sequence-gap", "7 events never came"},
			ev("15", at, internal, pair{schema.EventAction, "audit-sequence-gap"}, pair{schema.TallymanComponent, "audit"}, pair{schema.Message, "7 events never came"})},
		{"a rule matched", "RULE", []string{"TM-X-001", "A rule", "high", "10.2.1.2"},
			ev("16", at, "auditd.log", pair{schema.EventKind, "alert"}, pair{schema.RuleID, "TM-X-001"}, pair{schema.RuleName, "A rule"}, pair{schema.EventSeverity, "8"}, pair{schema.TallymanCompliancePCIDSS, "10.2.1.2"})},
		{"for a control", "CTL", []string{"10.2.1.2", "actions of those with administrative access", "TM-X-001 TM-X-002"},
			ev("17", at, "auditd.log", pair{schema.EventKind, "alert"}, pair{schema.RuleID, "TM-X-001"}, pair{schema.TallymanCompliancePCIDSS, "10.2.1.2"})},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, cited := made(t, options(), c.e, ev("nothing", at, "auditd.log", pair{schema.EventAction, "end"}))
			var row *Row
			for _, one := range section(t, r, c.section).Rows {
				if one.Count > 0 {
					row = one
				}
			}
			if row == nil {
				t.Fatalf("section %s has no row", c.section)
			}
			if !slices.Equal(row.Cells, c.cells) {
				t.Errorf("%q, want %q", row.Cells, c.cells)
			}
			if want := c.e.ID.String(); row.Count != 1 || !slices.Equal(row.Sample, []string{want}) || row.Query() != `event.id in ["`+want+`"]` {
				t.Errorf("%d events, %q", row.Count, row.Query())
			}
			if len(cited) != 1 || cited[0][0] != c.e.ID.String() || !slices.Contains(strings.Fields(cited[0][15]), row.Code) {
				t.Errorf("cited: %q, want figure %s", cited, row.Code)
			}
		})
	}
}

// TestNotPrivileged: what is no privileged access is not called so.
func TestNotPrivileged(t *testing.T) {
	for name, e := range map[string]event.Event{
		"a health check": func() event.Event {
			e := ev("1", noon, "docker.events", pair{schema.EventAction, "exec_start"})
			e.Fields.Add(schema.DockerExecHealthcheck, event.Bool(true))
			return e
		}(),
		"a user's program":             ev("2", noon, "auditd.log", pair{schema.EventAction, "executed"}, pair{schema.UserID, "1000"}, pair{schema.UserEffectiveID, "1000"}, pair{schema.UserAuditID, "1000"}),
		"the host's root for itself":   ev("3", noon, "auditd.log", pair{schema.EventAction, "executed"}, pair{schema.UserID, "0"}, pair{schema.UserEffectiveID, "0"}),
		"an event of the day before":   ev("4", noon.Add(-time.Second), "auditd.log", pair{schema.EventAction, "ran-command"}),
		"an event of the period after": ev("5", noon.Add(6*time.Hour), "auditd.log", pair{schema.EventAction, "ran-command"}),
	} {
		r, cited := made(t, options(), e)
		if n := len(section(t, r, "PRIV").Rows); n != 0 || len(cited) != 0 {
			t.Errorf("%s: %d rows, %d cited", name, n, len(cited))
		}
	}
}

// TestGap: an hour or more in which nothing came is in the report, whatever the order.
func TestGap(t *testing.T) {
	var whole, holed []event.Event
	for m := range 6 * 60 {
		e := ev(fmt.Sprint(m), noon.Add(time.Duration(m)*time.Minute), "auditd.log")
		whole = append(whole, e)
		if m < 120 || m >= 200 {
			holed = append(holed, e)
		}
	}
	if r, _ := made(t, options(), whole...); len(r.Gaps) != 0 {
		t.Errorf("a whole record has the gaps %v", r.Gaps)
	}
	r, _ := made(t, options(), holed...)
	slices.Reverse(holed)
	again, _ := made(t, options(), holed...)
	if fmt.Sprint(r.Gaps) != fmt.Sprint(again.Gaps) {
		t.Errorf("in another order the gaps are\n%v\n%v", r.Gaps, again.Gaps)
	}
	if len(r.Gaps) != 2 || r.Gaps[0].Kind != silent || r.Gaps[1].Kind != unread {
		t.Fatalf("the gaps are %v", r.Gaps)
	}
	for _, g := range r.Gaps {
		if g.Host != "node-1" || g.From < "2026-11-21T14:00:00Z" || g.From > "2026-11-21T14:05:00Z" || g.To < "2026-11-21T15:15:00Z" || g.To > "2026-11-21T15:20:00Z" {
			t.Errorf("the gap is %v", g)
		}
	}
	var page bytes.Buffer
	if err := WriteHTML(&page, r); err != nil || !strings.Contains(page.String(), "2026-11-21 14:0") || !strings.Contains(page.String(), silent) {
		t.Errorf("the page does not show the gap: %v", err)
	}
}

// TestReadLater: where nothing was read in the period, nothing is said of when the
// shipper was down.
func TestReadLater(t *testing.T) {
	e := ev("1", noon.Add(time.Minute), "auditd.log")
	e.Seen = noon.Add(48 * time.Hour)
	r, _ := made(t, options(), e)
	for _, g := range r.Gaps {
		if g.Kind == unread {
			t.Errorf("a gap of reading: %v", g)
		}
	}
	if len(r.Silence) != 1 || !strings.Contains(r.Silence[0], "2026-11-23T12:00:00") {
		t.Errorf("said %q", r.Silence)
	}
}

// TestHostileText: what an attacker wrote does nothing to who looks at the report.
func TestHostileText(t *testing.T) {
	var list []event.Event
	for i, text := range []string{`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, "=HYPERLINK(\"http://evil\")", "+1+1", "-2", "@SUM(A1)", "\t=1", " =1", "\x1b[2Jx",
		"a\u202eb", "a\u2066b", "a\x00b", "a\nb,\"c", "\xff\xfe", "😀", "{{.Title}}", "日本", "a\u2028b", strings.Repeat("x", 10_000)} {
		list = append(list, ev(fmt.Sprint(i), noon.Add(time.Minute), "auditd.log", pair{schema.EventAction, "ran-command"}, pair{schema.UserAuditName, text},
			pair{schema.ContainerName, text}, pair{schema.ContainerImageName, text}, pair{schema.Message, text}, pair{schema.HostName, text}))
		list = append(list, ev(fmt.Sprint("l", i), noon.Add(time.Minute), internal, pair{schema.EventAction, text}, pair{schema.TallymanComponent, text}, pair{schema.Message, text}))
		list[len(list)-2].Fields.Set(schema.HostName, event.String(text))
	}
	r, cited := made(t, options(), list...)
	var page, pdf, figures bytes.Buffer
	if err := WriteHTML(&page, r); err != nil {
		t.Fatal(err)
	}
	if err := WritePDF(&pdf, r); err != nil || !bytes.HasPrefix(pdf.Bytes(), []byte("%PDF-")) {
		t.Fatalf("no PDF: %v", err)
	}
	for _, bad := range []string{"<script", "<img", "\x1b", "\u202e", "\u2066", "\u2028", "\x00", strings.Repeat("x", maxCell+1)} {
		if strings.Contains(page.String(), bad) {
			t.Errorf("the page has %q", bad)
		}
	}
	if !strings.Contains(page.String(), "&lt;script&gt;") || !strings.Contains(page.String(), `a\u{202e}b`) {
		t.Error("the text is not shown at all")
	}
	if err := WriteFigures(&figures, r); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&figures).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range append(rows, cited...) {
		for _, c := range row {
			if s := strings.TrimSpace(c); s != "" && strings.ContainsRune("=+-@", rune(s[0])) {
				t.Errorf("a cell is a formula: %.40q", c)
			}
			if strings.ContainsFunc(c, unicode.IsControl) {
				t.Errorf("a cell has a control: %.40q", c)
			}
		}
	}
	if len(cited) != len(list) {
		t.Errorf("%d of %d events are cited", len(cited), len(list))
	}
}

// TestSameBytes: the same events give the same report.
func TestSameBytes(t *testing.T) {
	render := func() string {
		var list []event.Event
		for i := range 2000 {
			list = append(list, ev(fmt.Sprint(i), noon.Add(time.Duration(i)*time.Second), "auditd.log", pair{schema.EventAction, "ran-command"},
				pair{schema.UserAuditName, fmt.Sprint("u", i%700)}, pair{schema.ContainerID, fmt.Sprint(i % 9)}, pair{schema.ContainerImageName, fmt.Sprint("i", i%5)}))
		}
		r, cited := made(t, options(), list...)
		var b bytes.Buffer
		for _, write := range []func(io.Writer, *Report) error{WriteHTML, WritePDF, WriteFigures} {
			if err := write(&b, r); err != nil {
				t.Fatal(err)
			}
		}
		text, err := json.Marshal(r)
		if err != nil || !strings.Contains(string(text), Statement) || !strings.Contains(b.String(), Statement) {
			t.Fatalf("no statement: %v", err)
		}
		return b.String() + string(text) + fmt.Sprint(cited)
	}
	one := render()
	for range 3 {
		if render() != one {
			t.Fatal("the same events gave another report")
		}
	}
}

// TestBounded: rows are bounded and everything is counted; ten times the events take no
// more memory.
func TestBounded(t *testing.T) {
	cited, err := NewCited(io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	m, err := New(options(), cited)
	if err != nil {
		t.Fatal(err)
	}
	heap := func() uint64 {
		var s runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&s)
		return s.HeapAlloc
	}
	feed := func(from, to int) {
		for i := from; i < to; i++ {
			name := fmt.Sprint("user-", i)
			e := ev(name, noon.Add(time.Minute), "auditd.log", pair{schema.EventAction, "ran-command"}, pair{schema.UserAuditName, name}, pair{schema.HostName, name},
				pair{schema.EventCategory, "authentication"}, pair{schema.EventOutcome, "failure"})
			e.Fields.Set(schema.HostName, event.String(name))
			if err := m.Add(&e); err != nil {
				t.Fatal(err)
			}
		}
	}
	feed(0, 10_000)
	before := heap()
	feed(10_000, 100_000)
	if grown := int64(heap()) - int64(before); grown > 1<<20 {
		t.Errorf("90,000 events took %d bytes", grown)
	}
	r := m.Report(Completeness{})
	for _, id := range []string{"PRIV", "ACC", "SRC"} {
		s, n := section(t, r, id), uint64(0)
		for _, row := range s.Rows {
			n += row.Count
		}
		if n != 100_000 || len(s.Rows) != maxRows+1 || s.Rows[maxRows].Code != id+"-others" {
			t.Errorf("%s: %d rows count %d events", id, len(s.Rows), n)
		}
	}
	if len(r.Coverage) != maxHosts {
		t.Errorf("%d hosts have a map", len(r.Coverage))
	}
}

func TestNatural(t *testing.T) {
	list := []string{"10.2.1.10", "5.9", "5.10", "10.2.1.2", "5"}
	slices.SortFunc(list, Natural)
	if got := strings.Join(list, " "); got != "5 5.9 5.10 10.2.1.2 10.2.1.10" {
		t.Error(got)
	}
}

// TestTooShortAGap: a period of too many parts is refused, not cut short.
func TestTooShortAGap(t *testing.T) {
	o := options()
	o.To, o.Gap = o.From.AddDate(100, 0, 0), time.Minute
	if _, err := New(o, nil); err == nil {
		t.Error("a hundred years by minutes are taken")
	}
}
