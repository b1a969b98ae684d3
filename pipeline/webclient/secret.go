package webclient

import (
	"encoding/base64"
	"net/url"
	"slices"
	"strings"
)

// shortest is how long a text is at least that is taken for a secret where nothing
// says that it is one: a version or a number would be cut out of every answer.
const shortest = 6

// secrets are the texts that must not be repeated: each value, and what follows
// the scheme in one like "Bearer TOKEN", also the password behind Basic.
func (r *Request) secrets() []string {
	list := slices.Clone(r.Conceal)
	for _, values := range r.Secret {
		for _, v := range values {
			list = append(list, v)
			scheme, token, ok := strings.Cut(v, " ")
			if !ok {
				continue
			}
			list = append(list, token)
			if plain, err := base64.StdEncoding.DecodeString(token); err == nil && scheme == "Basic" {
				if _, password, _ := strings.Cut(string(plain), ":"); len(password) >= shortest {
					list = append(list, password)
				}
			}
		}
	}
	return list
}

// plainWords are what the paths of receivers are made of, in small letters. Any other
// part of a path may be the token of a webhook, or of a source, and is not shown.
var plainWords = map[string]bool{
	"": true, "_bulk": true, "ack": true, "alert": true, "alerts": true, "api": true, "audit": true, "base": true, "bulk": true, "collect": true,
	"collector": true, "datadog": true, "default": true, "elastic": true, "elasticsearch": true, "es": true, "event": true, "events": true, "hec": true,
	"hook": true, "hooks": true, "http": true, "https": true, "in": true, "ingest": true, "ingestion": true, "input": true, "inputs": true, "insert": true,
	"intake": true, "json": true, "jsonline": true, "log": true, "loggly": true, "logs": true, "loki": true, "opensearch": true, "otlp": true, "push": true,
	"raw": true, "receiver": true, "security": true, "services": true, "siem": true, "splunk": true, "stream": true, "streams": true, "tallyman": true,
	"v1": true, "v2": true, "v3": true, "v4": true, "webhook": true, "webhooks": true, "write": true,
}

// shownPath is the path of a receiver's URL for people, without what may be a secret.
func shownPath(path string) string {
	parts := strings.Split(path, "/")
	for i, p := range parts {
		if !plainWords[strings.ToLower(p)] {
			parts[i] = "…"
		}
	}
	return strings.Join(parts, "/")
}

// shown is what may be shown of a text that should be the URL of a receiver and is
// none: the scheme and the host, and nothing before the last @, wherever that is.
func shown(s string) string {
	scheme, rest, ok := strings.Cut(s, "://")
	if ok {
		scheme += "://"
	} else {
		scheme, rest = "", s
	}
	if i := strings.LastIndexByte(rest, '@'); i >= 0 {
		scheme, rest = scheme+"…", rest[i:]
	}
	if i := strings.IndexAny(rest, "/?#"); i >= 0 && i < len(rest)-1 {
		rest = rest[:i] + "/…"
	}
	return scheme + rest
}

// inPath are a path that is not shown as a whole, and its parts that are not, as they
// stand there and as others may write them.
func inPath(base *url.URL) (list []string) {
	if path := strings.TrimSuffix(base.Path, "/"); shownPath(path) != path {
		list = append(list, strings.TrimSuffix(base.EscapedPath(), "/"), path)
	}
	for p := range strings.SplitSeq(base.Path, "/") {
		if !plainWords[strings.ToLower(p)] && len(p) >= shortest {
			list = append(list, url.PathEscape(p), url.QueryEscape(p), p)
		}
	}
	return list
}

// inQuery are the values of a query, any of which may be a token, as they stand
// there and as others may write them.
func inQuery(query string) (list []string) {
	for pair := range strings.SplitSeq(query, "&") {
		_, raw, _ := strings.Cut(pair, "=")
		plain, err := url.QueryUnescape(raw)
		if err != nil {
			plain = raw
		}
		if len(plain) >= shortest {
			list = append(list, raw, url.QueryEscape(plain), url.PathEscape(plain), plain)
		}
	}
	return list
}
