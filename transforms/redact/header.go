package redact

import (
	"encoding/base64"
	"strings"
)

// header notes the value of Authorization: and Cookie:.
func (f *finder) header(s string, i int) {
	if s[i-1] != ':' { // authorization
		for i < len(s) && (s[i] == '"' || s[i] == '\\' || s[i] == '\'') {
			i++
		}
		if i == len(s) || s[i] != ':' && s[i] != '=' {
			return
		}
		i++
		from, to := value(s, i)
		f.schemed(s, from, to)
		return
	}
	from := i
	for from < len(s) && s[from] == ' ' {
		from++
	}
	to := from
	for to < len(s) && !endsHeader[s[to]] {
		to++
	}
	f.emit(from, to, byHeader, s[from:to])
}

// schemed notes a value behind the word that says how to read it: Bearer …. Of
// Digest and the like everything up to the end of the text in quotes is one.
func (f *finder) schemed(s string, from, to int) {
	scheme := s[from:to]
	switch {
	case to+1 >= len(s) || s[to] != ' ' || !isScheme(scheme):
		if nameSecret.secret(scheme) {
			f.emit(from, to, byHeader, scheme)
		}
		if to+1 < len(s) && s[to] == ' ' && mayBeScheme(scheme) {
			if from, to = value(s, to); distinct(s[from:to]) && !strings.Contains(s[from:to], "://") {
				f.emit(from, to, byHeader, s[from:to])
			}
		}
	case equalFold(scheme, "digest"), equalFold(scheme, "aws4-hmac-sha256"), equalFold(scheme, "oauth") && strings.IndexByte(s[to:], '=') > 0:
		end := to + 1
		for end < len(s) && !endsHeader[s[end]] {
			end++
		}
		f.emit(to+1, end, byHeader, s[to+1:end])
	default:
		if from, to = value(s, to); nameSecret.secret(s[from:to]) && s[to-1] != '=' {
			f.emit(from, to, byHeader, s[from:to])
		}
	}
}

var schemes = [...]string{"bearer", "basic", "token", "apikey", "negotiate", "digest", "aws4-hmac-sha256", "googlelogin", "oauth", "ntlm", "hmac", "dpop",
	"api-token", "api-key", "apitoken", "geniekey", "splunk", "ssws", "snowflake", "sharedkey", "sharedkeylite", "sharedaccesssignature", "jwt", "bot", "key", "private-token"}

// mayBeScheme reports whether a word looks like the name of a way to read a secret that is
// not known: letters and dashes.
func mayBeScheme(s string) bool {
	return len(s) > 1 && len(s) <= 20 && strings.IndexFunc(s, func(c rune) bool { return (c|0x20 < 'a' || c|0x20 > 'z') && c != '-' && c != '_' }) < 0
}

// registry notes the secret of a registry as Docker's configuration has it: "auth": "…".
func (f *finder) registry(s string, i int) {
	rest := strings.TrimLeft(s[i:min(len(s), i+8)], `\"`)
	if i = min(len(s), i+8) - len(rest); rest == "" || rest[0] != ':' {
		return
	}
	if from, to := value(s, i+1); isBasic(s[from:to]) {
		f.emit(from, to, byHeader, s[from:to])
	}
}

// isBasic reports whether s is user:secret in base64.
func isBasic(s string) bool {
	plain, err := base64.StdEncoding.DecodeString(s)
	return err == nil && strings.IndexByte(string(plain), ':') >= 0
}

// scheme notes what stands behind the bare word Bearer or Basic, where it looks
// like a token and not like a sentence.
func (f *finder) scheme(s string, from int, basic bool) {
	to := from
	for to < len(s) && (setDot.has(s[to]) || strings.IndexByte("~+/=", s[to]) >= 0) {
		to++
	}
	v := s[from:to]
	if basic {
		if !isBasic(v) {
			return
		}
	} else if len(v) < 16 || !strings.ContainsAny(v, "0123456789") {
		return
	}
	f.emit(from, to, byHeader, v)
}
