package json

import (
	"crypto/sha256"
	stdjson "encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// text draws any bytes, with those that have a meaning somewhere more often.
func text() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		part := rapid.OneOf(
			rapid.SampledFrom([]string{`\`, `"`, "\n", "\x00", "\x1b", "\x7f", "\xff", "\xc2", "\xe2\x80", "\u0085", "\u2028", `\x41`, "é", "漢", "\U0001f600", "\ufffd", ".", "0."}),
			rapid.StringN(0, 5, 20))
		return strings.Join(rapid.SliceOfN(part, 0, 5).Draw(t, "parts"), "")
	})
}

func value() *rapid.Generator[event.Value] {
	return rapid.Custom(func(t *rapid.T) event.Value {
		switch rapid.IntRange(0, 6).Draw(t, "kind") {
		case 0:
			return event.Int(rapid.Int64().Draw(t, "int"))
		case 1:
			return event.Uint(rapid.Uint64().Draw(t, "uint"))
		case 2:
			return event.Float(rapid.Float64().Draw(t, "float"))
		case 3:
			return event.Bool(rapid.Bool().Draw(t, "bool"))
		case 4:
			return event.Time(time.Unix(rapid.Int64Range(-9e9, 9e9).Draw(t, "s"), rapid.Int64Range(0, 1e9-1).Draw(t, "ns")))
		case 5:
			v, _ := event.IP("10.0.0.8")
			return v
		}
		return event.String(text().Draw(t, "text"))
	})
}

func fields(t *rapid.T, label string) event.Fields {
	keys := schema.Keys()
	var f event.Fields
	for range rapid.IntRange(0, 30).Draw(t, label) {
		k := rapid.SampledFrom(keys).Draw(t, "key")
		name := ""
		if k.Info().Type.IsMap() {
			name = text().Draw(t, "name")
			if k.Info().Many {
				name = fmt.Sprint(rapid.IntRange(0, 3).Draw(t, "index"), ".", name)
			}
		}
		f.AddNamed(k, name, value().Draw(t, "value"))
	}
	return f
}

// flat is a JSON object as field name -> values in order. Members of a list of
// objects are named "<field>.<n>.<member>" by the object's place.
type flat map[string][]string

func (f flat) add(path string, v any) {
	switch v := v.(type) {
	case []any:
		for i, one := range v {
			if _, object := one.(map[string]any); object {
				f.add(fmt.Sprint(path, ".", i), one)
			} else {
				f.add(path, one)
			}
		}
	case map[string]any:
		for name, one := range v {
			f.add(path+"."+name, one)
		}
	default:
		f[path] = append(f[path], fmt.Sprint(v))
	}
}

// find takes the value of a dotted name out of nested objects.
func find(doc map[string]any, name string) (any, bool) {
	parts := strings.Split(name, ".")
	for _, p := range parts[:len(parts)-1] {
		next, ok := doc[p].(map[string]any)
		if !ok {
			return nil, false
		}
		doc = next
	}
	v, ok := doc[parts[len(parts)-1]]
	return v, ok
}

// read undoes SCHEMA rule 6.
func read(s string, escaped bool) string {
	if !escaped {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] != '\\':
			b.WriteByte(s[i])
		case s[i+1] == '\\':
			b.WriteByte('\\')
			i++
		default:
			n, err := strconv.ParseUint(s[i+2:i+4], 16, 8)
			if s[i+1] != 'x' || err != nil {
				panic("no escape: " + s)
			}
			b.WriteByte(byte(n))
			i += 3
		}
	}
	return b.String()
}

// plainText is what a value reads as once JSON is undone.
func plainText(v event.Value) string {
	if v.Kind() == event.KindTime {
		return strings.Trim(string(appendTime(nil, v.Instant())), `"`)
	}
	return string(v.Append(nil))
}

// places says, for each list of objects, at which place in the list the object
// with a number in its name must stand.
func places(e *event.Event) map[schema.Key]map[int]int {
	index := map[schema.Key]map[int]int{}
	for _, k := range []schema.Key{schema.AuditdPaths, schema.DockerContainerMounts} {
		list := e.Fields
		if e.Fields.Get(k).IsZero() {
			list = e.Shared
		}
		has := [4]bool{}
		for _, f := range list {
			if f.Key == k {
				has[f.Name()[0]-'0'] = true
			}
		}
		index[k] = map[int]int{}
		for i, yes := range has {
			if yes {
				index[k][i] = len(index[k])
			}
		}
	}
	return index
}

// head returns what the head of an event answers.
func head(e *event.Event) (list event.Fields) {
	own := e.Fields.Get
	for _, k := range []schema.Key{schema.Timestamp, schema.EventCreated, schema.EventDataset, schema.EventID, schema.EventOriginal} {
		if own(k).IsZero() {
			list.Add(k, e.Get(k))
		}
	}
	if !list.Get(schema.EventOriginal).IsZero() && own(schema.EventHash).IsZero() {
		list.AddString(schema.EventHash, fmt.Sprintf("%x", sha256.Sum256([]byte(e.Raw))))
	}
	if !e.Shared.Get(schema.LogFilePath).IsZero() && own(schema.LogOffset).IsZero() {
		list.Add(schema.LogOffset, event.Int(e.Offset))
	}
	return list
}

// expected lists the values that an event must be read back with, and the keys
// with text that is no UTF-8.
func expected(e *event.Event) (want flat, bad map[schema.Key]bool) {
	want, bad = flat{}, map[schema.Key]bool{}
	index := places(e)
	add := func(f event.Field) {
		path := f.Key.String()
		if f.Key.Info().Type.IsMap() {
			name := f.Name()
			if to, ok := index[f.Key]; ok {
				n, member := split(name)
				name = fmt.Sprint(to[n], ".", member)
			}
			path += "." + name
		}
		want[path] = append(want[path], plainText(f.Value()))
		if !utf8.ValidString(f.Str()) || !utf8.ValidString(f.Name()) {
			bad[f.Key] = true
		}
	}
	first := append(slices.Clone(e.Fields), head(e)...)
	for _, f := range first {
		add(f)
	}
	for _, f := range e.Shared {
		hidden := !first.Get(f.Key).IsZero()
		if f.Key.Info().Type.IsMap() && !f.Key.Info().Many {
			hidden = !first.GetNamed(f.Key, f.Name()).IsZero()
		}
		if !hidden {
			add(f)
		}
	}
	return want, bad
}

// Whatever an event holds, the result is valid JSON, and every field can be read
// back from it byte for byte.
func TestEveryFieldComesBack(t *testing.T) {
	encoders := map[string]*Encoder{"nested": New(false), "dotted": New(true)}
	rapid.Check(t, func(t *rapid.T) {
		e := &event.Event{Fields: fields(t, "own"), Shared: fields(t, "shared"), Raw: text().Draw(t, "raw"), Dataset: text().Draw(t, "dataset")}
		e.Time = time.Unix(rapid.Int64Range(-9e9, 9e9).Draw(t, "time"), 5)
		e.ID = event.NewID([]byte(e.Raw))
		want, bad := expected(e)
		for shape, c := range encoders {
			out, err := c.Append(nil, e)
			if err != nil || !utf8.Valid(out) || strings.ContainsAny(string(out), "\n\r\x1b") {
				t.Fatalf("%s: %v, %q", shape, err, out)
			}
			got := decode(t, out, shape == "dotted", bad)
			for path, values := range want {
				if strings.HasPrefix(path, "tallyman.escaped") {
					continue // decode has read it
				}
				if fmt.Sprint(got[path]) != fmt.Sprint(values) {
					t.Fatalf("%s: %s came back as %q, want %q, in\n%s", shape, path, got[path], values, out)
				}
			}
		}
	})
}

// decode reads an event's JSON back, with each escape undone that
// tallyman.escaped tells of.
func decode(t *rapid.T, out []byte, dotted bool, bad map[schema.Key]bool) flat {
	d := stdjson.NewDecoder(strings.NewReader(string(out)))
	d.UseNumber()
	doc := map[string]any{}
	if err := d.Decode(&doc); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	escaped := ""
	if v, ok := find(doc, "tallyman.escaped"); ok {
		escaped = fmt.Sprint(v)
	} else if v, ok := doc["tallyman.escaped"]; ok {
		escaped = fmt.Sprint(v)
	}
	got := flat{}
	for _, k := range schema.Keys() {
		raw := flat{}
		if !dotted {
			if v, ok := find(doc, k.String()); ok {
				raw.add(k.String(), v)
			}
		}
		for name, v := range doc {
			if dotted && (name == k.String() || k.Info().Type.IsMap() && strings.HasPrefix(name, k.String()+".")) {
				raw.add(name, v)
			}
		}
		if bad[k] && !strings.Contains(escaped, k.String()) {
			t.Fatalf("%s is escaped and not listed in %s", k, escaped)
		}
		for path, values := range raw {
			for _, v := range values {
				p := read(path, bad[k])
				got[p] = append(got[p], read(v, bad[k]))
			}
		}
	}
	return got
}

// What is rendered once and what is rendered for each event are the same bytes,
// whatever an event has itself of what it shares.
func TestWhatIsSharedIsTheSame(t *testing.T) {
	encoders := map[string]*Encoder{"nested": New(false), "dotted": New(true)}
	rapid.Check(t, func(t *rapid.T) {
		sets := []event.Fields{fields(t, "shared"), fields(t, "other"), nil}
		for range rapid.IntRange(1, 6).Draw(t, "events") {
			e := &event.Event{Fields: fields(t, "own"), Shared: rapid.SampledFrom(sets).Draw(t, "set"), Dataset: "d", Time: time.Unix(rapid.Int64Range(0, 3).Draw(t, "time"), 70)}
			// Lists of any length, in one row, in two, and parted by others.
			for range rapid.IntRange(0, 8).Draw(t, "lists") {
				k := rapid.SampledFrom([]schema.Key{schema.ProcessArgs, schema.EventCategory, schema.HostIP, schema.ProcessPID, schema.Tags}).Draw(t, "list")
				for range rapid.IntRange(1, 4).Draw(t, "long") {
					e.Fields.Add(k, event.String(text().Draw(t, "item")))
				}
			}
			for shape, c := range encoders {
				var got []byte
				for range 3 { // by the third time its form is known
					var err error
					if got, err = c.Append(nil, e); err != nil {
						t.Fatal(err)
					}
				}
				for i := range e.Fields { // another event of the form
					f := rapid.SampledFrom(e.Fields).Draw(t, "value")
					if v := f.Value(); rapid.Bool().Draw(t, "other") && !v.IsZero() {
						e.Fields[i].SetValue(v)
					}
				}
				if got, _ = c.Append(got[:0], e); len(got) == 0 {
					t.Fatal("nothing was appended")
				}
				c.gather(e)
				if want := c.object(nil, e); string(got) != string(want) {
					t.Fatalf("%s: got\n%s\nwant\n%s", shape, got, want)
				}
			}
		}
	})
}

func TestClean(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := string(rapid.SliceOf(rapid.OneOf(rapid.ByteRange('a', 'd'), rapid.Byte(), rapid.SampledFrom([]byte{0, 0x1f, ' ', '"', '!', '#', '\\', '[', ']', 0x7e, 0x7f, 0x80, 0xff}))).Draw(t, "s"))
		want := 0
		for want < len(s) && s[want] >= ' ' && s[want] < 0x7f && s[want] != '"' && s[want] != '\\' {
			want++
		}
		if got := clean(s); got != want {
			t.Fatalf("%q: %d, want %d", s, got, want)
		}
	})
}
