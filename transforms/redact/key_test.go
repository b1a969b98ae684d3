package redact

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
)

// started is a transform of a folder as its configuration would build it.
func started(t *testing.T, dir string, log *bytes.Buffer, change func(*Settings)) (plugin.Transform, error) {
	t.Helper()
	s := Default()
	if change != nil {
		change(&s)
	}
	return New(&s, plugin.Env{Dir: dir, Log: slog.New(slog.NewTextHandler(log, nil))})
}

// hashOf is what stands for a secret.
func hashOf(t *testing.T, tr plugin.Transform) string {
	t.Helper()
	e := event.Event{Records: 1}
	e.Fields.AddString(schema.Message, "password=secret")
	return one(t, tr.(*Transform), e).Fields.Get(schema.Message).Str()
}

// TestKeyIsKept: a key is made with the first secret, not before, is readable by
// its owner alone, and gives the same hashes after a restart.
func TestKeyIsKept(t *testing.T) {
	dir, log := t.TempDir(), &bytes.Buffer{}
	file := filepath.Join(dir, "redact.key")
	var hashes []string
	for i := range 2 {
		tr, err := started(t, dir, log, nil)
		if err != nil {
			t.Fatal(err)
		}
		one(t, tr.(*Transform), exec("ls", "-l"))
		if _, err := os.Stat(file); i == 0 && err == nil {
			t.Error("there is a key before there is a secret")
		}
		hashes = append(hashes, hashOf(t, tr))
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key: %v, %v", info, err)
	}
	if hashes[0] != hashes[1] {
		t.Errorf("%s before the restart, %s after it", hashes[0], hashes[1])
	}
	text, err := os.ReadFile(file)
	if err != nil || strings.Contains(log.String(), strings.TrimSpace(string(text))) {
		t.Errorf("the log tells the key, or %v", err)
	}
	if strings.Count(log.String(), "a key for redacted secrets was made") != 1 {
		t.Errorf("the log: %s", log)
	}
}

// TestLanesShareTheKey: lanes and what conceals their held records make one key
// between them.
func TestLanesShareTheKey(t *testing.T) {
	tr, err := started(t, t.TempDir(), &bytes.Buffer{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	got := make([]string, 8)
	var all sync.WaitGroup
	for i := range got {
		all.Go(func() {
			if i%2 == 0 {
				held := []event.Event{{Decode: "audit", Raw: "password=secret"}}
				tr.(plugin.Concealer).Conceal(held)
				got[i] = held[0].Raw
				return
			}
			var in, out event.Batch
			in.Add(event.Event{Records: 1, Raw: "password=secret"})
			if tr.Lane("a").Apply(t.Context(), &in, &out) == nil {
				got[i] = out.Events[0].Raw
			}
		})
	}
	all.Wait()
	for i, s := range got {
		if s != got[0] || swap(s) != "password=§" {
			t.Errorf("%d: %q and %q", i, s, got[0])
		}
	}
}

// TestKeyThatCannotBeKept: secrets are replaced all the same, and it is said once.
func TestKeyThatCannotBeKept(t *testing.T) {
	log := &bytes.Buffer{}
	var hashes []string
	for range 2 {
		tr, err := started(t, filepath.Join(t.TempDir(), "nowhere"), log, nil)
		if err != nil {
			t.Fatal(err)
		}
		hashes = append(hashes, hashOf(t, tr), hashOf(t, tr))
	}
	if hashes[0] != hashes[1] || hashes[1] == hashes[2] || strings.Contains(hashes[0], "secret") {
		t.Errorf("hashes %v", hashes)
	}
	if n := strings.Count(log.String(), "cannot be kept"); n != 2 {
		t.Errorf("%d warnings of two processes:\n%s", n, log)
	}
}

// TestGivenKey: hosts that share a key give equal hashes; nothing is written.
func TestGivenKey(t *testing.T) {
	dir, other := t.TempDir(), t.TempDir()
	write(t, filepath.Join(dir, "k"), "shared\n", 0o600)
	t.Setenv("REDACT_TEST_KEY", "shared")
	a, err := started(t, dir, &bytes.Buffer{}, func(s *Settings) { s.Key.File = "k" })
	if err != nil {
		t.Fatal(err)
	}
	b, err := started(t, other, &bytes.Buffer{}, func(s *Settings) { s.Key.Env = "REDACT_TEST_KEY" })
	if err != nil {
		t.Fatal(err)
	}
	if x, y := hashOf(t, a), hashOf(t, b); x != y {
		t.Errorf("%s and %s", x, y)
	}
	if list, err := os.ReadDir(other); err != nil || len(list) > 0 {
		t.Errorf("files %v, %v", list, err)
	}
}

func write(t *testing.T, name, text string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

func TestRefused(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "open"), strings.Repeat("0a", 32), 0o644)
	write(t, filepath.Join(dir, "short"), "0a0b", 0o600)
	write(t, filepath.Join(dir, "empty"), "", 0o600)
	if err := os.Symlink("short", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	pattern := func(p Pattern) func(*Settings) { return func(s *Settings) { s.Patterns = []Pattern{p} } }
	text := func(s string) plugin.Text { return plugin.Text{Value: s} }
	for _, c := range []struct {
		name   string
		change func(*Settings)
		want   string
	}{
		{"a key that others read", func(s *Settings) { s.KeyFile.Value = "open" }, "chmod 600"},
		{"a key that is none", func(s *Settings) { s.KeyFile.Value = "short" }, "64 hex digits"},
		{"a link", func(s *Settings) { s.KeyFile.Value = "link" }, "read the key"},
		{"no key where one is named", func(s *Settings) { s.Key.File = "nowhere" }, "secret not found"},
		{"an empty key", func(s *Settings) { s.Key.File = "empty" }, "the key is empty"},
		{"no expression", pattern(Pattern{Name: "x", Match: text("(")}), "missing closing"},
		{"no group", pattern(Pattern{Name: "x", Match: text("abcd")}), "has no group"},
		{"a name that is taken", pattern(Pattern{Name: "github", Match: text("abcd(e)")}), "is there already"},
		{"a word that is too short", pattern(Pattern{Name: "x", Match: text("(abcd)"), Words: []plugin.Text{text("ab")}}), "too short"},
		{"a program without options", func(s *Settings) { s.Programs = []Program{{Names: []string{"x"}}} }, "names no option"},
	} {
		tr, err := started(t, dir, &bytes.Buffer{}, c.change)
		if err == nil || tr != nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, %v", c.name, tr, err)
		}
	}
}

// TestOwn: patterns and programs of the settings, and what is counted.
func TestOwn(t *testing.T) {
	tr := build(t, func(s *Settings) {
		s.Patterns = []Pattern{{Name: "badge", Match: plugin.Text{Value: `badge-([0-9]{4})`}}, {Name: "pin", Match: plugin.Text{Value: `\b([0-9]{6})\b`}},
			{Name: "card", Match: plugin.Text{Value: `(?i)card no ([0-9]+)`}, Words: []plugin.Text{{Value: "card"}, {Value: "Card"}}}}
		s.Programs = []Program{{Names: []string{"mytool"}, Attached: []string{"-x"}, Next: []string{"-y"}}}
	})
	for in, want := range map[string]string{
		"badge-1234 x": "badge-§ x", "pin 123456": "pin §", "Card no 99": "Card no §", "mytool -xabc -y abc -z abc": "mytool -x§ -y § -z abc", "badge-12": "badge-12", "": "",
	} {
		e := exec(strings.Split(in, " ")...)
		e.Fields.AddString(schema.ProcessCommandLine, in)
		got := one(t, tr, e)
		if line := swap(got.Fields.Get(schema.ProcessCommandLine).Str()); line != want {
			t.Errorf("the line %q became %q", in, line)
		}
		if args := swap(strings.Join(argsOf(got), " ")); args != want && !strings.HasPrefix(in, "Card") {
			t.Errorf("the arguments %q became %q", in, args)
		}
	}
	for i, n := range map[pattern]uint64{numPatterns: 2, numPatterns + 1: 2, numPatterns + 2: 1, byOption: 4} {
		if got := tr.count[i].Value(); got != n {
			t.Errorf("%s counted %d, want %d", tr.names[i], got, n)
		}
	}
	if n := tr.events.Value(); n != 4 {
		t.Errorf("%d events", n)
	}
}
