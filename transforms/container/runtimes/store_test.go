package runtimes

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// clock is a time that a test moves.
type clock struct{ t time.Time }

func (c *clock) now() time.Time { return c.t }

func testStore(most int) (*Store, *clock) {
	c := &clock{time.Unix(1_700_000_000, 0)}
	return newStore(&Options{Max: most, Keep: defaultKeep, Now: c.now}), c
}

// far returns ids whose first twelve digits differ.
func far(n int) string { return fmt.Sprintf("%012x%052x", n, n) }

var (
	theEngine = &partner{rank: rankEngine}
	theFiles  = &partner{rank: rankFiles}
	theKube   = &partner{rank: rankKube}
	theUser   = &partner{rank: rankUser, user: 1000}
	someUser  = &partner{rank: rankUser, user: 1000}
)

func TestLookup(t *testing.T) {
	s, _ := testStore(10)
	s.put(theEngine, &Container{ID: far(1), Name: "one"})
	s.put(theEngine, &Container{ID: far(2), Name: "two"})
	s.put(theEngine, &Container{ID: far(2)[:12] + strings.Repeat("f", 52), Name: "twin"})
	s.put(theEngine, &Container{ID: "web", Name: "of a client of containerd"})
	for _, c := range []struct{ what, id, want string }{
		{"whole", far(1), "one"},
		{"twelve digits", far(1)[:12], "one"},
		{"eleven digits", far(1)[:11], ""},
		{"thirteen digits", far(1)[:13], ""},
		{"twelve digits of two", far(2)[:12], ""},
		{"whole beside a twin", far(2), "two"},
		{"not hex", "web", "of a client of containerd"},
		{"unknown", far(3), ""},
		{"unknown twelve", far(3)[:12], ""},
		{"nothing", "", ""},
	} {
		got := ""
		if x := s.Lookup(c.id); x != nil {
			got = x.Name
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.what, got, c.want)
		}
	}
	s.gone(theEngine, far(2), s.now())
	s.expire(s.now().Add(defaultKeep))
	if x := s.Lookup(far(2)[:12]); x == nil || x.Name != "twin" {
		t.Errorf("once the other is forgotten, the twelve digits are the twin's: %+v", x)
	}
}

func TestLookupDoesNotAllocate(t *testing.T) {
	s, _ := testStore(10)
	s.put(theEngine, &Container{ID: far(1), Name: "one"})
	whole, short := far(1), far(1)[:12]
	var got *Container
	if n := testing.AllocsPerRun(100, func() { got = s.Lookup(whole); got = s.Lookup(short) }); n != 0 || got == nil {
		t.Errorf("%v allocations, got %v", n, got)
	}
}

func TestKeptForTenMinutes(t *testing.T) {
	s, c := testStore(10)
	s.put(theEngine, &Container{ID: far(1), Name: "one", InitPID: 7})
	before := s.Lookup(far(1))
	changed, gen := s.Changed(), s.Generation()
	s.gone(theEngine, far(1), c.t)
	select {
	case <-changed:
	default:
		t.Error("the channel is not closed by a change")
	}
	if s.Generation() == gen {
		t.Error("the generation stands still over a change")
	}
	if before.InitPID != 7 || !before.Gone.IsZero() {
		t.Error("a container that was handed out changed")
	}
	s.put(theEngine, &Container{ID: far(1), Name: "one", InitPID: 7}) // an answer that was under way
	if x := s.Lookup(far(1)); x == nil || x.Gone.IsZero() || x.InitPID != 0 {
		t.Errorf("a late answer brings it back: %+v", x)
	}
	s.expire(c.t.Add(defaultKeep - time.Second))
	if s.Lookup(far(1)) == nil {
		t.Error("forgotten too early")
	}
	s.expire(c.t.Add(defaultKeep))
	if s.Lookup(far(1)) != nil || s.Lookup(far(1)[:12]) != nil {
		t.Error("not forgotten")
	}
}

func TestRevivedIsNotForgotten(t *testing.T) {
	s, c := testStore(10)
	s.put(theEngine, &Container{ID: far(1)})
	s.gone(theEngine, far(1), c.t)
	s.revive(theEngine, far(1))
	s.expire(c.t.Add(2 * defaultKeep))
	if x := s.Lookup(far(1)); x == nil || !x.Gone.IsZero() {
		t.Errorf("%+v", x)
	}
}

func TestNothingNewIsNoChange(t *testing.T) {
	s, _ := testStore(10)
	say := func() { s.put(theEngine, &Container{ID: far(1), Labels: map[string]string{"a": "b"}}) }
	say()
	at, gen := s.Lookup(far(1)), s.Generation()
	say()
	if s.Generation() != gen || s.Lookup(far(1)) != at {
		t.Error("the same facts are told as a change")
	}
}

func TestSourcesAreJoined(t *testing.T) {
	s, c := testStore(10)
	s.put(theKube, &Container{ID: far(1), Name: "api", Runtime: Containerd, Image: "kube/image", ImageTag: "1", Pod: &Pod{UID: "u", Name: "pod", Namespace: "shop"}})
	s.put(theFiles, &Container{ID: far(1), Name: "k8s_api", ImageDigest: "sha256:f"})
	s.put(theEngine, &Container{ID: far(1), Runtime: Docker, InitPID: 3})
	x := s.Lookup(far(1))
	if x.Runtime != Docker || x.Name != "k8s_api" || x.Image != "kube/image" || x.ImageDigest != "sha256:f" || x.InitPID != 3 || x.Pod.Name != "pod" {
		t.Errorf("%+v", x)
	}
	s.putPod(&Pod{UID: "u", Name: "pod", Namespace: "shop", Owner: Owner{Kind: "Deployment", Name: "api"}}, "")
	if x := s.Lookup(far(1)); x.Pod.Owner.Name != "api" {
		t.Errorf("what comes late is not filled in: %+v", x.Pod)
	}
	s.gone(theKube, far(1), c.t)
	if x := s.Lookup(far(1)); !x.Gone.IsZero() {
		t.Error("Kubernetes says that it is gone, and its engine does not")
	}
	s.gone(theEngine, far(1), c.t)
	if x := s.Lookup(far(1)); x.Gone.IsZero() {
		t.Error("its engine says that it is gone")
	}
}

func TestAUsersWordAddsNothing(t *testing.T) {
	s, _ := testStore(10)
	s.putPod(&Pod{UID: "u", Name: "pod"}, "")
	s.put(theEngine, &Container{ID: far(1), Name: "root's"})
	s.put(someUser, &Container{ID: far(1), Name: "a user's", Image: "mine", Pod: &Pod{UID: "u"}})
	if x := s.Lookup(far(1)); x.Name != "root's" || x.Image != "" || x.Pod != nil || x.UserUID != 0 {
		t.Errorf("%+v", x)
	}
	s.put(someUser, &Container{ID: far(2), Name: "a user's", Pod: &Pod{UID: "u"}})
	if x := s.Lookup(far(2)); x.UserUID != 1000 || x.Pod.Name != "" {
		t.Errorf("%+v", x)
	}
	s.put(theEngine, &Container{ID: far(2), Name: "root's"})
	if x := s.Lookup(far(2)); x.UserUID != 0 || x.Name != "root's" {
		t.Errorf("%+v", x)
	}
}

func TestFull(t *testing.T) {
	s, c := testStore(3)
	for n := range 3 {
		s.put(theEngine, &Container{ID: far(n)})
	}
	s.put(theEngine, &Container{ID: far(3)})
	if s.Lookup(far(3)) != nil || s.refused.Value() != 1 {
		t.Error("more than the maximum is kept")
	}
	s.gone(theEngine, far(1), c.t)
	s.put(theEngine, &Container{ID: far(3)})
	if s.Lookup(far(3)) == nil || s.Lookup(far(1)) != nil || s.Lookup(far(0)) == nil {
		t.Error("the one that is gone makes room")
	}
}

func TestBounds(t *testing.T) {
	labels := map[string]string{strings.Repeat("k", maxLabelName+1): "v", "": "no name", "long": strings.Repeat("é", maxLabelValue)}
	for n := range 2 * maxLabels {
		labels[fmt.Sprintf("n%04d", n)] = "v"
	}
	s, _ := testStore(3)
	s.put(theEngine, &Container{ID: far(1), Name: strings.Repeat("n", 1<<20), Labels: labels})
	x := s.Lookup(far(1))
	if len(x.Labels) != maxLabels || len(x.Name) != maxName || s.truncated.Value() != 1 {
		t.Errorf("%d labels, name of %d bytes, %d counted", len(x.Labels), len(x.Name), s.truncated.Value())
	}
	if v := x.Labels["long"]; len(v) != maxLabelValue || strings.TrimRight(v, "é") != "" {
		t.Errorf("a value of %d bytes", len(v))
	}
	if len(labels) != 2*maxLabels+3 {
		t.Error("the map of the source was changed")
	}
}

// TestLabelsAreBoundedAltogether has more containers with as many labels as one
// may have than there is room for.
func TestLabelsAreBoundedAltogether(t *testing.T) {
	s, c := testStore(5000)
	text := strings.Repeat("x", maxLabelValue)
	for n := range 5000 {
		labels := map[string]string{}
		for l := range 10 {
			labels[fmt.Sprintf("l%d", l)] = text
		}
		s.put(theEngine, &Container{ID: far(n), Name: "n", Labels: labels})
		s.putPod(&Pod{UID: fmt.Sprint(n), Labels: labels}, fmt.Sprint(-n))
	}
	if s.bytes > maxBytes+5000*3*2*perThing || s.Lookup(far(0)).Labels == nil || s.Lookup(far(4999)).Labels != nil || s.Lookup(far(4999)).Name != "n" {
		t.Errorf("%d bytes are kept", s.bytes)
	}
	s.change(theEngine, far(0), func(c *Container) { c.InitPID = 9 })
	if got := s.Lookup(far(0)).Labels; len(got) != 7 {
		t.Errorf("%d labels of one are kept", len(got))
	}
	for n := range 5000 {
		s.gone(theEngine, far(n), c.t)
		s.podGone(fmt.Sprint(n), c.t)
	}
	s.expire(c.t.Add(defaultKeep))
	if s.bytes != 0 || len(s.pods) != 0 {
		t.Errorf("%d bytes of %d pods are left", s.bytes, len(s.pods))
	}
}

// TestStoreInAnyOrder compares the store with a plain account of what was told.
func TestStoreInAnyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, c := testStore(1000)
		gone := map[string]time.Time{}
		known := map[string]bool{}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			id := fmt.Sprintf("%012x%052x", rapid.IntRange(0, 3).Draw(t, "short"), rapid.IntRange(0, 3).Draw(t, "rest"))
			switch rapid.IntRange(0, 3).Draw(t, "act") {
			case 0:
				s.put(theEngine, &Container{ID: id})
				known[id] = true
			case 1:
				s.gone(theEngine, id, c.t)
				if _, ok := gone[id]; known[id] && !ok {
					gone[id] = c.t
				}
			case 2:
				s.revive(theEngine, id)
				delete(gone, id)
			case 3:
				c.t = c.t.Add(time.Duration(rapid.IntRange(0, 400).Draw(t, "seconds")) * time.Second)
				s.expire(c.t)
				for id, at := range gone {
					if c.t.Sub(at) >= defaultKeep {
						delete(gone, id)
						delete(known, id)
					}
				}
			}
			shorts := map[string]int{}
			for id := range known {
				shorts[id[:12]]++
				x := s.Lookup(id)
				if x == nil {
					t.Fatalf("%s is lost", id)
				}
				if _, ok := gone[id]; ok == x.Gone.IsZero() {
					t.Fatalf("%s gone: %v, want %v", id, x.Gone, ok)
				}
			}
			n := 0
			s.Each(func(*Container) { n++ })
			if n != len(known) {
				t.Fatalf("%d are kept, want %d", n, len(known))
			}
			for short, n := range shorts {
				if x := s.Lookup(short); (x != nil) != (n == 1) {
					t.Fatalf("%s of %d containers: %v", short, n, x)
				}
			}
		}
	})
}

// TestInPod: a name in a pod is one container for each of its starts; a pod may
// bear two uids, and its sandbox is none of its containers.
func TestInPod(t *testing.T) {
	s, _ := testStore(10)
	pod := &Pod{UID: "file-uid", Name: "etcd", Namespace: "kube-system"}
	s.put(theEngine, &Container{ID: far(1), Name: "etcd", Pod: pod, Sandbox: true, Start: 1})
	s.put(theEngine, &Container{ID: far(2), Name: "etcd", Pod: pod, Start: 1})
	s.put(theEngine, &Container{ID: far(3), Name: "etcd", Pod: pod, Start: 2})
	s.put(theEngine, &Container{ID: far(4), Name: "k8s_x", Labels: map[string]string{podContainer: "side"}, Pod: pod})
	s.put(theUser, &Container{ID: far(5), Name: "side", Pod: pod, Start: 1})
	s.putPod(&Pod{UID: "api-uid", Name: "etcd", Namespace: "kube-system"}, "file-uid")
	for _, c := range []struct {
		uid, name string
		start     int
		want      string
	}{
		{"file-uid", "etcd", 1, far(2)}, {"file-uid", "etcd", 2, far(3)}, {"api-uid", "etcd", 2, far(3)},
		{"file-uid", "etcd", 3, ""}, {"other", "etcd", 1, ""}, {"file-uid", "side", 1, ""},
	} {
		got := ""
		if x := s.InPod(c.uid, c.name, c.start); x != nil {
			got = x.ID
		}
		if got != c.want {
			t.Errorf("%s %s %d: %q, want %q", c.uid, c.name, c.start, got, c.want)
		}
	}
}
