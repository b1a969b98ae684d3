package git

import (
	"slices"
	"strings"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/record"
	"tallyman/pipeline/schema"
)

// who adds who did it, to whom, and from where.
func (f *facts) who(to *event.Fields) {
	to.AddString(schema.UserID, f.userID)
	to.AddString(schema.UserName, f.user)
	to.AddString(schema.UserEmail, f.email)
	to.AddString(schema.UserTargetName, f.target)
	to.AddString(schema.GroupName, f.group)
	to.AddString(schema.RelatedUser, f.user)
	if f.target != f.user {
		to.AddString(schema.RelatedUser, f.target)
	}
	record.Source(to, f.origin)
	to.AddString(schema.UserAgentOriginal, f.agent)
	if f.pid > 0 {
		to.Add(schema.ProcessPID, event.Int(f.pid))
	}
	to.AddString(schema.LogLevel, f.level)
	to.AddString(schema.LogLogger, f.logger)
}

// what adds what it was done to, and how.
func (f *facts) what(to *event.Fields) {
	if to.Get(schema.GitServer).IsZero() {
		to.AddString(schema.GitServer, f.server)
	}
	to.AddString(schema.GitRepository, f.repository)
	to.AddString(schema.GitRef, f.ref)
	to.AddString(schema.GitBefore, f.before)
	to.AddString(schema.GitAfter, f.after)
	to.Add(schema.GitForced, f.forced)
	to.Add(schema.GitCreated, f.created)
	to.Add(schema.GitDeleted, f.deleted)
	to.Add(schema.GitProtected, f.protected)
	if f.commits >= 0 {
		to.Add(schema.GitCommits, event.Int(f.commits))
	}
	to.AddString(schema.GitTransport, f.transport)
	if f.after != "" && !isZero(f.after) && !slices.Contains(f.shas, f.after) {
		to.AddString(schema.RelatedHash, f.after)
	}
	for i, sha := range f.shas {
		if i == mostCommits {
			f.keep = true
			break
		}
		to.AddString(schema.RelatedHash, sha)
	}
	to.AddString(schema.HTTPRequestMethod, f.method)
	to.AddString(schema.URLOriginal, f.path)
	if f.status > 0 {
		to.Add(schema.HTTPResponseStatusCode, event.Int(f.status))
	}
	if f.bytes >= 0 && f.method != "" {
		to.Add(schema.DestinationBytes, event.Int(f.bytes))
	}
	for _, l := range f.labels {
		f.keep = !record.Label(to, l.name, l.value) || f.keep
	}
}

// timeOf reads a time, also as GitLab's hooks have it: "2026-11-24 09:15:01 UTC".
func timeOf(s string) (time.Time, bool) { return record.Time(strings.TrimSuffix(s, " UTC")) }

// repositoryOf reads the name of a repository from its URL: what follows the
// host, without .git.
func repositoryOf(u string) string {
	if at := strings.Index(u, "://"); at >= 0 {
		_, u, _ = strings.Cut(u[at+3:], "/")
	} else if host, path, ok := strings.Cut(u, ":"); ok && !strings.Contains(host, "/") {
		u = path
	}
	return strings.TrimSuffix(strings.Trim(u, "/"), ".git")
}

// deployed returns the ref of a deployment as it is written: it may be a branch, a
// tag or a commit, and only the last shows.
func deployed(name string) string {
	if len(name) >= 40 && strings.Trim(name, "0123456789abcdef") == "" {
		return ""
	}
	return name
}

// branchRef makes a ref of the name of a branch.
func branchRef(name string) string {
	if name == "" || strings.HasPrefix(name, "refs/") {
		return name
	}
	return "refs/heads/" + name
}
