// Package plugintest is what every plugin must pass: one suite per kind, called
// from the plugin's own tests with a few functions that make and change its
// source or destination. The suites judge the contract of pipeline/plugin; they
// know no plugin.
//
// Golden pairs are files NAME.in and NAME.golden in a folder. A golden is written
// anew when the environment variable UPDATE_GOLDEN is set.
package plugintest

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"tallyman/pipeline/event"
	"tallyman/pipeline/meter"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
)

// patience is how long a suite waits for what must come at once. It is no
// measure: a plugin that keeps the contract never comes near it.
const patience = 20 * time.Second

// Env is an environment for a plugin under test: dir is the folder of its
// configuration, its clock stands at one instant.
func Env(dir string) plugin.Env {
	var shared event.Fields
	shared.AddString(schema.HostName, "host-1")
	return plugin.Env{
		Name: "under_test", Dir: dir, Shared: shared, HostID: "0123456789abcdef", Meter: new(meter.Registry),
		Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return time.Unix(1_700_000_000, 0).UTC() },
		Store: new(Store),
	}
}

// Store is a plugin.Store in memory: what a test has of a disk.
type Store struct {
	State []byte
	Err   error // what both methods return, when it is set
}

// Load implements plugin.Store.
func (s *Store) Load() ([]byte, error) { return bytes.Clone(s.State), s.Err }

// Save implements plugin.Store.
func (s *Store) Save(state []byte) error {
	if s.Err == nil {
		s.State = bytes.Clone(state)
	}
	return s.Err
}

// Dump is an event as a golden holds it: one line of what the plugin itself
// said, without what depends on where the test runs (Seen, Shared).
func Dump(e *event.Event) string {
	var b strings.Builder
	fmt.Fprintf(&b, "records=%d offset=%d", e.Records, e.Offset)
	add := func(name, value string) {
		if value != "" {
			b.WriteString(" " + name + "=" + strconv.Quote(value))
		}
	}
	add("decode", e.Decode)
	add("dataset", e.Dataset)
	add("id", e.ID.String())
	if !e.Time.IsZero() {
		add("time", e.Time.UTC().Format(time.RFC3339Nano))
	}
	for _, f := range e.Fields {
		name := f.Key.String()
		if f.Name() != "" {
			name += "." + f.Name()
		}
		b.WriteString(" " + name + "=" + strconv.Quote(string(f.Value().Append(nil))))
	}
	add("raw", e.Raw)
	return b.String()
}

func dump(events []event.Event) []string {
	list := []string{}
	for i := range events {
		list = append(list, Dump(&events[i]))
	}
	return list
}

// golden compares got with the golden file beside in, or writes it.
func golden(t testing.TB, in string, got []string) {
	t.Helper()
	path := strings.TrimSuffix(in, ".in") + ".golden"
	text := strings.Join(got, "\n") + "\n"
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v (set UPDATE_GOLDEN=1 to write it, then read it)", err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(text, "\n")); diff != "" {
		t.Errorf("%s differs (- golden, + now):\n%s", path, diff)
	}
}

// goldens returns the input files of a folder.
func goldens(t testing.TB, dir string) []string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(dir, "*.in"))
	if err != nil || len(list) == 0 {
		t.Fatalf("no golden pairs in %q: %v", dir, err)
	}
	return list
}

// refused checks that a constructor refuses settings, and returns nothing else.
func refused[P any](t testing.TB, settings func(testing.TB) any, build func(any, plugin.Env) (P, error)) {
	t.Helper()
	if settings == nil {
		return
	}
	got, err := build(settings(t), Env(t.TempDir()))
	if err == nil {
		t.Fatal("settings that are to be refused were taken")
	}
	alone(t, got, err)
}

// alone checks that nothing came with the error of a constructor: a nil pointer in an interface is no nil, and would be taken for a plugin.
func alone(t testing.TB, got any, err error) {
	t.Helper()
	if got != nil {
		t.Errorf("with the error %q came a %T instead of nil", err, got)
	}
}

// noLeak fails t when a goroutine of the test outlives it.
func noLeak(t *testing.T) {
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, before) })
}

// Documented checks that a plugin describes itself and every setting, as
// pipeline/plugin/settings.go asks for.
func Documented(t testing.TB, p plugin.Plugin) {
	t.Helper()
	if !keyForm.MatchString(p.Type) {
		t.Errorf("the type %q is not written in small letters", p.Type)
	}
	if !sentence(p.Text) {
		t.Errorf("the text of %s is no sentence: %q", p.Type, p.Text)
	}
	a, b := reflect.ValueOf(p.Settings()), reflect.ValueOf(p.Settings())
	if a.Kind() != reflect.Pointer || a.Elem().Kind() != reflect.Struct {
		t.Fatalf("the settings of %s are a %s, not a pointer to a struct", p.Type, a.Type())
	}
	if a.Pointer() == b.Pointer() && a.Elem().Type().Size() > 0 {
		t.Errorf("the settings of %s are not made afresh", p.Type)
	}
	documented(t, p.Type, a.Elem(), 0)
	var kinds []plugin.Kind
	if p.Input != nil {
		kinds = append(kinds, plugin.KindInput)
	}
	if p.Transform != nil {
		kinds = append(kinds, plugin.KindTransform)
	}
	if p.Output != nil {
		kinds = append(kinds, plugin.KindOutput)
	}
	if len(kinds) != 1 || kinds[0] != p.Kind {
		t.Errorf("%s is a plugin of kind %s and builds %v", p.Type, p.Kind, kinds)
	}
}

var keyForm = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

func sentence(s string) bool {
	return s != "" && strings.HasSuffix(s, ".") && strings.ToUpper(s[:1]) == s[:1]
}

func documented(t testing.TB, at string, v reflect.Value, depth int) {
	t.Helper()
	if depth > 8 {
		return
	}
	seen := map[string]bool{}
	for i := range v.NumField() {
		f := v.Type().Field(i)
		name, option, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		switch {
		case !f.IsExported() || name == "-":
			continue
		case option == "inline":
			documented(t, at, v.Field(i), depth+1)
			continue
		}
		key := at + "." + name
		if !keyForm.MatchString(name) || seen[name] {
			t.Errorf("%s (%s): no key, or one that stands twice", key, f.Name)
		}
		seen[name] = true
		if !sentence(f.Tag.Get("doc")) {
			t.Errorf("%s has no sentence in its doc tag: %q", key, f.Tag.Get("doc"))
		}
		if words := f.Tag.Get("enum"); words != "" && v.Field(i).Kind() == reflect.String && v.Field(i).String() != "" &&
			!strings.Contains(","+words+",", ","+v.Field(i).String()+",") {
			t.Errorf("%s is %q by default, which is none of %s", key, v.Field(i).String(), words)
		}
		inner(t, key, v.Field(i), depth)
	}
}

// inner descends into structs, and into what pointers, lists and maps hold.
func inner(t testing.TB, key string, v reflect.Value, depth int) {
	t.Helper()
	typ := v.Type()
	for typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Slice || typ.Kind() == reflect.Map {
		typ, v = typ.Elem(), reflect.Zero(typ.Elem())
	}
	switch typ {
	case reflect.TypeFor[plugin.Text](), reflect.TypeFor[plugin.Secret]():
		return
	}
	switch typ.Kind() {
	case reflect.Struct:
		documented(t, key, v, depth+1)
	case reflect.String, reflect.Bool, reflect.Int, reflect.Int64, reflect.Uint64, reflect.Float64:
	default:
		t.Errorf("%s is a %s, which no configuration can fill", key, typ)
	}
}
