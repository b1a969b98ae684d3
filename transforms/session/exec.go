package session

import (
	"path"
	"strings"
	"time"
)

// evidence is an exec that an engine or Kubernetes told of.
type evidence struct {
	how, id, user string
	key           string // what tells of the same exec again has the same
	at            time.Time
	place         place // of an engine's; Kubernetes names a pod, wherever it runs
	box           box
	command       string // of an engine: joined by blanks; of Kubernetes: by NUL
	used          bool   // its process was found
}

// start is a program that a runtime started in a container.
type start struct {
	at     time.Time
	place  place
	box    box
	args   []string
	pid    int64
	entity string
	used   bool // its exec was found, or several that it may be of
}

// client is a run of an engine's client on the host.
type client struct {
	at    time.Time
	place place
	args  []string
	ses   string // the session it ran in, "" for none
	user  string // "" where the session is not known
}

// early is how far behind the clock that engines use the one of audit records
// may be: the kernel stamps these with the time of its last tick.
const early = 50 * time.Millisecond

// engineExec takes in an exec of an engine.
func (k *knowledge) engineExec(s *seen) {
	if s.execID == "" || s.command == "" || s.box.id == "" || s.action != "exec_create" && s.action != "exec_start" {
		return
	}
	k.told(evidence{how: howDocker, id: s.execID, key: s.execID, at: s.at, place: s.place, box: s.box, command: s.command})
}

// kubeExec takes in an exec that the API server let through. At an earlier stage
// it may still be refused, and then nobody ran anything.
func (k *knowledge) kubeExec(s *seen) {
	args := s.args()
	if s.subresource != "exec" || s.outcome != "success" || len(args) == 0 || s.box.pod == "" || s.kubeUser == "" {
		return
	}
	id := s.e.ID.String()
	key := s.auditID
	if key == "" {
		key = id
	}
	k.told(evidence{how: howKube, id: id, user: s.kubeUser, key: key, at: s.at, box: s.box, command: strings.Join(args, "\x00")})
}

// told adds evidence, and looks for its process among those that came before it.
func (k *knowledge) told(v evidence) {
	var own *evidence
	for _, o := range k.execs.list {
		if o.how == v.how && o.key == v.key && o.place == v.place {
			own = o
		}
	}
	switch {
	case own == nil:
		v.id, v.user, v.key, v.command = strings.Clone(v.id), strings.Clone(v.user), strings.Clone(v.key), strings.Clone(v.command)
		v.place, v.box = v.place.clone(), v.box.clone()
		own = &v
		k.execs.push(own, func(o *evidence) bool { return !o.used && v.at.Sub(o.at) <= k.window })
	case own.used:
		return
	case v.how == howDocker && v.at.After(own.at):
		own.at = v.at // it was created earlier, and begins now
	}
	var fit []*start
	for _, p := range k.starts.list {
		if !p.used && k.fits(own, p) {
			fit = append(fit, p)
		}
	}
	for _, p := range fit {
		p.used, own.used = true, true
		m := mark{how: own.how, id: own.id, confidence: low}
		if len(fit) == 1 {
			m = k.judge([]*evidence{own})
		} else {
			k.ambiguous.Inc()
		}
		k.root(p, m)
	}
}

// started looks for the exec that a program which a runtime started is of. One
// that has none yet waits for it: inputs are not in step.
func (k *knowledge) started(s *seen) (mark, bool) {
	p := &start{at: s.at, place: s.place, box: s.box, args: s.args(), pid: s.pid, entity: s.entity}
	var fit []*evidence
	for _, v := range k.execs.list {
		if !v.used && k.fits(v, p) {
			fit = append(fit, v)
		}
	}
	p.place, p.box, p.entity = p.place.clone(), p.box.clone(), strings.Clone(p.entity)
	if len(fit) == 0 {
		k.starts.push(p, func(o *start) bool { return !o.used && p.at.Sub(o.at) <= k.window })
		return mark{}, false
	}
	if len(fit) == 1 {
		fit[0].used = true
	} else {
		k.ambiguous.Inc() // which is which is not known of the others either: they stay
	}
	m := k.judge(fit)
	k.root(p, m)
	return m, true
}

// fits reports whether a program may be what an exec started.
func (k *knowledge) fits(v *evidence, p *start) bool {
	after := p.at.Sub(v.at)
	if v.how == howDocker {
		return after >= -early && after <= k.window && v.place == p.place && v.box.id == p.box.id && strings.Join(p.args, " ") == v.command
	}
	return after.Abs() <= k.window && v.box.namespace == p.box.namespace && v.box.pod == p.box.pod && either(v.box.container, p.box.container) &&
		either(v.box.cluster, p.box.cluster) && strings.Join(p.args, "\x00") == v.command
}

// either reports whether two names may be one: they are, or one is not known.
func either(a, b string) bool { return a == b || a == "" || b == "" }

// judge makes one mark of the execs that fit: of several only what they agree on.
func (k *knowledge) judge(fit []*evidence) mark {
	v := fit[0]
	if len(fit) == 1 {
		m := mark{v.user, v.how, v.id, high}
		if v.how == howDocker {
			if user := k.caller(v); user != "" {
				m.user, m.confidence = user, medium
			}
		}
		return m
	}
	m := mark{v.user, v.how, "", low}
	for _, o := range fit[1:] {
		if o.user != m.user {
			m.user = ""
		}
		if o.how != m.how {
			m.how = ""
		}
	}
	return m
}

// isClient reports whether a program on the host is an engine's client.
func (s *seen) isClient() bool { return s.box.id == "" && (s.name == "docker" || s.name == "podman") }

// called keeps a run of a client.
func (k *knowledge) called(s *seen, m mark) {
	c := &client{at: s.at, place: s.place.clone(), args: s.args(), ses: strings.Clone(s.ses), user: m.user}
	if len(c.args) < 3 || !strings.HasPrefix(path.Base(c.args[0]), "docker") && !strings.HasPrefix(path.Base(c.args[0]), "podman") {
		return
	}
	k.clients.push(c, func(o *client) bool { return c.at.Sub(o.at) <= k.window })
}

// caller returns the user of the one session in which a client asked for an
// exec, "" where there is none, or another that may have.
func (k *knowledge) caller(v *evidence) string {
	ses, user, n := "", "", 0
	for _, c := range k.clients.list {
		if c.place != v.place || c.at.Sub(v.at).Abs() > k.window || !c.asks(v) {
			continue
		}
		if n > 0 && c.ses != ses {
			return ""
		}
		ses, user, n = c.ses, c.user, n+1
	}
	return user
}

// asks reports whether a client's command line asks for an exec: `exec`, and
// further on the container, and after it the command to its end.
func (c *client) asks(v *evidence) bool {
	exec := false
	for i, a := range c.args {
		named := a != "" && a == v.box.name || len(a) >= 4 && strings.HasPrefix(v.box.id, a)
		if exec && named && strings.Join(c.args[i+1:], " ") == v.command {
			return true
		}
		exec = exec || i > 0 && a == "exec"
	}
	return false
}
