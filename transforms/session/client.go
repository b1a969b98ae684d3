package session

import (
	"path"
	"slices"
	"strings"
	"time"
)

// client is a run of an engine's client on the host.
type client struct {
	at      time.Time
	place   place
	targets []target
	ses     string // the session it ran in, "" for none
	user    string // of the session, else the kernel's; "" where neither is known
	from    string
	by      string // the id of the exec that it asked for, where that is known
}

// run is a runtime's command that execs into a container.
type run struct {
	at        time.Time
	container string // in which the command itself ran, "" on the host
	execID    string
}

// isClient reports whether a program on the host is an engine's client.
func (s *seen) isClient() bool { return s.box.id == "" && (s.name == "docker" || s.name == "podman") }

// called keeps a run of a client.
func (k *knowledge) called(s *seen, m mark) {
	args := s.args()
	if len(args) < 3 || !strings.HasPrefix(path.Base(args[0]), "docker") && !strings.HasPrefix(path.Base(args[0]), "podman") {
		return
	}
	c := &client{at: s.at, place: s.place.clone(), targets: k.words.targets(args), user: m.user, from: m.from}
	if s.inSession() {
		c.ses = strings.Clone(s.ses)
		if c.user == "" {
			c.user = strings.Clone(s.auditName)
		}
	}
	k.clients.push(c, func(o *client) bool { return c.at.Sub(o.at) <= k.window })
}

// caller returns the client that asked for an exec; nil where there is none, or
// one of another session that may have.
func (k *knowledge) caller(v *evidence) (one *client) {
	for _, c := range k.clients.list {
		before := v.at.Sub(c.at)
		if c.place != v.place || before < -early || before > k.window || c.by != "" && c.by != v.id || !k.asks(c, v) {
			continue
		}
		if one != nil && one.ses != c.ses {
			return nil
		}
		if one == nil {
			one = c
		}
	}
	return one
}

// asks reports whether a client's command line asks for an exec: `exec`, and
// further on the container, and after it the command to its end.
func (k *knowledge) asks(c *client, v *evidence) bool {
	return slices.ContainsFunc(c.targets, func(t target) bool { return t.rest == v.command && k.words.means(&t, &v.box) })
}

// ran keeps a run of a runtime. One in a container is kept too, for it is not the
// host's: what is called runc there is what somebody there wants it to be.
func (k *knowledge) ran(s *seen) {
	r := run{at: s.at, container: strings.Clone(s.box.id), execID: execID(s.args())}
	if s.pid > 0 && (r.execID != "" || r.container != "") {
		k.runs.put(processKey{place: s.place.clone(), pid: s.pid}, r)
	}
}

// runOf returns the run whose child a program is, nil where none is known.
func (k *knowledge) runOf(s *seen) *run {
	if r := k.runs.get(processKey{place: s.place, pid: s.ppid}); r != nil && s.at.Sub(r.at).Abs() <= k.window {
		return r
	}
	return nil
}

// execOf returns the engine's id of the exec that a program is of, as the command
// line of the runtime on the host has it, "" where that was not seen.
func (k *knowledge) execOf(s *seen) string {
	if r := k.runOf(s); r != nil && r.container == "" {
		return r.execID
	}
	return ""
}

// execID returns the engine's id in a runtime's command line. containerd has the
// file of the pid named <exec>.pid, Podman lays it into a folder of that name.
func execID(args []string) string {
	if len(args) < 4 || !isRuntime(path.Base(args[0])) {
		return ""
	}
	exec, file := false, ""
	for i, a := range args {
		exec = exec || a == "exec"
		if exec && a == "--pid-file" && i+1 < len(args) {
			file = args[i+1]
		}
		if v, ok := strings.CutPrefix(a, "--pid-file="); exec && ok {
			file = v
		}
	}
	for _, name := range []string{strings.TrimSuffix(path.Base(file), ".pid"), path.Base(path.Dir(file))} {
		if isID(name) && name != args[len(args)-1] {
			return strings.Clone(name)
		}
	}
	return ""
}

// isID reports whether a name is an engine's id: 64 digits to the base 16.
func isID(name string) bool { return len(name) == 64 && strings.Trim(name, "0123456789abcdef") == "" }
