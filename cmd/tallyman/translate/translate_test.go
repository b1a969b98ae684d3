package translate

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

const samples = "../testdata/from"

func sample(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(samples, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestDetect tells each sample by what is in it, and a letter as none of them.
func TestDetect(t *testing.T) {
	for name, want := range map[string]string{"rsyslog.conf": Rsyslog, "rsyslog-legacy.conf": Rsyslog, "af_unix.conf": Audisp, "audisp-remote.conf": Audisp,
		"laurel.toml": Laurel, "fluent-bit.conf": FluentBit, "fluent-bit.yaml": FluentBit} {
		if got := Detect("x", sample(t, name)); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
	if got := Detect("letter.txt", "Dear reader,\nall is well.\n"); got != "" {
		t.Errorf("a letter is %q", got)
	}
	if _, err := From("x", ""); err == nil || !strings.Contains(err.Error(), "laurel") {
		t.Error(err)
	}
}

// TestWhen: selectors of syslog.conf(5) as expressions.
func TestWhen(t *testing.T) {
	const known = `log.syslog.severity.name != ""`
	for sel, want := range map[string]string{
		"*.*":                        "",
		"kern.*":                     `log.syslog.facility.name == "kern"`,
		"auth,authpriv.warning":      `log.syslog.facility.name in ["auth", "authpriv"] && log.syslog.severity.code <= 4`,
		"*.=debug":                   known + ` && log.syslog.severity.code == 7`,
		"*.info;mail.none":           `(` + known + ` && log.syslog.severity.code <= 6) && !(log.syslog.facility.name == "mail")`,
		"mail.err;security.*":        `(log.syslog.facility.name == "mail" && log.syslog.severity.code <= 3) || (log.syslog.facility.name == "auth")`,
		"*.*;auth,authpriv.none":     `(` + known + `) && !(log.syslog.facility.name in ["auth", "authpriv"])`,
		"local7.notice ; cron.panic": `(log.syslog.facility.name == "local7" && log.syslog.severity.code <= 5) || (log.syslog.facility.name == "cron" && log.syslog.severity.code <= 0)`,
	} {
		if got, err := whenOf(sel); err != nil || got != want {
			t.Errorf("%s: %v\n%s\n%s", sel, err, got, want)
		}
	}
	for _, sel := range []string{"cron.!info", "kern", "mail.loud"} {
		if got, err := whenOf(sel); err == nil {
			t.Errorf("%s: %s", sel, got)
		}
	}
}

// entry is the component that came of a line, as it is written.
func entry(list []Component, line int) string {
	i := slices.IndexFunc(list, func(c Component) bool { return c.Line == line })
	if i < 0 {
		return ""
	}
	return strings.Join(list[i].Pairs, ", ")
}

// TestNotWeaker: what was encrypted is not written as plain text, and what was under
// a condition is not written without it.
func TestNotWeaker(t *testing.T) {
	r, err := From(Rsyslog, sample(t, "rsyslog.conf"))
	if err != nil {
		t.Fatal(err)
	}
	if e := entry(r.Inputs, 9); !strings.Contains(e, "tls://") {
		t.Errorf("line 9: %s", e)
	}
	if e := entry(r.Outputs, 27); !strings.Contains(e, "tls://10.1.2.3:6514") {
		t.Errorf("line 27: %s", e)
	}
	if e := entry(r.Outputs, 30); e != `type: kafka, brokers: ["k1:9092", "k2:9092"], topic: logs` {
		t.Errorf("line 30: %s", e)
	}
	for _, inside := range []int{33, 38} {
		if e := entry(r.Outputs, inside); e != "" {
			t.Errorf("line %d stands in a block, and became %s", inside, e)
		}
	}
	module, err := From(Rsyslog, "module(load=\"imtcp\" StreamDriver.Mode=\"1\")\ninput(type=\"imtcp\" port=\"6514\")\n")
	if err != nil || !strings.Contains(entry(module.Inputs, 2), "tls://") {
		t.Errorf("%v: %+v", err, module.Inputs)
	}
}

// TestNoSecrets: a secret of the source is repeated nowhere.
func TestNoSecrets(t *testing.T) {
	for kind, text := range map[string]string{
		FluentBit: sample(t, "fluent-bit.conf") + "\n[INPUT]\n  Name splunk\n  splunk_token in-Zq83\n[OUTPUT]\n  Name http\n  Header Authorization Bearer he-Zq83\n",
		Rsyslog:   "action(type=\"omelasticsearch\" uid=\"u\" pwd=\"pw-Zq83\")\nmodule(load=\"x\" api_key=\"ak-Zq83\")\nnot understood password=lost-Zq83\n",
		Laurel:    "token = \"la-Zq83\"\n",
	} {
		r, err := From(kind, text)
		if err != nil {
			t.Fatal(err)
		}
		if said := r.Report() + r.Configuration("f", "", ""); strings.Contains(said, "Zq83") {
			t.Errorf("%s: %s", kind, said)
		}
	}
}

// TestVariables: Fluent Bit's variables are the environment's, as ours are; a dollar
// of another source is none.
func TestVariables(t *testing.T) {
	r, err := From(FluentBit, "[OUTPUT]\n  Name s3\n  bucket ${BUCKET}\n")
	if err != nil || entry(r.Outputs, 1) != `type: s3, bucket: "${BUCKET}"` {
		t.Errorf("%v, %+v", err, r.Outputs)
	}
	r, err = From(Rsyslog, "*.* /var/log/${HOME}.log\n")
	if err != nil || !strings.Contains(entry(r.Outputs, 1), "$${HOME}") {
		t.Errorf("%v, %+v", err, r.Outputs)
	}
}

// FuzzFrom: whatever the source is, each line that says something is translated or
// listed, and the result is YAML that has our keys alone.
func FuzzFrom(f *testing.F) {
	list, err := filepath.Glob(samples + "/*")
	if err != nil || len(list) == 0 {
		f.Fatal(list, err)
	}
	for _, name := range list {
		for i := range Kinds() {
			f.Add(i, sample(f, filepath.Base(name)))
		}
	}
	f.Add(0, "*.* /x'}\n  y: {z\n")
	f.Fuzz(func(t *testing.T, kind int, text string) {
		if kind < 0 || len(text) > 1<<16 {
			return
		}
		r, err := From(Kinds()[kind%len(Kinds())], text)
		if err != nil {
			t.Fatal(err)
		}
		out := r.Configuration(text, "", "rules/*.yaml")
		var doc map[string]yaml.Node
		if err := yaml.Unmarshal([]byte(out), &doc); err != nil {
			t.Fatalf("%v:\n%s", err, out)
		}
		for key := range doc {
			if !slices.Contains([]string{"journal", "labels", "inputs", "transforms", "outputs"}, key) {
				t.Errorf("a key %q got in:\n%s", key, out)
			}
		}
		if n := len(doc["outputs"].Content) / 2; n != max(1, len(r.Outputs)) {
			t.Errorf("%d outputs, not %d:\n%s", n, len(r.Outputs), out)
		}
	})
}
