package audit

import (
	"os"
	"strings"
	"time"
)

// names are the user and group names of the host, for ids that the log does not
// name. They are read when the first name is asked for, and again when a file
// changed, which is looked at once a minute of event handling.
type names struct {
	t             *Transform
	looked        time.Time
	users, groups database
	changes       uint32 // how often one of them was looked at and may have changed
}

type database struct {
	path string
	mod  time.Time
	size int64
	byID map[string]string
}

const lookAgain = time.Minute

func (n *names) init(t *Transform) {
	n.t = t
	n.users.path, n.groups.path = t.set.Passwd, t.set.Group
}

// refresh looks at the files when it is time; it is called once a batch.
func (n *names) refresh() {
	if n.users.path == "" && n.groups.path == "" {
		return
	}
	now := n.t.env.Now()
	if !n.looked.IsZero() && now.Sub(n.looked) < lookAgain {
		return
	}
	n.looked = now
	if users, groups := n.users.refresh(), n.groups.refresh(); users || groups {
		n.changes++
	}
}

// refresh reads the database when it changed. One that cannot be read gives no
// names, which is no error: ids are always on the event. It reports whether names may
// be others now.
func (d *database) refresh() (changed bool) {
	if d.path == "" {
		return false
	}
	info, err := os.Stat(d.path)
	if err != nil {
		changed, d.byID = d.byID != nil, nil
		return changed
	}
	if d.byID != nil && info.ModTime().Equal(d.mod) && info.Size() == d.size {
		return false
	}
	text, err := os.ReadFile(d.path)
	if err != nil {
		changed, d.byID = d.byID != nil, nil
		return changed
	}
	d.mod, d.size = info.ModTime(), info.Size()
	d.byID = make(map[string]string, 64)
	for line := range strings.Lines(string(text)) {
		f := strings.SplitN(line, ":", 4)
		if len(f) == 4 && f[0] != "" && d.byID[f[2]] == "" { // the first entry of an id is the one that counts
			d.byID[f[2]] = f[0]
		}
	}
	return true
}

// local reports whether records of this node are of this host.
func (n *names) local(node string) bool { return node == "" || node == n.t.host }

func (n *names) user(node, id string) string {
	if n.users.byID == nil || !n.local(node) {
		return ""
	}
	return n.users.byID[id]
}

func (n *names) group(node, id string) string {
	if n.groups.byID == nil || !n.local(node) {
		return ""
	}
	return n.groups.byID[id]
}
