package s3

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"tallyman/outputs/s3/s3test"
	"tallyman/pipeline/event"
	"tallyman/pipeline/plugintest"
	"tallyman/pipeline/schema"
)

// boundedStore takes as much as that of the engine.
type boundedStore struct{ plugintest.Store }

func (b *boundedStore) Save(state []byte) error {
	if len(state) > 64<<10 {
		return fmt.Errorf("a state of %d bytes", len(state))
	}
	return b.Store.Save(state)
}

// manyFolders are events of which each has a folder of its own.
func manyFolders(n int, name func(i int) string) []event.Event {
	var list []event.Event
	for i := range n {
		e := made("a", noon, i, 1)[0]
		e.Fields.AddString(schema.ContainerName, name(i))
		list = append(list, e)
	}
	return list
}

// TestAFrameOfManyFolders: one frame has an event for each of more folders than the
// state can name, as of a fleet of hosts or of names that somebody makes up. All are
// delivered, each once, also over a restart in the middle.
func TestAFrameOfManyFolders(t *testing.T) {
	key(t)
	const many = 2000
	for name, of := range map[string]func(i int) string{
		"hosts": func(i int) string { return fmt.Sprintf("web-%04d", i) },
		"made up": func(i int) string {
			sum := sha256.Sum256([]byte(fmt.Sprint(i)))
			return strings.Repeat(base64.RawURLEncoding.EncodeToString(sum[:]), 2)[:mostValue]
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, store, clock := s3test.New(t), new(boundedStore), noon
			c := to(s)
			c.Prefix.Value = "audit/{{ container.name }}"
			l := begin(t, c, store, &clock)
			l.give(1, manyFolders(many, of)...)
			clock = clock.Add(c.MaxAge)
			for range 100 {
				if _, _, err := l.Settle(t.Context(), false); err != nil {
					t.Fatal(err)
				}
			}
			if n := s.Count(s3test.Put); n < 10 || n > 100 {
				t.Fatalf("%d objects are there: this is not the middle", n)
			}
			l = begin(t, c, store, &clock)
			l.give(1, manyFolders(many, of)...)
			l.give(2, made("second", noon, 0, 1)...)
			if n := l.settle(true); n != 2 {
				t.Fatalf("%d is confirmed", n)
			}
			want(t, s, "a", many)
			want(t, s, "second", 1)
			b, err := Open(c, t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			defer b.Close()
			if r, err := b.Verify(t.Context(), Options{Prefix: "audit"}); err != nil || !r.OK() || r.Archives[0].Events != many+1 || r.Archives[0].Newer != 0 {
				t.Errorf("%+v, %v", r, err)
			}
			if l.meters.overflow.Value() == 0 {
				t.Error("nothing overflowed: this tests nothing")
			}
		})
	}
}
