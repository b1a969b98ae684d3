package git

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
)

var errGitolite = errors.New("no line of gitolite: it has no time and no number of a process, parted by tabs")

// gitoliteKinds are what a line may be.
var gitoliteKinds = map[string]bool{"ssh": true, "http": true, "pre_git": true, "post_git": true, "update": true, "die": true, "warn": true, "create": true, "END": true, "system": true, "mirror": true, "sudo": true}

type gitoliteDecoder struct {
	env  plugin.Env
	seed []byte
}

func newGitolite(env plugin.Env) plugin.Decoder { return &gitoliteDecoder{env: env} }

// Decode implements plugin.Decoder. A line is TIME, the process of the session,
// what it is, and its parts, with tabs between them (Gitolite::Common::gl_log). A
// session has one process: its address stands in the line "ssh" alone.
func (d *gitoliteDecoder) Decode(e event.Event, out *event.Batch) error {
	parts := strings.Split(strings.TrimRight(e.Raw, "\r"), "\t")
	f := facts{dataset: DatasetLog, server: "gitolite", action: "server-log", commits: -1, bytes: -1}
	// Over syslog the time and the process are syslog's.
	if gitoliteKinds[parts[0]] && !e.Time.IsZero() {
		f.gitolite(parts[0], parts[1:])
		d.seed = emit(&d.env, d.seed, e, &f, time.Time{}, out)
		return nil
	}
	if len(parts) < 3 {
		return errGitolite
	}
	at, err := time.ParseInLocation("2006-01-02.15:04:05", parts[0], d.env.Now().Location())
	if err != nil {
		return errGitolite
	}
	if f.pid, err = strconv.ParseInt(parts[1], 10, 64); err != nil {
		return errGitolite
	}
	f.gitolite(parts[2], parts[3:])
	d.seed = emit(&d.env, d.seed, e, &f, at.UTC(), out)
	return nil
}

// gitolite reads the parts of a line by its kind.
func (f *facts) gitolite(kind string, parts []string) {
	f.code = kind
	part := func(i int) string {
		if i < len(parts) {
			return parts[i]
		}
		return ""
	}
	switch kind {
	case "ssh", "http":
		f.transport, f.severity = kind, 1
		f.session(parts)
	case "pre_git": // repository, user, access, ref "any", refex
		f.repository, f.user = part(0), part(1)
		f.action = map[string]string{"R": "fetch", "W": "list-refs"}[part(2)]
		if part(2) == "W" {
			f.code = "pre_git W" // what is pushed stands in "update"
		}
		f.label("refex", part(4))
	case "update": // repository, user, access, ref, old, new, refex
		f.action, f.repository, f.user, f.ref = "push", part(0), part(1), part(3)
		f.before, f.after = part(4), part(5)
		f.forced = event.Bool(strings.Contains(part(2), "+") || part(2) == "D")
		f.moved()
		if f.created.True() || f.deleted.True() {
			f.forced = event.Bool(false)
		}
		f.label("access", part(2))
		f.label("refex", part(6))
	case "create": // repository, user, why
		f.action, f.repository, f.user = "repository-created", part(0), part(1)
		f.label("access", part(2))
	case "die":
		f.died(strings.ReplaceAll(strings.Join(parts, " "), "<<newline>>", "\n"))
	case "post_git", "END", "system", "gl_log", "":
		f.message = strings.ReplaceAll(strings.Join(parts, " "), "<<newline>>", "\n")
		if f.message == "" {
			f.message = "session ended"
		}
		f.severity = 1
	default:
		f.message = strings.ReplaceAll(strings.Join(parts, " "), "<<newline>>", "\n")
		if f.message == "" {
			f.message = kind
		}
	}
	if f.action == "" {
		f.action = "server-log"
	}
}

// session reads "ARGV=user SOC=command FROM=address".
func (f *facts) session(parts []string) {
	for _, p := range parts {
		name, value, _ := strings.Cut(p, "=")
		switch name {
		case "ARGV":
			f.user = value
		case "FROM":
			f.origin = value
		case "SOC":
			f.label("command", value)
			verb, repository, _ := strings.Cut(value, " ")
			switch verb {
			case "git-upload-pack", "git-receive-pack", "git-upload-archive":
				f.repository = strings.TrimSuffix(strings.Trim(repository, "'"), ".git")
			}
		default:
			f.label(strings.ToLower(name), value)
		}
	}
	f.action, f.message = "server-log", f.user+" opened a session"
}

// died reads "W refs/heads/main testing bob DENIED by refs/heads/main", the word
// of gitolite on an access that it refuses.
func (f *facts) died(text string) {
	f.message, f.outcome, f.severity, f.action = text, "failure", 4, "server-log"
	words := strings.Fields(text)
	if len(words) < 5 || words[4] != "DENIED" {
		return
	}
	line, _, _ := strings.Cut(text, "\n")
	_, by, _ := strings.Cut(line, "DENIED")
	f.severity, f.reason = 5, "DENIED"+by
	f.repository, f.user = words[2], words[3]
	if words[1] != "any" {
		f.ref = words[1]
	}
	if f.action = "push"; words[0] == "R" {
		f.action = "fetch"
	}
}
