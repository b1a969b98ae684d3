package k8saudit

import (
	"strings"

	"tallyman/pipeline/jsonscan"
)

const (
	// mostImages is how many images and how many paths of a pod are taken.
	mostImages = 64
	// mostSubjects is how many users and how many groups of a binding are taken.
	mostSubjects = 32
)

// pod is what a pod, or the template of one, asks for.
type pod struct {
	found                                     bool
	privileged, hostNetwork, hostPID, hostIPC bool
	images, paths                             []string
	more                                      bool // there are more than are taken
}

// subjects are whom a binding binds.
type subjects struct{ users, groups []string }

// workloads are the resources whose objects hold a pod or a template of one.
func workload(resource string) bool {
	switch resource {
	case "pods", "podtemplates", "replicationcontrollers", "deployments", "replicasets", "statefulsets", "daemonsets", "jobs", "cronjobs":
		return true
	}
	return false
}

// rbac are the resources that say who may do what.
func rbac(resource string) bool {
	switch resource {
	case "roles", "clusterroles", "rolebindings", "clusterrolebindings":
		return true
	}
	return false
}

// objects reads what the objects of the request say beyond its head. A patch
// brings only what changes, or a list of steps: where it says nothing of a pod or
// a role, the response does.
func (r *record) objects() {
	r.secret = r.guarded()
	if !r.ok || r.secret {
		return
	}
	if workload(r.ref.resource) {
		if s := jsonscan.New(r.request); r.request != "" {
			r.spec(&s)
		}
		if s := jsonscan.New(r.response); r.response != "" && !r.pod.found && r.writes() {
			r.spec(&s)
		}
		if r.pod.more {
			r.say("the pod names more images or paths than are taken")
		}
	}
	for _, object := range [...]string{r.request, r.response} {
		if object == "" || r.role != "" && r.objectUID != "" {
			continue
		}
		s := jsonscan.New(object)
		r.binding(&s)
	}
}

func (r *record) writes() bool {
	switch r.verb {
	case "create", "update", "patch":
		return true
	}
	return false
}

// binding reads one object: its name, and what it binds where it is a binding.
func (r *record) binding(s *jsonscan.Scanner) {
	binds := strings.HasSuffix(r.ref.resource, "rolebindings") && r.role == ""
	s.Members(func(name string) {
		switch {
		case name == "metadata":
			r.metadata(s)
		case binds && name == "roleRef":
			s.Members(func(name string) {
				if v, ok := s.Str(); ok && name == "name" {
					r.role = v
				}
			})
		case binds && name == "subjects":
			s.Items(func() { r.subject(s) })
		default:
			s.Skip()
		}
	})
}

// metadata takes what the reference of a create lacks: the API server chooses
// names and uids.
func (r *record) metadata(s *jsonscan.Scanner) {
	s.Members(func(name string) {
		v, _ := s.Str()
		switch name {
		case "name":
			r.objectName = v
		case "uid":
			r.objectUID = v
		}
	})
}

func (r *record) subject(s *jsonscan.Scanner) {
	var kind, name, space string
	s.Members(func(member string) {
		v, _ := s.Str()
		switch member {
		case "kind":
			kind = v
		case "name":
			name = v
		case "namespace":
			space = v
		}
	})
	to := &r.subjects
	switch {
	case name == "" || len(to.users) == mostSubjects || len(to.groups) == mostSubjects:
	case kind == "Group":
		to.groups = append(to.groups, name)
	case kind == "ServiceAccount":
		to.users = append(to.users, "system:serviceaccount:"+space+":"+name)
	default:
		to.users = append(to.users, name)
	}
}

// spec reads a pod or anything that holds its template. What stands twice counts
// both times: a pod that says it is privileged is.
func (r *record) spec(s *jsonscan.Scanner) {
	s.Members(func(name string) {
		p := &r.pod
		switch name {
		case "spec", "template", "jobTemplate":
			r.spec(s)
		case "containers", "initContainers", "ephemeralContainers":
			p.found = true
			s.Items(func() { p.container(s) })
		case "volumes":
			s.Items(func() { s.Members(func(name string) { p.volume(s, name) }) })
		case "hostNetwork":
			p.flag(s, &p.hostNetwork)
		case "hostPID":
			p.flag(s, &p.hostPID)
		case "hostIPC":
			p.flag(s, &p.hostIPC)
		default:
			s.Skip()
		}
	})
}

func (p *pod) flag(s *jsonscan.Scanner, to *bool) {
	v, _ := s.Bool()
	*to = *to || v
	p.found = p.found || v
}

func (p *pod) container(s *jsonscan.Scanner) {
	s.Members(func(name string) {
		switch name {
		case "image":
			if v, ok := s.Str(); ok && v != "" {
				p.images = p.add(p.images, v)
			}
		case "securityContext":
			s.Members(func(name string) {
				if v, _ := s.Bool(); name == "privileged" && v {
					p.privileged = true
				}
			})
		default:
			s.Skip()
		}
	})
}

func (p *pod) volume(s *jsonscan.Scanner, name string) {
	if name != "hostPath" {
		s.Skip()
		return
	}
	s.Members(func(name string) {
		if v, ok := s.Str(); ok && name == "path" {
			p.paths, p.found = p.add(p.paths, v), true
		}
	})
}

func (p *pod) add(list []string, v string) []string {
	for _, one := range list {
		if one == v {
			return list
		}
	}
	if len(list) == mostImages {
		p.more = true
		return list
	}
	return append(list, v)
}

// guarded reports whether the objects of the request may hold secrets, which are
// never copied (SCHEMA 4.8). Of a record in doubt each secret it names counts.
func (r *record) guarded() bool {
	switch {
	case r.ref.resource == "secrets", r.ref.resource == "tokenreviews", r.ref.subresource == "token":
		return true
	case r.doubt != "" && (mentionsSecret(r.request) || mentionsSecret(r.response)):
		return true
	}
	return secretKind(r.request) || secretKind(r.response)
}

// secretKind reports whether an object is of a kind that holds secrets.
func secretKind(object string) (found bool) {
	if object == "" {
		return false
	}
	s := jsonscan.New(object)
	s.Members(func(name string) {
		if v, ok := s.Str(); ok && name == "kind" {
			switch v {
			case "Secret", "SecretList", "TokenReview", "TokenRequest":
				found = true
			}
		}
	})
	return found
}

// mentionsSecret reports whether a text that is not understood may hold one.
func mentionsSecret(text string) bool {
	return strings.Contains(text, "ecret") || strings.Contains(text, "oken")
}

// patches begins the names of annotations that hold what an admission webhook
// changed in the object, secrets too.
const patches = "patch.webhook.admission.k8s.io/"

// without returns the text of an audit event with null in the place of its
// objects, and of its annotations where it is secret.
func without(text string, secret bool) string {
	var b strings.Builder
	s := jsonscan.New(text)
	last := 0
	s.Object(func(name string) {
		s.Peek()
		from := s.At()
		s.Skip()
		if name == "requestObject" || name == "responseObject" || secret && name == "annotations" {
			b.WriteString(text[last:from])
			b.WriteString("null")
			last = s.At()
		}
	})
	b.WriteString(text[last:])
	return b.String()
}
