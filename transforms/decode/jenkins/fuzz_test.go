package jenkins

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tallyman/pipeline/decode"
	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/plugintest"
	"tallyman/pipeline/schema"
)

// apply decodes records as a lane does that is at its end then.
func apply(t testing.TB, p plugin.Plugin, path string, lines ...string) (out event.Batch) {
	t.Helper()
	env := plugintest.Env("")
	stage := decode.New([]plugin.Plugin{p}, env)
	var in event.Batch
	for i, line := range lines {
		e := event.Event{Decode: p.Type, Raw: line, Records: 1, Offset: int64(i), Seen: env.Now()}
		e.Shared.AddString(schema.LogFilePath, path)
		in.Add(e)
	}
	if err := stage.Apply(t.Context(), &in, &out); err != nil {
		t.Fatal(err)
	}
	stage.Flush(&out)
	return out
}

func fuzz(f *testing.F, p plugin.Plugin, folder string) {
	files, err := filepath.Glob("testdata/" + folder + "/*.in")
	if err != nil || len(files) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			f.Add(strings.TrimSuffix(line, "\n"))
		}
		f.Add(string(text))
	}
	f.Fuzz(func(t *testing.T, text string) {
		lines := strings.Split(text, "\n")
		for _, records := range [][]string{{text}, lines} {
			out := apply(t, p, "/j/jobs/a/builds/1/log", records...)
			n := 0
			for i := range out.Events {
				e := &out.Events[i]
				n += int(e.Records)
				if e.Time.IsZero() || e.Time.Year() < 1970 || e.Time.Year() > 2261 || len(e.Raw) > len(text) || e.Decode != "" {
					t.Errorf("%q: %s", text, plugintest.Dump(e))
				}
				if m := len(e.Get(schema.Message).Str()); m > mostMessage {
					t.Errorf("a message of %d bytes", m)
				}
			}
			if n != len(records) {
				t.Errorf("%q: %d records came of %d", text, n, len(records))
			}
		}
	})
}

func FuzzAudit(f *testing.F)    { fuzz(f, Audit, "audit") }
func FuzzLog(f *testing.F)      { fuzz(f, Log, "log") }
func FuzzAccess(f *testing.F)   { fuzz(f, Access, "access") }
func FuzzBuild(f *testing.F)    { fuzz(f, Build, "build") }
func FuzzBuildXML(f *testing.F) { fuzz(f, BuildXML, "buildxml") }
func FuzzLogstash(f *testing.F) { fuzz(f, Logstash, "logstash") }

// TestHostile: what is nested, doubled or huge is bounded, and kept or said.
func TestHostile(t *testing.T) {
	params := strings.Repeat("A: {b}, ", 1000)
	for _, c := range []struct {
		name   string
		plugin plugin.Plugin
		text   string
		doubt  string
	}{
		{"a long script", Audit, scriptLead + ". Origin: x. \nThe executed script: \n" + strings.Repeat("ä", 1<<20), "script is longer"},
		{"many parameters", Audit, "job/a/ #1 Started by timer, Parameters:[" + params + "A: {b}]", "more parameters"},
		{"a long request", Audit, "/" + strings.Repeat("job/a/", 1<<16) + "configSubmit by a from 192.0.2.1", ""},
		{"XML that is deep", BuildXML, strings.Repeat("<a>", 1<<16), "no build.xml"},
		{"XML of many elements", BuildXML, "<build>" + strings.Repeat("<a/>", 1<<17) + "<result>SUCCESS</result></build>", "no build.xml"},
		{"XML that expands", BuildXML, `<!DOCTYPE a [<!ENTITY x "yyyy">]><build><result>&x;</result></build>`, "no build.xml"},
		{"JSON that is deep", Logstash, `{"message":` + strings.Repeat("[", 1<<17), "no JSON"},
		{"a long line", Build, strings.Repeat("x", 1<<20), ""},
		{"notes without an end", Build, strings.Repeat(noteStart, 1<<16), ""},
	} {
		began := time.Now()
		out := apply(t, c.plugin, "", c.text)
		if len(out.Events) != 1 {
			t.Errorf("%s: %d events", c.name, len(out.Events))
			continue
		}
		e := &out.Events[0]
		if msg := e.Get(schema.ErrorMessage).Str(); !strings.Contains(msg, c.doubt) || c.doubt != "" && e.Raw == "" || len(e.Fields) > 120 {
			t.Errorf("%s: %d fields, %q, %d bytes kept, %v", c.name, len(e.Fields), msg, len(e.Raw), time.Since(began))
		}
	}
}

// TestSyslogForm: the message alone, with a script in one piece.
func TestSyslogForm(t *testing.T) {
	out := apply(t, Audit, "", scriptLead+" by user 'root'. Origin: CLI/console. \nThe executed script: \nprintln 1\nprintln 2")
	if len(out.Events) != 1 || out.Events[0].Get(schema.JenkinsScript).Str() != "println 1\nprintln 2" || out.Events[0].Get(schema.UserName).Str() != "root" {
		t.Errorf("%s", plugintest.Dump(&out.Events[0]))
	}
}

// TestZone: local times are those of the zone that the input names.
func TestZone(t *testing.T) {
	for zone, want := range map[string]string{"Europe/Berlin": "2026-11-24T08:15:01.004Z", "+05:30": "2026-11-24T03:45:01.004Z", "": "2026-11-24T09:15:01.004Z", "Nowhere/X": "2026-11-24T09:15:01.004Z"} {
		env := plugintest.Env("")
		stage := decode.New([]plugin.Plugin{Audit}, env)
		var in, out event.Batch
		e := event.Event{Decode: Audit.Type, Raw: "Nov 24, 2026 9:15:01,004 AM /restart by ana from 198.51.100.7", Records: 1, Seen: env.Now()}
		e.Fields.AddString(schema.EventTimezone, zone)
		in.Add(e)
		if err := stage.Apply(t.Context(), &in, &out); err != nil {
			t.Fatal(err)
		}
		if got := out.Events[0].Time.Format(time.RFC3339Nano); got != want {
			t.Errorf("%q: %s, want %s", zone, got, want)
		}
	}
}

// TestPaths: which job and build a file is of.
func TestPaths(t *testing.T) {
	for path, want := range map[string]string{
		"/var/jenkins_home/jobs/api/builds/3/log":                         "api 3",
		"/var/jenkins_home/jobs/shop/jobs/api/builds/41/log":              "shop/api 41",
		"/var/jenkins_home/jobs/shop/jobs/api/branches/main/builds/5/log": "shop/api/main 5",
		"/var/jenkins_home/jobs/api/builds/lastStable/log":                " 0",
		"/var/log/builds/1/log":                                           " 1",
		"log":                                                             " 0",
	} {
		job, n := buildOf(path)
		if got := job + " " + string(rune('0'+n%10)); n < 10 && got != want || n > 9 && job+" 41" != want {
			t.Errorf("%s: %q %d, want %q", path, job, n, want)
		}
	}
}
