package session

import (
	"strings"
	"time"

	"tallyman/pipeline/keep"
)

// evidence is an exec that an engine or Kubernetes told of.
type evidence struct {
	how, id, user string
	from          string // the address that it was asked for from
	key           string // what tells of the same exec again has the same
	at            time.Time
	place         place // of an engine's; Kubernetes names a pod, wherever it runs
	box           box
	command       keep.Sum // as it is told: see cmdline
	found         bool     // its process is known by its id
	used          bool     // a program was told of it
}

// start is a program that a runtime started in a container.
type start struct {
	at     time.Time
	place  place
	box    box
	line   cmdline
	pid    int64
	entity string
	tree   int64  // its number, which no other start has
	execID string // the engine's id of the exec, where the runtime's command line was seen
	unsure bool   // that a runtime started it is not known
	known  bool   // which exec it is of is known by the id
	told   mark   // what its tree is told; zero while no exec fits
}

const (
	// early is how far behind the clock that engines use the one of audit records
	// may be: the kernel stamps these with the time of its last tick.
	early = 50 * time.Millisecond
	// skew is how far the clock of the API server may be ahead of a node's.
	skew = time.Second
)

// engineExec takes in an exec of an engine.
func (k *knowledge) engineExec(s *seen) {
	if s.execID == "" || s.command == "" || s.box.id == "" || s.action != "exec_create" && s.action != "exec_start" {
		return
	}
	how := howDocker
	if s.healthcheck {
		how = howHealth
	}
	k.told(evidence{how: how, id: s.execID, key: s.execID, at: s.at, place: s.place, box: s.box, command: k.words.command(s.command)})
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
	k.told(evidence{how: howKube, id: id, user: s.kubeUser, from: s.peer(), key: key, at: s.at, box: s.box, command: k.words.of(args).exact})
}

// told adds evidence and judges the programs anew that it fits: what came before
// it, and waited for it, and what was taken for another exec's.
func (k *knowledge) told(v evidence) {
	own := k.same(&v)
	switch {
	case own == nil:
		v.id, v.user, v.key = strings.Clone(v.id), strings.Clone(v.user), strings.Clone(v.key)
		v.place, v.box = v.place.clone(), v.box.clone()
		own = &v
		k.execs.push(own, func(o *evidence) bool { return !o.used && v.at.Sub(o.at) <= k.window })
	case own.how != howKube && v.at.After(own.at):
		own.at = v.at // it was created earlier, and begins now
	default:
		return
	}
	for _, p := range k.starts.list {
		if k.fits(own, p) {
			k.judge(p)
		}
	}
}

// same returns the evidence of the same exec, nil for none.
func (k *knowledge) same(v *evidence) *evidence {
	for _, o := range k.execs.list {
		if o.key == v.key && (o.how == howKube) == (v.how == howKube) && o.place == v.place {
			return o
		}
	}
	return nil
}

// started judges a program that a runtime started, and anew those that may be of
// the same exec. One that has no exec yet waits for it: inputs are not in step.
func (k *knowledge) started(s *seen, sure bool) (mark, bool) {
	k.trees++
	p := &start{tree: k.trees, at: s.at, place: s.place.clone(), box: s.box.clone(), line: k.words.of(s.args()), pid: s.pid, entity: strings.Clone(s.entity), execID: k.execOf(s), unsure: !sure}
	k.starts.push(p, func(o *start) bool { return o.told == mark{} && p.at.Sub(o.at) <= k.window })
	k.judge(p)
	if p.known {
		return p.told, true
	}
	for _, v := range k.execs.list {
		if !k.fits(v, p) {
			continue
		}
		for _, o := range k.starts.list {
			if o != p && k.fits(v, o) {
				k.judge(o)
			}
		}
	}
	return p.told, p.told != mark{}
}

// fits reports whether a program may be what an exec started. The engine's id
// decides where both have it.
func (k *knowledge) fits(v *evidence, p *start) bool {
	after := p.at.Sub(v.at)
	if v.how == howKube {
		return !p.known && after >= -skew && after <= k.window && v.box.namespace == p.box.namespace && v.box.pod == p.box.pod &&
			either(v.box.container, p.box.container) && either(v.box.cluster, p.box.cluster) && v.command == p.line.exact
	}
	if v.place != p.place || v.box.id != p.box.id {
		return false
	}
	if p.execID != "" || v.found {
		return p.execID == v.id
	}
	return after >= -early && after <= k.window && v.command == p.line.spaced
}

// either reports whether two names may be one: they are, or one is not known.
func either(a, b string) bool { return a == b || a == "" || b == "" }
