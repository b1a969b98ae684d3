package container

import "strings"

// announce says once, at the start, which sources there are, what share of
// events may be expected to find their container, and what of the host is in
// the way. It says nothing where nothing of this host is asked.
func (t *Transform) announce(h Host) {
	if t.env.Log == nil || t.env.Once || t.env.Dry || t.env.Still || !t.live {
		return
	}
	var rules, inside bool
	for _, f := range Examine(h) {
		switch {
		case f.Good && f.Name == "runtime rules":
			rules = true
		case f.Good && f.Name == "pid namespace":
			inside = true
		case f.Name == movesFinding: // who opens the trace says so
		case !f.Good && (f.Name != "process connector" || t.set.Connector != connectorOff):
			t.env.Log.Warn("attribution: "+f.Name+": "+f.Text, "do", f.Hint)
		}
	}
	sources := []string{"lineage of the log"}
	if inside {
		sources = append([]string{"/proc"}, sources...)
	}
	if t.kernel != nil {
		sources = append([]string{"process connector"}, sources...)
		if t.traced != nil {
			sources = append(sources, "moves between control groups")
		}
	}
	t.env.Log.Info("attribution: the sources that there are", "sources", strings.Join(sources, ", "), "expect", share(t.kernel != nil, inside, rules || t.traced != nil))
}

// share is what was measured on the captures, by what is known; see
// docs/ATTRIBUTION.md.
func share(connector, proc, rules bool) string {
	switch {
	case connector && rules:
		return "99.9 %"
	case connector:
		return "99 %"
	case proc && rules:
		return "about 96 %"
	case proc:
		return "about 90 %"
	case rules:
		return "about 92 % of what began after the log"
	}
	return "nothing: without the runtime rules the log alone tells of no container"
}
