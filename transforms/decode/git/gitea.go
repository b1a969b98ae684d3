package git

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/lazy"
	"tallyman/pipeline/plugin"
)

var errGitea = errors.New("no line of Gitea's log: it begins with no time")

// The lines of Gitea and Forgejo: "2006/01/02 15:04:05[.000000] FILE:LINE:FUNC()
// [L] [REQUEST] MESSAGE", where the place in the source and the request may be
// missing, as flags of the log say. The router has a name in that place.
var (
	giteaLine   = lazy.Regexp(`^(\d{4}/\d\d/\d\d \d\d:\d\d:\d\d)(\.\d+)?(?: (\S+:\d+:\S+|[A-Za-z]\w*))? \[([A-Z])\](?: \[([0-9a-f]{6,12}(?:-\d+)?)\])? ?(.*)$`)
	giteaFailed = lazy.Regexp(`^Failed authentication attempt for (.*) from (\S+:\d+)(?:: (.*))?$`)
	giteaBasic  = lazy.Regexp(`^UserSignIn: (user's password is invalid) \[uid: (\d+), name: (.*)\]$`)
	giteaRouter = lazy.Regexp(`^router: (\w+) +([A-Z]+) (\S+) for (\S+?)(?:, (\d{3}) [^,]*? in ([0-9.]+)(ns|µs|us|ms|s))?(?: @ (.*))?$`)
)

// giteaLevels are the letters of levels, and their weight.
var giteaLevels = map[string]struct {
	name     string
	severity int64
}{"T": {"trace", 1}, "D": {"debug", 1}, "I": {"info", 2}, "W": {"warning", 5}, "E": {"error", 8}, "C": {"critical", 8}, "F": {"fatal", 10}}

type giteaDecoder struct {
	env  plugin.Env
	seed []byte
}

func newGitea(env plugin.Env) plugin.Decoder { return &giteaDecoder{env: env} }

// Decode implements plugin.Decoder.
func (d *giteaDecoder) Decode(e event.Event, out *event.Batch) error {
	m := giteaLine().FindStringSubmatch(plain(strings.TrimRight(e.Raw, "\r")))
	if m == nil {
		return errGitea
	}
	at, err := time.ParseInLocation("2006/01/02 15:04:05", m[1], d.env.Now().Location())
	if err != nil {
		return errGitea
	}
	if m[2] != "" {
		if s, err := strconv.ParseFloat("0"+m[2], 64); err == nil {
			at = at.Add(time.Duration(s * float64(time.Second)))
		}
	}
	f := facts{dataset: DatasetLog, server: "gitea", action: "server-log", commits: -1, bytes: -1, logger: m[3], message: m[6], keep: len(m[6]) > mostMessage}
	level, known := giteaLevels[m[4]]
	if f.level, f.severity = level.name, level.severity; !known {
		f.doubt = "the level is not known"
	}
	f.label("request", m[5])
	f.said(m[6])
	d.seed = emit(&d.env, d.seed, e, &f, at.UTC(), out)
	return nil
}

// said reads the messages that say who did what.
func (f *facts) said(text string) {
	if m := giteaFailed().FindStringSubmatch(text); m != nil {
		f.action, f.outcome, f.user, f.origin, f.reason, f.severity = "logged-in", "failure", m[1], m[2], m[3], 0
		return
	}
	if m := giteaBasic().FindStringSubmatch(text); m != nil { // a password that git or the API was shown
		f.action, f.outcome, f.reason, f.userID, f.user, f.severity = "logged-in", "failure", m[1], m[2], m[3], 0
		return
	}
	if m := giteaRouter().FindStringSubmatch(text); m != nil {
		f.method, f.path, f.origin = m[2], m[3], m[4]
		f.status, _ = strconv.ParseInt(m[5], 10, 64)
		f.request(m[3])
		if took, err := time.ParseDuration(m[6] + m[7]); err == nil {
			f.took = took
		}
		f.severity, f.code = 1, "router: "+m[1]
		f.label("handler", m[8])
	}
}

var escapes = lazy.Regexp("\x1b\\[[0-9;]*m")

// plain takes colours off a line.
func plain(s string) string {
	if strings.IndexByte(s, 0x1b) < 0 {
		return s
	}
	return escapes().ReplaceAllString(s, "")
}
