package syslog

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	gosyslog "github.com/influxdata/go-syslog/v3"
	"github.com/influxdata/go-syslog/v3/rfc3164"
	"github.com/influxdata/go-syslog/v3/rfc5424"

	"tallyman/pipeline/plugintest"
)

// This file holds the reader to go-syslog, the grammar of record: what that one
// takes, ours reads the same; what ours finds nothing wrong with as RFC 5424,
// that one takes. The exceptions are written out below, each with its reason.

var receipt = time.Date(2023, 11, 14, 22, 13, 20, 0, time.UTC)

// judges are the two grammars and our reader.
type judges struct {
	new5424, old3164 gosyslog.Machine
	ours             *decoder
}

func newJudges() *judges {
	return &judges{
		new5424: rfc5424.NewParser(),
		old3164: rfc3164.NewParser(rfc3164.WithRFC3339(), rfc3164.WithYear(rfc3164.Year{YYYY: 2023})),
		ours:    newDecoder(plugintest.Env("")),
	}
}

// tagForm is a tag as RFC 3164 has it.
var tagForm = regexp.MustCompile(`^[^ :\[]{1,32}(\[[^\]]*\])?: .`)

func str(p *string) string {
	if p == nil {
		return ""
	}
	return *p
}

// compare reports what the readers do not agree on, "" for nothing.
func (j *judges) compare(text string) string {
	m := &j.ours.m
	m.reset()
	j.ours.parse(text, receipt)
	// A message that ends early is refused with neither a message nor an error.
	if got, err := j.new5424.Parse([]byte(text)); err == nil && got != nil {
		return j.five(m, got.(*rfc5424.SyslogMessage))
	}
	s := m.priorityRest(text)
	if versioned(s) && !m.badPri && strings.HasPrefix(text, "<") && m.doubt == "" && !m.exported && !ours5424(text) {
		return "go-syslog refuses what ours takes as RFC 5424"
	}
	if got, err := j.old3164.Parse([]byte(text)); err == nil && got != nil && !versioned(s) {
		return j.three(m, got.(*rfc3164.SyslogMessage), text)
	}
	return ""
}

// priorityRest is what follows the PRI, read by a message of its own.
func (*message) priorityRest(text string) string {
	var m message
	return m.priority(text)
}

// ours5424 reports whether a message is one that go-syslog refuses wrongly, or
// that ours takes with reason:
//
//  1. fractions of 7 to 9 digits, which senders in Go write and lose nothing;
//  2. a backslash that escapes nothing (RFC 5424 section 6.3.3: "the receiver
//     MUST treat it as a regular backslash");
//  3. one blank and no message after the structured data, and a BOM before it;
//  4. the data of Check Point's exporter, of which m.exported tells.
func ours5424(text string) bool {
	return hasLongFraction(text) || strings.Contains(text, `\`) || strings.Contains(text, bom)
}

func hasLongFraction(text string) bool {
	for at, c := range []byte(text) {
		if c == '.' && digits(text[at+1:]) > 6 {
			return true
		}
	}
	return false
}

// five compares with a message of RFC 5424. Exceptions: a version that is not 1
// and a NUL are flagged by ours; a BOM is cut; a year that 64-bit nanoseconds do
// not have is none; of two parameters of one name go-syslog has the last.
func (j *judges) five(m *message, got *rfc5424.SyslogMessage) string {
	if m.doubt != "" && got.Version == 1 && !strings.Contains(m.doubt, "NUL") && (got.Timestamp == nil || years(got.Timestamp.Year())) {
		return "ours finds wrong what go-syslog takes: " + m.doubt
	}
	switch {
	case m.pri != int(*got.Priority):
		return "the PRI"
	case m.host != str(got.Hostname) || m.app != str(got.Appname) || m.proc != str(got.ProcID) || m.msgid != str(got.MsgID):
		return "the header"
	case m.text != strings.TrimPrefix(str(got.Message), bom):
		return "the message"
	case got.Timestamp == nil && m.timed:
		return "a time that is not there"
	case got.Timestamp != nil && years(got.Timestamp.Year()) && (!m.timed || !m.at.Equal(*got.Timestamp)):
		return "the time"
	}
	ours := map[string]map[string]string{}
	for _, p := range m.params {
		if ours[p.id] == nil {
			ours[p.id] = map[string]string{}
		}
		if p.name != "" {
			ours[p.id][p.name] = p.value
		}
	}
	theirs := map[string]map[string]string{}
	if got.StructuredData != nil {
		theirs = *got.StructuredData
	}
	if len(ours) != len(theirs) {
		return "the elements"
	}
	for id, params := range theirs {
		if len(ours[id]) != len(params) {
			return "the parameters of " + id
		}
		for name, value := range params {
			if ours[id][name] != value {
				return "the parameter " + name
			}
		}
	}
	return ""
}

// three compares with a message of RFC 3164. Exceptions, each a defect of
// go-syslog or a shape that devices send and that it misreads:
//
//  1. a line end in the body gives it an empty message and no error;
//  2. its year is the current one, and a leap day is the first of March in it;
//  3. its host is the first word after the time whatever that is: a tag, a zone,
//     a year, a text; brackets around an address stay on it, and
//     "(none)" is one;
//  4. its content goes on to the last `]: ` of a message, so that a text can make
//     itself part of the PID; a bracket that is not closed swallows what is
//     before it; and a tag before a colon without a blank is a tag to it and
//     still in the message;
//  5. a tag has 32 characters for it and 64 for us, and a PID any number; several blanks after the time;
//  6. what is inside (CEF, LEEF) is no tag, Cisco's `: %` no text, and a head of
//     RFC 5424 without its version is one;
//  7. a severity as a word before the host or the tag, and the head of a device
//     after that of a relay, are text to it.
func (j *judges) three(m *message, got *rfc3164.SyslogMessage, text string) string {
	host, body := str(got.Hostname), strings.TrimPrefix(str(got.Message), bom)
	if strings.ContainsAny(text, "\n\r\x00") || strings.HasPrefix(m.doubt, "the version") || m.level != "" || m.relayed || m.zone != "" {
		return "" // 7
	}
	if m.pri != int(*got.Priority) {
		return "the PRI"
	}
	theirs := got.Timestamp.UTC()
	if !years(theirs.Year()) {
		return "" // no year that 64-bit nanoseconds have
	}
	if !m.timed {
		return "the time is missing"
	}
	if !m.local && month(text[strings.IndexByte(text, '>')+1:]) > 0 {
		return "" // 3: a zone
	}
	if years(theirs.Year()) && !strings.Contains(text, "Feb 29") && (m.at.YearDay() != theirs.YearDay() && m.at.Year() == theirs.Year() || m.at.Hour() != theirs.Hour() || m.at.Second() != theirs.Second()) {
		return "the time"
	}
	rest := text[strings.Index(text, " "+host+" ")+len(host)+2:]
	var plain message
	_, _, zoned := zoneWord(" "+host+" ", false)
	if _, bracketed := address(host); zoned || bracketed || host == "(none)" || host == "" || !plain.hostname(host, rest) || yearWord(" "+host+" x") > 0 || strings.HasSuffix(host, ":") || strings.HasPrefix(rest, ": %") {
		return "" // 3, 6
	}
	if m.host != host {
		return "the host"
	}
	if m.inner() != "" || strings.HasPrefix(rest, "CEF:") || strings.HasPrefix(rest, "LEEF:") {
		return "" // 6
	}
	first, _, _ := word(rest)
	if strings.ContainsAny(first, "[:") && (!tagForm.MatchString(rest) || strings.Count(rest, "]") > 1 || len(str(got.ProcID)) >= maxProc) {
		return "" // 4, 5
	}
	if m.app != str(got.Appname) || m.proc != str(got.ProcID) || m.text != body {
		return "the tag or the text"
	}
	return ""
}

// FuzzAgainstGoSyslog: a message that go-syslog takes says the same to us.
func FuzzAgainstGoSyslog(f *testing.F) {
	for _, line := range goldenLines(f) {
		f.Add(line)
	}
	for _, line := range oracleCases(f) {
		f.Add(line)
	}
	f.Add("<0>2000-01-01T00:00:00+00:00 +0 0")       // a zone where a host would be
	f.Add("<0>1 2000-10-01T00:00:00,000Z h a p m -") // a comma before the fraction
	f.Add("<0>Nov 10 00:00:00 h a[" + strings.Repeat("0", 128) + "]: t")
	j := newJudges()
	f.Fuzz(func(t *testing.T, text string) {
		if what := j.compare(text); what != "" {
			t.Errorf("not agreed: %s\n%q\nours: %+v", what, text, j.ours.m)
		}
	})
}

// TestGoSyslogsOwnCases: the messages of go-syslog's own tests, and all other
// samples of the corpus.
func TestGoSyslogsOwnCases(t *testing.T) {
	list := oracleCases(t)
	if len(list) == 0 {
		t.Skip("../shared/corpus/syslog/go-syslog is not there: nothing was compared")
	}
	j := newJudges()
	for _, text := range list {
		if what := j.compare(text); what != "" {
			t.Errorf("not agreed: %s\n%q\nours: %+v", what, text, j.ours.m)
		}
	}
}

func oracleCases(t testing.TB) (list []string) {
	t.Helper()
	files, _ := filepath.Glob("../../../../shared/corpus/syslog/*/*.jsonl")
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.SplitSeq(string(content), "\n") {
			var one struct{ Input, Raw string }
			if json.Unmarshal([]byte(line), &one) == nil && one.Input+one.Raw != "" {
				list = append(list, one.Input+one.Raw)
			}
		}
	}
	return list
}

func goldenLines(t testing.TB) (list []string) {
	t.Helper()
	files, err := filepath.Glob("testdata/*.in")
	if err != nil || len(files) == 0 {
		t.Fatal("no goldens", err)
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for lines := bufio.NewScanner(strings.NewReader(string(content))); lines.Scan(); {
			list = append(list, lines.Text())
		}
	}
	return list
}
