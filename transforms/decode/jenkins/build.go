package jenkins

import (
	"strconv"
	"strings"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/lazy"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/record"
	"tallyman/pipeline/schema"
)

// DatasetBuild is that of builds' console logs and their ends.
const DatasetBuild = "jenkins.build"

type buildDecoder struct {
	env  plugin.Env
	seed []byte
}

func newBuild(env plugin.Env) plugin.Decoder { return &buildDecoder{env: env} }

// Decode implements plugin.Decoder. Every line of a console is understood: it is
// what a build printed.
func (d *buildDecoder) Decode(e event.Event, out *event.Batch) error {
	f := facts{dataset: DatasetBuild, kind: "build_log", action: "build-output"}
	f.job, f.number = buildOf(e.Get(schema.LogFilePath).Str())
	if !e.Fields.Get(schema.JenkinsJobName).IsZero() {
		f.job, f.number = "", 0 // the input knows, and has said so
	}
	at, text := console(strings.TrimRight(e.Raw, "\r\n"))
	f.message = text
	f.keep = len(text) > mostMessage
	f.line(text, e.Offset == 0)
	d.seed = emit(&d.env, d.seed, e, &f, at, out)
	return nil
}

var (
	// stamped is what the timestamper plugin writes before a line.
	stamped = lazy.Regexp(`^\[(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d))\] ?`)
	// checkedOut is what the git plugin writes of the commit that is built.
	checkedOut = lazy.Regexp(`^Checking out Revision ([0-9a-f]{40}|[0-9a-f]{64})(?: \((.*)\))?$`)
	obtained   = lazy.Regexp(`^Obtained \S+ from ([0-9a-f]{40}|[0-9a-f]{64})$`)
	// pushedTag is what `docker push` writes last, and pushedRef what BuildKit, Buildah
	// and Kaniko write of an image that reached a registry.
	pushedTag = lazy.Regexp(`^([\w.-]{1,128}): digest: (sha256:[0-9a-f]{64}) size: \d+$`)
	pushedRef = lazy.Regexp(`(?i)\b(?:pushing manifest for|pushed(?: image(?: to)?)?) ([\w.:/-]+@sha256:[0-9a-f]{64})\b`)
	cloned    = lazy.Regexp(`^(?:Cloning repository|Fetching upstream changes from) (\S+)$`)
)

// line reads what Jenkins itself says in a console. A build can print the same
// words; what is certain is in build.xml.
func (f *facts) line(text string, first bool) {
	switch {
	case first && strings.HasPrefix(text, "Started"):
		f.action, f.outcome = "build-started", "success"
		if text != "Started" {
			f.started(text)
		}
		return
	case strings.HasPrefix(text, "Started by ") || strings.HasPrefix(text, "originally caused by:"):
		f.cause = text
		return
	}
	if result, ok := strings.CutPrefix(text, "Finished: "); ok && strings.Trim(result, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_") == "" {
		f.action = "build-completed"
		f.finished(result)
		f.doubt = ""
		return
	}
	if m := checkedOut().FindStringSubmatch(text); m != nil {
		f.commit, f.ref = m[1], refOf(m[2])
	} else if m := obtained().FindStringSubmatch(text); m != nil {
		f.commit = m[1]
	} else if m := cloned().FindStringSubmatch(text); m != nil {
		f.repository = repositoryOf(m[1])
	} else if strings.Contains(text, "sha256:") {
		f.pushed(text)
	}
}

// pushed reads which image a build has pushed: what the build is followed by.
func (f *facts) pushed(text string) {
	if m := pushedTag().FindStringSubmatch(text); m != nil {
		f.image = record.Image{Tag: m[1], Digest: m[2]}
	} else if m := pushedRef().FindStringSubmatch(text); m != nil {
		f.image = record.ParseImage(m[1])
	}
}

// refOf makes a ref of what the git plugin calls a branch.
func refOf(branch string) string {
	branch, _, _ = strings.Cut(branch, ",")
	if rest, ok := after(branch, "refs/remotes/origin/", "origin/"); ok {
		return "refs/heads/" + rest
	}
	if branch == "" || branch == "detached" || strings.HasPrefix(branch, "refs/") {
		return strings.TrimSuffix(branch, "detached")
	}
	return "refs/heads/" + branch
}

// repositoryOf reads the name of a repository from its URL: what follows the
// host, without .git. Credentials in a URL stay out.
func repositoryOf(u string) string {
	if at := strings.Index(u, "://"); at >= 0 {
		_, u, _ = strings.Cut(u[at+3:], "/")
	} else if host, path, ok := strings.Cut(u, ":"); ok && !strings.Contains(host, "/") {
		u = path
	}
	return strings.TrimSuffix(strings.Trim(u, "/"), ".git")
}

// noteStart begins a note that Jenkins hides in a console, in base64, and noteEnd
// ends it.
const (
	noteStart = "\x1b[8mha:"
	noteEnd   = "\x1b[0m"
)

// console takes notes, colours and the time off a line.
func console(s string) (at time.Time, text string) {
	for {
		from := strings.Index(s, noteStart)
		if from < 0 {
			break
		}
		end := strings.Index(s[from:], noteEnd)
		if end < 0 {
			break
		}
		s = s[:from] + s[from+end+len(noteEnd):]
	}
	s = plain(s)
	if m := stamped().FindStringSubmatch(s); m != nil {
		if t, ok := record.Time(m[1]); ok {
			return t, s[len(m[0]):]
		}
	}
	return at, s
}

var escapes = lazy.Regexp("\x1b\\[[0-9;?]*[A-Za-z]")

func plain(s string) string {
	if strings.IndexByte(s, 0x1b) < 0 {
		return s
	}
	return escapes().ReplaceAllString(s, "")
}

// buildOf reads job and number from the path of a build's file:
// …/jobs/team/jobs/web/builds/12/log, …/jobs/web/branches/main/builds/3/log.
func buildOf(path string) (job string, number int64) {
	parts := strings.Split(path, "/")
	n := len(parts)
	if n < 5 || parts[n-3] != "builds" {
		return "", 0
	}
	number, err := strconv.ParseInt(parts[n-2], 10, 64)
	if err != nil || number < 1 {
		return "", 0
	}
	var names []string
	for i := n - 4; i > 0; i -= 2 {
		if parts[i-1] != "jobs" && parts[i-1] != "branches" {
			break
		}
		names = append([]string{parts[i]}, names...)
	}
	return strings.Join(names, "/"), number
}
