package audit

import "strings"

// unwrap cuts the syslog head off a record that came through syslog or the
// kernel log: "Jul  8 10:31:23 host kernel: [  270.853767] audit: type=1326 …".
// Only what stands before the first ": " can be the head, and only the kernel
// and the audit daemon's own programs may have written it: a record inside the
// text of another program is that program's text.
func unwrap(line string) (string, bool) {
	head, rest, ok := strings.Cut(line, ": ")
	if !ok {
		return "", false
	}
	if i := strings.LastIndexByte(head, ' '); i >= 0 {
		head = head[i+1:]
	}
	if i := strings.IndexByte(head, '['); i > 0 && strings.HasSuffix(head, "]") {
		head = head[:i]
	}
	switch head {
	case "kernel":
		if strings.HasPrefix(rest, "[") {
			if _, after, ok := strings.Cut(rest, "] "); ok {
				rest = after
			}
		}
		return rest, strings.HasPrefix(rest, "audit: ")
	case "audispd", "audisp-syslog", "auditd", "audit":
		return rest, true
	}
	return "", false
}

// parse reads a line that is a record, or holds one behind a syslog head.
func parse(line string) (Record, error) {
	r, err := Parse(line)
	if err == nil {
		return r, nil
	}
	if rest, ok := unwrap(line); ok {
		return Parse(rest)
	}
	return r, err
}
