package runtimes

// The pods in the store.

import (
	"reflect"
	"slices"
	"time"
)

// putPod takes what Kubernetes says of a pod. It reaches the containers that
// are known to be in it. also is another uid that the pod's containers may
// bear, "" for none.
func (s *Store) putPod(p *Pod, also string) {
	if p.UID == "" {
		return
	}
	if p.bound() {
		s.truncated.Inc()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pods[p.UID] == nil && len(s.pods) >= s.max {
		s.refused.Inc()
		return
	}
	was := 0
	if old := s.pods[p.UID]; old != nil {
		was = old.size()
	}
	if p.size() > was && s.bytes-was+p.size() > maxBytes && len(p.Labels)+len(p.Annotations) > 0 {
		p.Labels, p.Annotations = nil, nil
		s.truncated.Inc()
	}
	s.podLeft = slices.DeleteFunc(s.podLeft, func(l leaving) bool { return l.id == p.UID || l.id == also })
	s.setPod(p, also)
}

// setPod keeps a pod and builds its containers anew; the lock is held.
func (s *Store) setPod(p *Pod, also string) {
	if old := s.pods[p.UID]; old != nil && reflect.DeepEqual(old, p) {
		return
	}
	for _, uid := range [...]string{p.UID, also} {
		if uid != "" {
			s.dropPod(uid)
			s.pods[uid] = p
			s.bytes += p.size()
		}
	}
	for _, e := range s.byID {
		if pod := e.whole.Pod; pod != nil && (pod.UID == p.UID || pod.UID == also) {
			s.join(e)
		}
	}
}

// dropPod forgets a pod under one uid; the lock is held.
func (s *Store) dropPod(uid string) {
	if p := s.pods[uid]; p != nil {
		s.bytes -= p.size()
		delete(s.pods, uid)
	}
}

// ownPod notes who made a pod.
func (s *Store) ownPod(uid string, o Owner) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.pods[uid]
	if old == nil {
		return
	}
	p := *old
	p.Owner = o
	also := ""
	for other, at := range s.pods {
		if at == old && other != uid {
			also = other
		}
	}
	s.setPod(&p, also)
}

// pod returns what is kept of a pod, nil for nothing.
func (s *Store) pod(uid string) *Pod {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.pods[uid]
}

// podGone notes that a pod was removed.
func (s *Store) podGone(uid string, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.pods[uid]
	for other, q := range s.pods {
		if p != nil && p == q {
			s.podLeft = append(s.podLeft, leaving{other, at})
		}
	}
}

// InPod returns the container that a name has in a pod, at its how manyeth start,
// from 1; nil where it is not known. The kubelet names its log files so.
func (s *Store) InPod(uid, name string, start int) *Container {
	s.mu.RLock()
	defer s.mu.RUnlock()
	pod := s.pods[uid]
	for _, e := range s.byID {
		c := e.whole
		if c.Pod == nil || c.Sandbox || c.Start != start || c.UserUID != 0 || c.Pod.UID != uid && (pod == nil || c.Pod != pod) {
			continue
		}
		if in := c.Labels[podContainer]; in == name || in == "" && c.Name == name {
			return c
		}
	}
	return nil
}
