package k8saudit

import (
	"strings"

	"tallyman/pipeline/event"
	"tallyman/pipeline/jsonscan"
	"tallyman/pipeline/schema"
)

// The clouds hand the audit log of their clusters on inside records of their own:
//
//	{"category":"kube-audit","resourceId":"/SUBSCRIPTIONS/…/MANAGEDCLUSTERS/C","properties":{"log":"{…}"}}        AKS, and {"records":[…]} of them
//	{"messageType":"DATA_MESSAGE","logGroup":"/aws/eks/C/cluster","logEvents":[{"message":"{…}"}]}               EKS
//	{"protoPayload":{"serviceName":"k8s.io","methodName":"io.k8s.core.v1.pods.create",…},"resource":{…}}          GKE, in google.go

// envelope is what such a record says beside the audit events that it holds.
type envelope struct {
	log      string // the event, or a text that holds it; "" for none
	many     string // the list of them
	resource string // of Azure
	group    string // of CloudWatch
	proto    bool
}

// cloud takes an envelope apart; false says that the record is none.
func (d *decoder) cloud(e *event.Event, out *event.Batch) bool {
	var w envelope
	s := jsonscan.New(e.Raw)
	s.Object(func(name string) {
		switch name {
		case "properties":
			s.Members(func(name string) {
				if name == "log" {
					w.log = text(&s)
					return
				}
				s.Skip()
			})
		case "records", "logEvents":
			w.many = s.Raw()
		case "resourceId":
			w.resource, _ = s.Str()
		case "logGroup":
			w.group, _ = s.Str()
		case "protoPayload":
			w.proto = true
			s.Skip()
		default:
			s.Skip()
		}
	})
	switch {
	case !s.Done():
		return false
	case w.proto:
		return d.google(e, out)
	case w.log != "":
		w.item(e, w.log, e.Records, out)
		return true
	case strings.HasPrefix(w.many, "["):
		w.items(e, out)
		return true
	}
	return false
}

// items hands on each item of a list. The first stands for the record.
func (w *envelope) items(e *event.Event, out *event.Batch) {
	s := jsonscan.New(w.many)
	records := e.Records
	s.Items(func() {
		item := s.Raw()
		if message := member(item, "message"); message != "" {
			item = message
		}
		w.item(e, item, records, out)
		records = 0
	})
	if records > 0 {
		out.Filtered += records // a list of nothing says nothing
	}
}

// item hands on one event, with the cluster that the envelope names.
func (w *envelope) item(e *event.Event, text string, records uint32, out *event.Batch) {
	item := *e
	item.Raw, item.Records = text, records
	item.Fields = out.Take(e.Fields, 2)
	if name, ok := strings.CutPrefix(w.group, "/aws/eks/"); ok {
		name, _, _ = strings.Cut(name, "/")
		item.Fields.AddString(schema.OrchestratorClusterName, name)
	}
	if w.resource != "" {
		item.Fields.AddString(schema.OrchestratorClusterID, w.resource)
		item.Fields.AddString(schema.OrchestratorClusterName, w.resource[strings.LastIndexByte(w.resource, '/')+1:])
	}
	out.Events = append(out.Events, item)
}

// text takes a value that is a text or, where a collector has read it already, an
// object.
func text(s *jsonscan.Scanner) string {
	if s.Peek() == '"' {
		v, _ := s.Str()
		return v
	}
	return objectOf(s)
}

// member returns the text of one member of an object.
func member(object, name string) (value string) {
	s := jsonscan.New(object)
	s.Members(func(n string) {
		if n == name {
			value = text(&s)
			return
		}
		s.Skip()
	})
	return value
}
