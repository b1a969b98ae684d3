package k8saudit

import (
	"strconv"
	"strings"
)

// The legacy format of the log backend is one line of quoted values:
//
//	2026-11-21T03:04:05.123456Z AUDIT: id="…" stage="…" ip="…" method="…" user="…" groups="\"a\",\"b\"" as="…" asgroups="…" user-agent="…" namespace="…" uri="…" response="201"
//
// Its method is the verb, <none> and <lookup> stand for nothing, and response is
// <deferred> until there is one.

// legacyMark parts the time from the values.
const legacyMark = " AUDIT: "

// legacy reads such a line; false says that it is none.
func (r *record) legacy(text string) bool {
	at := strings.Index(text[:min(len(text), 64)], legacyMark)
	if at < 0 || text[0] == '{' {
		return false
	}
	r.staged = text[:at]
	rest := strings.TrimRight(text[at+len(legacyMark):], " \r\n")
	for rest != "" {
		name, after, ok := strings.Cut(rest, "=")
		q, err := strconv.QuotedPrefix(after)
		if !ok || err != nil {
			return true // and not ok: it is kept whole
		}
		v, err := strconv.Unquote(q)
		if err != nil {
			return true
		}
		r.legacyValue(name, v)
		rest = strings.TrimLeft(after[len(q):], " ")
	}
	r.ok = r.verb != ""
	r.resourceOf()
	return true
}

func (r *record) legacyValue(name, v string) {
	if v == "<none>" || v == "<self>" || v == "<lookup>" {
		return
	}
	switch name {
	case "id":
		r.auditID = v
	case "stage":
		r.stage = v
	case "ip":
		for ip := range strings.SplitSeq(v, ",") {
			if ip = strings.TrimSpace(ip); ip != "" && len(r.ips) < mostIPs {
				r.ips = append(r.ips, ip)
			}
		}
	case "method":
		r.verb = v
	case "user":
		r.user.name = v
	case "groups":
		r.user.groups = legacyList(r.user.groups, v)
	case "as":
		r.as.name = v
	case "asgroups":
		r.as.groups = legacyList(r.as.groups, v)
	case "user-agent":
		r.agent = v
	case "namespace":
		r.ref.namespace = v
	case "uri":
		r.uri = v
	case "response":
		if n, err := strconv.Atoi(v); err == nil && n > 0 && n < 1000 {
			r.code = int64(n)
		} else if v != "<deferred>" {
			r.say("response is no status")
		}
	default:
		r.unknown = true
	}
}

// legacyList reads "a","b".
func legacyList(dst []string, v string) []string {
	for v != "" && len(dst) < mostGroups {
		q, err := strconv.QuotedPrefix(v)
		if err != nil {
			return append(dst, v)
		}
		one, _ := strconv.Unquote(q) // a quoted prefix can be unquoted
		dst, v = append(dst, one), strings.TrimPrefix(v[len(q):], ",")
	}
	return dst
}

// resourceOf reads what the request is about from its path, which the legacy
// format leaves to the reader:
// /api/v1/namespaces/NS/RESOURCE/NAME/SUBRESOURCE, /apis/GROUP/VERSION/….
func (r *record) resourceOf() {
	path, _, _ := strings.Cut(r.uri, "?")
	parts := strings.Split(strings.Trim(path, "/"), "/")
	switch {
	case len(parts) > 2 && parts[0] == "api":
		r.ref.version, parts = parts[1], parts[2:]
	case len(parts) > 3 && parts[0] == "apis":
		r.ref.group, r.ref.version, parts = parts[1], parts[2], parts[3:]
	default:
		return
	}
	r.parts(parts)
}

// parts reads namespaces/NS/RESOURCE/NAME/SUBRESOURCE.
func (r *record) parts(parts []string) {
	if parts[0] == "namespaces" && len(parts) > 2 {
		r.ref.namespace, parts = parts[1], parts[2:]
	}
	r.ref.resource = parts[0]
	if len(parts) > 1 {
		r.ref.name = parts[1]
	}
	if len(parts) > 2 {
		r.ref.subresource = parts[2]
	}
}
