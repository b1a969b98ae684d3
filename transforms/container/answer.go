package container

import (
	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// method says how a container was found; the words are those of
// tallyman.container.method.
type method uint8

const (
	methodNone      method = iota
	methodTracefs          // what the kernel recorded: fork, exec, exit, move
	methodLineage          // the engine's own commands in the stream, then by parent
	methodProc             // the process's control group
	methodParent           // its parent's control group
	methodInspect          // the engine's inspect, then by parent
	methodSource           // the record says it itself
	methodConnector        // what the kernel tells as it happens: fork, exec, exit, and the control group read then
	methods
)

var methodNames = [methods]string{"none", "tracefs", "lineage", "proc", "parent", "inspect", "source", "connector"}

// confidence is how far an answer may be trusted; the words are those of
// tallyman.container.confidence.
type confidence uint8

const (
	confUnknown confidence = iota // no answer
	confMedium                    // the parent's answer, or a life that is not proven
	confHigh                      // one thing short of proof
	confExact                     // the kernel or the engine says it of this very process
	confidences
)

var confidenceNames = [confidences]string{"unknown", "medium", "high", "exact"}

// answer is what is known of where a process runs. The zero answer is that
// nothing is.
type answer struct {
	in        *container
	host      bool // proven to be outside every container; then in is nil
	method    method
	conf      confidence
	ambiguous bool // more than one life fitted
	hops      uint8
}

func (a answer) found() bool { return a.in != nil || a.host }

// child returns what a holds for a child of the process.
func (a answer) child() answer {
	if a.in == nil {
		return answer{} // host by inheritance is no proof
	}
	if a.hops < 255 {
		a.hops++
	}
	switch a.method {
	case methodProc, methodParent:
		a.method, a.conf = methodParent, confMedium
	default:
		a.conf = min(a.conf, confHigh)
	}
	return a
}

// howFound are the fields that each event has.
var howFound = func() (t [methods][confidences][2]event.Field) {
	for m := range t {
		for c := range t[m] {
			t[m][c] = [2]event.Field{event.NewField(schema.TallymanContainerMethod, "", event.String(methodNames[m])),
				event.NewField(schema.TallymanContainerConfidence, "", event.String(confidenceNames[c]))}
		}
	}
	return t
}()

// stamp adds a to the fields of an event.
func (a answer) stamp(f *adder) {
	if a.in != nil {
		f.all(a.in.fields)
	}
	f.all(howFound[a.method][a.conf][:])
	if a.host {
		f.next(schema.TallymanContainerHost).SetValue(event.Bool(true))
	}
	if a.hops > 0 {
		f.next(schema.TallymanContainerHops).SetValue(event.Int(int64(a.hops)))
	}
	if a.ambiguous {
		f.next(schema.TallymanContainerAmbiguous).SetValue(event.Bool(true))
	}
}
