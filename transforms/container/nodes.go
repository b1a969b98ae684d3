package container

import (
	"strings"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
)

// maxNodes bounds the hosts that are told apart in one log.
const maxNodes = 4096

// nodes numbers the hosts whose events come, by what auditd writes as node=. A
// pid means something only together with its host; number 0 is the one that
// /proc and the offline files are of.
type nodes struct {
	byName map[string]uint32
	own    string // the name of host 0
	first  bool   // the first name that comes is that of host 0
}

func newNodes(s *Settings, env plugin.Env) nodes {
	n := nodes{byName: map[string]uint32{}, own: s.Node}
	if n.own == "" {
		n.own = env.Shared.Get(schema.HostName).Str()
		n.first = s.Offline != nil
	}
	return n
}

// number sets the number of a host; it is false when there are too many.
func (n *nodes) number(name string, at *uint32) bool {
	if i, ok := n.byName[name]; ok {
		*at = i
		return true
	}
	if len(n.byName) >= maxNodes {
		return false
	}
	*at = uint32(len(n.byName)) + 1
	if n.first {
		n.own, n.first = strings.Clone(name), false
	}
	if event.SameHost(name, n.own) {
		*at = 0
	}
	n.byName[strings.Clone(name)] = *at
	return true
}

// name returns the name of a host other than this one.
func (n *nodes) name(number uint32) string {
	for name, i := range n.byName {
		if i == number {
			return name
		}
	}
	return ""
}
