package file

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/plugintest"
)

const (
	javaText = `2026-11-25 10:00:00 ERROR checkout: order 4711 failed
com.example.shop.OrderException: payment
	at com.example.shop.Pay.run(Pay.java:41)

	... 12 common frames omitted
Caused by: java.net.SocketTimeoutException: read
	at java.base/java.net.Socket.read(Socket.java:1)
	Suppressed: java.io.IOException: close
2026-11-25 10:00:01 INFO checkout: next
Exception in thread "main" java.lang.IllegalStateException
	at Main.main(Main.java:3)
`
	goText = `2026/11/25 10:00:00 served
panic: runtime error: index out of range [3] with length 3 [recovered]
	panic: again
[signal SIGSEGV: segmentation violation code=0x1 addr=0x0 pc=0x1]

goroutine 18 [running]:
main.(*server).handle(0xc000010000, {0x5, 0x3})
	/src/main.go:14 +0x1d
net/http.HandlerFunc.ServeHTTP(...)
	/usr/lib/go/src/net/http/server.go:2166
created by main.main in goroutine 1
	/src/main.go:20 +0x5
exit status 2
2026/11/25 10:00:01 up again
call f(x) of a plain line
`
	pythonText = `INFO:root:begun
ERROR:root:it failed
Traceback (most recent call last):
  File "a.py", line 3, in <module>
    f()
ZeroDivisionError: division by zero

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "a.py", line 5, in <module>
app.errors.ShopError
INFO:root:Error: is only a word here
`
)

// TestPresets: what runtimes write of one fault is one record.
func TestPresets(t *testing.T) {
	for _, c := range []struct {
		preset, text string
		lines        []int // of each record
	}{{"java", javaText, []int{8, 1, 2}}, {"go", goText, []int{1, 12, 1, 1}}, {"python", pythonText, []int{1, 11, 1}}} {
		t.Run(c.preset, func(t *testing.T) {
			r := newRig(t, &Multiline{Preset: c.preset})
			r.write(c.text)
			r.once()
			all := strings.Split(strings.TrimSuffix(c.text, "\n"), "\n")
			var want []string
			for _, n := range c.lines {
				want, all = append(want, strings.Join(all[:n], "\n")), all[n:]
			}
			if len(all) > 0 || !slices.Equal(r.got, want) {
				t.Errorf("%q, want %q", r.got, want)
			}
		})
	}
}

// rig is a file, an input, and what came of it.
type rig struct {
	t        testing.TB
	dir      string
	m        *Multiline
	in       plugin.Input
	now      time.Time
	got      []string
	position []byte
}

func newRig(t testing.TB, m *Multiline) *rig {
	return &rig{t: t, dir: t.TempDir(), m: m, now: time.Unix(1e9, 0)}
}

func (r *rig) write(text string) {
	r.t.Helper()
	f, err := os.OpenFile(filepath.Join(r.dir, "app.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		r.t.Fatal(err)
	}
	if _, err := f.WriteString(text); err != nil {
		r.t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		r.t.Fatal(err)
	}
}

// open takes up the position, as after a kill: of what was only read nothing is left.
func (r *rig) open(once bool) {
	r.t.Helper()
	s := settings(r.t, r.dir)
	s.Multiline = r.m
	env := plugintest.Env(r.dir)
	env.Once, env.Now = once, func() time.Time { return r.now }
	in, err := Plugin.Input(s, env)
	if err != nil {
		r.t.Fatal(err)
	}
	if err := in.Open(context.Background(), r.position); err != nil {
		r.t.Fatal(err)
	}
	r.in = in
}

func (r *rig) shut() {
	r.t.Helper()
	if err := r.in.Close(); err != nil {
		r.t.Fatal(err)
	}
}

// read reads once. What comes of it is kept only with its position, as the
// journal does; with lost it is not.
func (r *rig) read(wait time.Duration, lost bool) error {
	r.t.Helper()
	var b event.Batch
	err := r.in.Read(context.Background(), &b, wait)
	if len(b.Losses) > 0 {
		r.t.Errorf("lost: %+v", b.Losses)
	}
	if lost {
		return err
	}
	for i := range b.Events {
		r.got = append(r.got, b.Events[i].Raw)
	}
	if b.Position != nil {
		r.position = slices.Clone(b.Position)
	} else if len(b.Events) > 0 {
		r.t.Error("records came without a position")
	}
	return err
}

func (r *rig) once() {
	r.t.Helper()
	r.open(true)
	defer r.shut()
	for {
		if err := r.read(time.Second, false); err != nil {
			return
		}
	}
}

// TestRecordsWait: a record that may go on is handed on with its last line, after
// its time, or at its limits, and no sooner.
func TestRecordsWait(t *testing.T) {
	r := newRig(t, &Multiline{Continue: plugin.Text{Value: `^\s`}, Lines: 3, Bytes: 20, Timeout: time.Minute})
	r.open(false)
	defer r.shut()
	drain := func() {
		for range 5 {
			if err := r.read(20*time.Millisecond, false); err != nil {
				t.Fatal(err)
			}
		}
	}
	want := func(step string, all ...string) {
		t.Helper()
		if !slices.Equal(r.got, all) {
			t.Errorf("%s: %q, want %q", step, r.got, all)
		}
		r.got = nil
	}
	r.write("one\n a\n")
	drain()
	want("a line may follow")
	r.now = r.now.Add(59 * time.Second)
	r.write("\n b\nhal")
	drain()
	want("more lines than may be", "one\n a\n")
	r.now = r.now.Add(59 * time.Second)
	drain()
	want("not its time")
	r.now = r.now.Add(time.Second)
	drain()
	want("its time", " b")
	r.write("f\n 0123456789\n 0123456789\nend\n")
	drain()
	want("more text than may be", "half\n 0123456789", " 0123456789")
}

// TestKill: wherever the reading is cut off, each record comes whole and once,
// through renames and through copies that are truncated.
func TestKill(t *testing.T) {
	for _, how := range []string{"stay", "rename", "copytruncate"} {
		for seed := range uint64(12) {
			t.Run(fmt.Sprintf("%s/%d", how, seed), func(t *testing.T) { kill(t, how, rand.New(rand.NewPCG(seed, 7))) })
		}
	}
}

func kill(t *testing.T, how string, random *rand.Rand) {
	r := newRig(t, &Multiline{Start: plugin.Text{Value: `^\d`}, Timeout: time.Hour})
	path := filepath.Join(r.dir, "app.log")
	var want []string
	text := ""
	for i := range 40 {
		rec := fmt.Sprintf("%d begins", i)
		for k := range random.IntN(4) {
			rec += fmt.Sprintf("\n\tline %d of %d", k, i)
		}
		want, text = append(want, rec), text+rec+"\n"
	}
	r.open(false)
	for text != "" {
		// A writer stops anywhere, a rotation comes between records.
		n := min(len(text), 1+random.IntN(120))
		r.write(text[:n])
		text = text[n:]
		for range random.IntN(3) {
			if err := r.read(2*time.Millisecond, false); err != nil {
				t.Fatal(err)
			}
		}
		if random.IntN(3) == 0 { // killed before what was read last was written down
			if err := r.read(2*time.Millisecond, true); err != nil {
				t.Fatal(err)
			}
			r.shut()
			r.open(false)
		}
		if how != "stay" && random.IntN(8) == 0 && len(text) > 0 {
			if end := strings.IndexByte(text, '\n'); end >= 0 {
				for end+1 < len(text) && text[end+1] == '\t' {
					end += 1 + strings.IndexByte(text[end+1:], '\n')
				}
				r.write(text[:end+1])
				text = text[end+1:]
			}
			rotate(t, how, path)
		}
	}
	r.shut()
	r.once()
	if !slices.Equal(r.got, want) {
		t.Errorf("%q\nwant %q", r.got, want)
	}
}

func rotate(t *testing.T, how, path string) {
	t.Helper()
	for i := 20; i > 0; i-- {
		old := fmt.Sprintf("%s.%d", path, i)
		if err := os.Rename(old, fmt.Sprintf("%s.%d", path, i+1)); err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
	}
	if how == "rename" {
		if err := os.Rename(path, path+".1"); err != nil {
			t.Fatal(err)
		}
		return
	}
	all, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(path+".1", all, 0o600)
	}
	if err == nil {
		err = os.Truncate(path, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
}
