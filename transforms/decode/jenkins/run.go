package jenkins

import (
	"strconv"
	"strings"
	"time"

	"tallyman/pipeline/lazy"
	"tallyman/pipeline/record"
)

var runForm = lazy.Regexp(`(?s)^(.+?) #(\d+)(?: (.*))?$`)

// run reads "WHAT #N CAUSES, Parameters:[…]" of a build that starts and, with "on
// NODE started at T completed in Nms completed: RESULT", of one that is over.
func (f *facts) run(text string) bool {
	m := runForm().FindStringSubmatch(text)
	if m == nil {
		return false
	}
	number, err := strconv.ParseInt(m[2], 10, 64)
	if err != nil {
		return false
	}
	rest, done := f.completion(m[3])
	isURL := strings.HasPrefix(m[1], "job/") && strings.HasSuffix(m[1], "/")
	if !done && !isURL {
		return false
	}
	f.number = number
	if at := strings.LastIndex(rest, ", Parameters:["); at >= 0 {
		f.params = parameters(strings.TrimSuffix(rest[at+len(", Parameters:["):], "]"))
		rest = rest[:at]
	}
	f.started(rest)
	if isURL {
		f.jobURL, f.job = m[1], jobOf(m[1])
	} else {
		f.job = strings.ReplaceAll(m[1], " » ", "/")
	}
	if !done {
		f.kind, f.action, f.outcome = "run_started", "build-started", "success"
	}
	return true
}

var completionForm = lazy.Regexp(`(?s)^(.*) on (?:node )?(.*?) started at (\S+) completed in (\d+)ms completed: (\S+)$`)

// completion takes the end of a build off a message.
func (f *facts) completion(text string) (rest string, done bool) {
	m := completionForm().FindStringSubmatch(text)
	if m == nil {
		return text, false
	}
	f.kind, f.action = "run_completed", "build-completed"
	f.node = m[2]
	f.finished(m[5])
	f.began, _ = record.Time(m[3])
	if ms, err := strconv.ParseInt(m[4], 10, 64); err == nil && ms < 1e12 {
		f.took = time.Duration(ms) * time.Millisecond
	}
	return m[1], true
}

// parameters reads "NAME: {VALUE}, NAME: {VALUE}".
func parameters(s string) (list []pair) {
	for s != "" && len(list) <= mostParams {
		name, rest, ok := strings.Cut(s, ": {")
		if !ok {
			break
		}
		end := strings.Index(rest, "}, ")
		if end < 0 {
			return append(list, pair{name, strings.TrimSuffix(rest, "}")})
		}
		list = append(list, pair{name, rest[:end]})
		s = rest[end+3:]
	}
	return list
}
