package k8saudit

import "tallyman/pipeline/jsonscan"

func (r *record) identity(s *jsonscan.Scanner, to *identity, name string) {
	*to = identity{groups: to.groups[:0]}
	r.object(s, name, func(name string) {
		switch name {
		case "username":
			r.inner(s, &to.name, name)
		case "uid":
			r.inner(s, &to.uid, name)
		case "groups":
			to.groups = r.list(s, to.groups, mostGroups, name)
		case "extra":
			if raw := s.Raw(); raw != "{}" && raw != "null" {
				to.extra = raw
			}
		default:
			r.unknown = true
			s.Skip()
		}
	})
}

func (r *record) reference(s *jsonscan.Scanner) {
	r.ref = reference{}
	to := &r.ref
	r.object(s, "objectRef", func(name string) {
		switch name {
		case "resource":
			r.inner(s, &to.resource, name)
		case "subresource":
			r.inner(s, &to.subresource, name)
		case "namespace":
			r.inner(s, &to.namespace, name)
		case "name":
			r.inner(s, &to.name, name)
		case "uid":
			r.inner(s, &to.uid, name)
		case "apiGroup":
			r.inner(s, &to.group, name)
		case "apiVersion":
			r.inner(s, &to.version, name)
		case "resourceVersion":
			r.inner(s, &to.revision, name)
		default:
			r.unknown = true
			s.Skip()
		}
	})
}

// result takes a metav1.Status; its details repeat the reference.
func (r *record) result(s *jsonscan.Scanner) {
	r.code, r.status, r.reason, r.message = 0, "", "", ""
	r.object(s, "responseStatus", func(name string) {
		switch name {
		case "code":
			n, ok := s.Int()
			if !ok || n < 0 || n > 999 {
				r.say("responseStatus.code is no status")
				n = 0
			}
			r.code = n
		case "status":
			r.inner(s, &r.status, name)
		case "reason":
			r.inner(s, &r.reason, name)
		case "message":
			r.inner(s, &r.message, name)
		case "metadata", "details", "kind", "apiVersion":
			s.Skip()
		default:
			r.unknown = true
			s.Skip()
		}
	})
}

func (r *record) annotations(s *jsonscan.Scanner) {
	r.notes, r.noteCount, r.decision, r.why = "", 0, "", ""
	s.Peek()
	from := s.At()
	r.object(s, "annotations", func(name string) {
		v, ok := s.Str()
		switch {
		case !ok:
			r.say("an annotation is no text")
		case name == "authorization.k8s.io/decision":
			r.decision = v
		case name == "authorization.k8s.io/reason":
			r.why = v
		}
		r.noteCount++
	})
	if r.noteCount > mostNotes {
		r.noteCount = mostNotes
		r.say("there are more annotations than are taken")
	}
	r.notes = s.Since(from)
}
