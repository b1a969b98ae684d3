package main

import (
	"encoding/hex"
	"fmt"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"time"
)

// This file is a second decoder of exec events, slow and plain, that shares no
// line with the program: what both read is what the records say.

type exec2 struct {
	args         []string
	exe, outcome string
}

var (
	headOf = regexp.MustCompile(`^(?:node=\S+ )?type=(\S+) msg=audit\((\d+)\.(\d{3}):(\d+)\): (.*)$`)
	argOf  = regexp.MustCompile(`(?:^| )a(\d+)(?:\[(\d+)\])?=("[^"]*"|\S*)`)
	wordOf = func(name string) *regexp.Regexp { return regexp.MustCompile(`(?:^| )` + name + `=("[^"]*"|\S+)`) }
	exeOf  = wordOf("exe")
	okOf   = wordOf("success")
	callOf = wordOf("syscall")
	archOf = wordOf("arch")
	nameOf = wordOf("proctitle")
)

// text undoes the kernel's writing: quoted as it stands, else hex.
func text(v string) string {
	if len(v) >= 2 && v[0] == '"' {
		return v[1 : len(v)-1]
	}
	if b, err := hex.DecodeString(v); err == nil && v != "" {
		return string(b)
	}
	return v
}

func word(re *regexp.Regexp, body string) string {
	m := re.FindStringSubmatch(body)
	if m == nil {
		return ""
	}
	return m[1]
}

// decodeExecs returns the exec events of a log by time and serial.
func decodeExecs(log []byte) map[string]*exec2 {
	type part struct{ arg, piece int }
	out, parts, titles := map[string]*exec2{}, map[string]map[part]string{}, map[string]string{}
	for line := range strings.Lines(string(log)) {
		m := headOf.FindStringSubmatch(strings.TrimSuffix(line, "\n"))
		if m == nil {
			continue
		}
		sec, _ := strconv.ParseInt(m[2], 10, 64)
		ms, _ := strconv.ParseInt(m[3], 10, 64)
		key := fmt.Sprintf("%s:%s", isoTime(sec, ms), m[4])
		body, _, _ := strings.Cut(m[5], "\x1d")
		switch m[1] {
		case "SYSCALL":
			call, arch := word(callOf, body), word(archOf, body)
			if arch != "c000003e" || call != "59" && call != "322" {
				continue
			}
			e := &exec2{exe: text(word(exeOf, body)), outcome: "failure"}
			if word(okOf, body) == "yes" {
				e.outcome = "success"
			}
			out[key] = e
		case "PROCTITLE": // the arguments as the process shows them, where EXECVE is missing
			titles[key] = strings.TrimRight(text(word(nameOf, body)), "\x00")
		case "EXECVE":
			if parts[key] == nil {
				parts[key] = map[part]string{}
			}
			for _, a := range argOf.FindAllStringSubmatch(body, -1) {
				n, _ := strconv.Atoi(a[1])
				piece := 0
				if a[2] != "" {
					piece, _ = strconv.Atoi(a[2])
				}
				parts[key][part{n, piece}] = text(a[3])
			}
		}
	}
	for key, e := range out {
		if parts[key] == nil && titles[key] != "" {
			e.args = strings.Split(titles[key], "\x00")
		}
		var order []part
		for p := range parts[key] {
			order = append(order, p)
		}
		sort.Slice(order, func(i, j int) bool {
			return order[i].arg < order[j].arg || order[i].arg == order[j].arg && order[i].piece < order[j].piece
		})
		for _, p := range order {
			for len(e.args) <= p.arg {
				e.args = append(e.args, "")
			}
			e.args[p.arg] += parts[key][p]
		}
	}
	return out
}

// isoTime is the form of @timestamp: at least milliseconds.
func isoTime(sec, ms int64) string {
	return time.Unix(sec, ms*1e6).UTC().Format("2006-01-02T15:04:05.000Z")
}
