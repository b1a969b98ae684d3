package audit

import (
	"encoding/hex"
	"regexp"
	"sort"
	"strconv"
	"strings"
)

// The second decoder: slow, simple, with maps and regular expressions, written
// from audit(7) and the captures without a look at the first. It reads what a
// rule on executed programs needs.

type oracleEvent struct {
	types []string
	sys   map[string]string
	args  map[int]string
	argc  int
}

var (
	oracleHead = regexp.MustCompile(`^(?:node=(\S+) )?type=(\S+) msg=audit\(([0-9.]+:[0-9]+)\): ?(.*)$`)
	oraclePair = regexp.MustCompile(`(?:^| )([A-Za-z0-9_\[\]-]+)=("[^"]*"|'.*'|[^ ]*)`)
)

// oracle reads a whole log and returns its events by node and stamp.
func oracle(lines []string) map[string]*oracleEvent {
	events := map[string]*oracleEvent{}
	for _, l := range lines {
		l, _, _ = strings.Cut(l, "\x1d")
		m := oracleHead.FindStringSubmatch(l)
		if m == nil {
			continue
		}
		key := m[1] + "|" + m[3]
		e := events[key]
		if e == nil {
			e = &oracleEvent{args: map[int]string{}, argc: -1}
			events[key] = e
		}
		e.types = append(e.types, m[2])
		pairs := map[string]string{}
		for _, p := range oraclePair.FindAllStringSubmatch(m[4], -1) {
			pairs[p[1]] = p[2]
		}
		switch m[2] {
		case "SYSCALL":
			e.sys = pairs
		case "EXECVE":
			e.execve(pairs)
		}
	}
	return events
}

func (e *oracleEvent) execve(pairs map[string]string) {
	pieces := map[int]map[int]string{}
	for k, v := range pairs {
		if k == "argc" {
			e.argc, _ = strconv.Atoi(v)
			continue
		}
		k = strings.TrimPrefix(k, "a")
		if strings.HasSuffix(k, "_len") {
			continue
		}
		if i := strings.IndexByte(k, '['); i >= 0 {
			n, _ := strconv.Atoi(k[:i])
			at, _ := strconv.Atoi(strings.Trim(k[i:], "[]"))
			if pieces[n] == nil {
				pieces[n] = map[int]string{}
			}
			pieces[n][at] = oracleText(v)
			continue
		}
		n, _ := strconv.Atoi(k)
		e.args[n] = oracleText(v)
	}
	for n, p := range pieces {
		var at []int
		for i := range p {
			at = append(at, i)
		}
		sort.Ints(at)
		for _, i := range at {
			e.args[n] += p[i]
		}
	}
}

func oracleText(v string) string {
	if strings.HasPrefix(v, `"`) {
		return strings.Trim(v, `"`)
	}
	if b, err := hex.DecodeString(v); err == nil && v == strings.ToUpper(v) {
		return string(b)
	}
	return v
}

func (e *oracleEvent) argv() []string {
	var out []string
	for i := 0; i < len(e.args); i++ {
		out = append(out, e.args[i])
	}
	return out
}

func (e *oracleEvent) outcome() string {
	switch e.sys["success"] {
	case "yes":
		return "success"
	case "no":
		return "failure"
	}
	return "unknown"
}
