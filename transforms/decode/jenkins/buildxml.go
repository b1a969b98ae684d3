package jenkins

import (
	"encoding/xml"
	"errors"
	"io"
	"strconv"
	"strings"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
)

var errBuildXML = errors.New("no build.xml of a build that is over")

const (
	// mostElements bounds how much of a build.xml is looked at.
	mostElements = 100_000
	// mostDeep bounds how deep it may be nested.
	mostDeep = 64
)

type buildXMLDecoder struct {
	env  plugin.Env
	seed []byte
}

func newBuildXML(env plugin.Env) plugin.Decoder { return &buildXMLDecoder{env: env} }

// Decode implements plugin.Decoder.
func (d *buildXMLDecoder) Decode(e event.Event, out *event.Batch) error {
	f := facts{dataset: DatasetBuild, kind: "run_completed", action: "build-completed"}
	f.job, f.number = buildOf(e.Get(schema.LogFilePath).Str())
	b := buildFile{f: &f}
	if err := b.read(e.Raw); err != nil {
		return err
	}
	if f.result == "" {
		return errBuildXML
	}
	f.message = f.job + " #" + strconv.FormatInt(f.number, 10) + " ended: " + f.result
	at := f.began
	if !at.IsZero() {
		at = at.Add(f.took)
	}
	d.seed = emit(&d.env, d.seed, e, &f, at, out)
	return nil
}

// buildFile reads the members of a build.xml that say something of the build.
// XStream names each element by its class, so places tell what a value is.
type buildFile struct {
	f      *facts
	path   []string
	causes []string
	cause  map[string]string // of the cause that is read
	param  pair
	text   strings.Builder
}

func (b *buildFile) read(text string) error {
	// Jenkins writes XML 1.1, which differs in control characters alone.
	if strings.HasPrefix(text, "<?xml") {
		if end := strings.Index(text, "?>"); end > 0 {
			text = text[end+2:]
		}
	}
	dec := xml.NewDecoder(strings.NewReader(text))
	for n := 0; ; n++ {
		tok, err := dec.RawToken()
		switch {
		case errors.Is(err, io.EOF):
			if len(b.path) > 0 || n == 0 {
				return errBuildXML
			}
			b.settle()
			return nil
		case err != nil || n > mostElements || len(b.path) > mostDeep:
			return errBuildXML
		}
		switch t := tok.(type) {
		case xml.StartElement:
			b.path = append(b.path, t.Name.Local)
			b.text.Reset()
			if kind := causeKind(t.Name.Local); kind != "" && b.under("causeBag", "causes") {
				b.cause = map[string]string{"kind": kind}
			}
		case xml.CharData:
			if b.text.Len() < mostScript {
				_, _ = b.text.Write(t) // it never fails
			}
		case xml.EndElement:
			if len(b.path) == 0 || b.path[len(b.path)-1] != t.Name.Local {
				return errBuildXML
			}
			b.end(t.Name.Local, strings.TrimSpace(b.text.String()))
			b.path = b.path[:len(b.path)-1]
			b.text.Reset()
		}
	}
}

// under reports whether one of the names is above the element that is read.
func (b *buildFile) under(names ...string) bool {
	for _, p := range b.path[:len(b.path)-1] {
		for _, name := range names {
			if p == name {
				return true
			}
		}
	}
	return false
}

// causeKind is the class of a cause without its package, "" for what is none.
func causeKind(name string) string {
	name = name[strings.LastIndexAny(name, ".$")+1:]
	name = name[strings.LastIndex(name, "_-")+1:]
	name = strings.TrimPrefix(name, "-")
	if strings.HasSuffix(name, "Cause") && name != "Cause" {
		return name
	}
	return ""
}

// end takes an element that is complete.
func (b *buildFile) end(name, text string) {
	if len(b.path) == 2 {
		b.top(name, text)
	}
	switch {
	case b.cause != nil && causeKind(name) == b.cause["kind"]:
		b.causes = append(b.causes, b.said())
		b.cause = nil
	case b.cause != nil:
		if b.cause[name] == "" {
			b.cause[name] = text
		}
	case strings.HasSuffix(name, "ParameterValue"):
		if !strings.Contains(name, "Password") && !strings.Contains(name, "Credentials") && b.param.name != "" {
			b.f.params = append(b.f.params, b.param)
		}
		b.param = pair{}
	case b.under("parameters") && name == "name":
		b.param.name = text
	case b.under("parameters") && name == "value":
		b.param.value = text
	case name == "sha1" && b.under("lastBuild", "buildsByBranchName") && b.f.commit == "":
		b.f.commit = text
	case name == "name" && b.under("hudson.plugins.git.Branch") && b.f.ref == "":
		b.f.ref = refOf(text)
	case name == "string" && b.under("remoteUrls") && b.f.repository == "":
		b.f.repository = repositoryOf(text)
	}
}

// top takes what stands directly below the build.
func (b *buildFile) top(name, text string) {
	switch name {
	case "result":
		b.f.finished(text)
	case "number":
		if n, err := strconv.ParseInt(text, 10, 64); err == nil && n > 0 && b.f.number == 0 {
			b.f.number = n
		}
	case "builtOn":
		b.f.node = text
	case "duration":
		if ms, err := strconv.ParseInt(text, 10, 64); err == nil && ms >= 0 && ms < 1e12 {
			b.f.took = time.Duration(ms) * time.Millisecond
		}
	case "startTime", "timestamp":
		if ms, err := strconv.ParseInt(text, 10, 64); err == nil && ms > 0 && ms < 9e12 && b.f.began.IsZero() {
			b.f.began = time.UnixMilli(ms).UTC()
		}
	}
}

// said words a cause as Jenkins does.
func (b *buildFile) said() string {
	c := b.cause
	switch c["kind"] {
	case "UserIdCause":
		if b.f.user = c["userId"]; b.f.user == "" {
			return "Started by user anonymous"
		}
		return "Started by user " + c["userId"]
	case "UserCause":
		b.f.user = c["authenticationName"]
		return "Started by user " + c["authenticationName"]
	case "TimerTriggerCause":
		return "Started by timer"
	case "SCMTriggerCause", "BranchIndexingCause", "BranchEventCause":
		return "Started by an SCM change"
	case "UpstreamCause":
		return `Started by upstream project "` + c["upstreamProject"] + `" build number ` + c["upstreamBuild"]
	case "RemoteCause":
		b.f.origin = c["addr"]
		return "Started by remote host " + c["addr"]
	case "GitHubPushCause", "GiteaPushCause":
		if b.f.user == "" {
			b.f.user = c["pushedBy"]
		}
		return "Started by GitHub push by " + c["pushedBy"]
	}
	return "Started by " + c["kind"]
}

// settle adds what needs all of the file.
func (b *buildFile) settle() { b.f.cause = strings.Join(b.causes, ", ") }
