package s3

import (
	"testing"

	"tallyman/outputs/s3/s3test"
	"tallyman/pipeline/plugintest"
)

// TestAnotherPlaceIsAnotherArchive: where the bucket or the beginning of the prefix is
// changed, what is written from then on is an archive of its own, whole by itself:
// the manifests, and the objects that are not listed yet, are in the old place.
func TestAnotherPlaceIsAnotherArchive(t *testing.T) {
	key(t)
	for _, c := range []struct {
		name, root, bucket string
	}{{"the beginning of the prefix", "two", "audit"}, {"the bucket", "one", "another"}} {
		t.Run(c.name, func(t *testing.T) {
			s, store, clock := s3test.New(t), new(plugintest.Store), noon
			set := to(s)
			set.Prefix.Value = "one/{{ event.dataset }}"
			l := begin(t, set, store, &clock)
			l.give(1, made("a", noon, 0, 3)...)
			l.settle(true) // with a manifest
			l.give(2, append(made("a", noon, 3, 3), made("b", noon, 0, 1)...)...)
			clock = clock.Add(set.MaxAge)
			if _, _, err := l.Settle(t.Context(), false); err != nil { // one of the two, and no manifest
				t.Fatal(err)
			}
			moved := *set
			moved.Prefix.Value, moved.Bucket = c.root+"/{{ event.dataset }}", c.bucket
			if moved.Bucket != set.Bucket {
				other := s3test.New(t)
				other.Name, moved.Endpoint.Value = c.bucket, other.URL
			}
			l = begin(t, &moved, store, &clock)
			l.give(2, append(made("a", noon, 3, 3), made("b", noon, 0, 1)...)...)
			if n := l.settle(true); n != 2 {
				t.Fatalf("%d is confirmed", n)
			}
			b, err := Open(&moved, t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			defer b.Close()
			r, err := b.Verify(t.Context(), Options{Prefix: c.root, Deep: true})
			if err != nil {
				t.Fatal(err)
			}
			if !r.OK() || len(r.Archives) != 1 || r.Archives[0].Events != 4 || r.Archives[0].Newer != 0 {
				t.Errorf("%+v", r)
			}
		})
	}
}
