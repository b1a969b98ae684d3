package event

import "testing"

func TestSameHost(t *testing.T) {
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{"node-7", "node-7", true}, {"node-7", "Node-7.Example.com", true}, {"node-7.example.com", "node-7", true},
		{"node-7", "node-70", false}, {"node-7.a", "node-7.b", false}, {"", "node-7", false}, {"", "", false}, {"a", ".a", false},
	} {
		if SameHost(c.a, c.b) != c.same || SameHost(c.b, c.a) != c.same {
			t.Errorf("%q and %q: not %v", c.a, c.b, c.same)
		}
	}
}
