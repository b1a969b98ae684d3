package redact

import "strings"

// url notes the password of scheme://user:password@host.
func (f *finder) url(s string, from int) {
	to := from
	for to < len(s) && !endsHost[s[to]] {
		to++
	}
	host := strings.LastIndexByte(s[from:to], '@')
	if host < 0 {
		if colon := strings.IndexByte(s[from:to], ':'); f.cut && to == len(s) && colon >= 0 && strings.Trim(s[from+colon+1:to], "0123456789") != "" {
			f.emit(from+colon+1, to, byURL, s[from+colon+1:to])
		}
		return
	}
	if f.tokenUser(s, from, from+host) {
		return
	}
	f.userinfo(s, from, from+host)
}

// tokenUser notes a token that stands for the user of a URL of HTTP, without a password
// or with one that says that it is none.
func (f *finder) tokenUser(s string, from, to int) bool {
	user, password, _ := strings.Cut(s[from:to], ":")
	if password != "" && password != "x-oauth-basic" || !strings.HasSuffix(s[:from], "http://") && !strings.HasSuffix(s[:from], "https://") || !isToken(user) {
		return false
	}
	f.emit(from, from+len(user), byURL, user)
	return true
}

// isToken reports whether a word is more like a token than like a name: long, without
// marks, and with a letter behind a digit.
func isToken(s string) bool {
	if len(s) < 20 || setPlain.run(s, 0) < len(s) {
		return false
	}
	digit := strings.IndexAny(s, "0123456789")
	return digit >= 0 && strings.Trim(s[digit:], "0123456789") != ""
}

// userinfo notes the password of user:password.
func (f *finder) userinfo(s string, from, to int) {
	if colon := strings.IndexByte(s[from:to], ':'); colon >= 0 {
		if from += colon + 1; nameSecret.secret(s[from:to]) {
			f.emit(from, to, byURL, s[from:to])
		}
	}
}

// call notes the last text in quotes that a function of MongoDB's shell is given.
func (f *finder) call(s string, i int) {
	list := s[i:min(len(s), i+longest)]
	if n := strings.IndexByte(list, ')'); n >= 0 {
		list = list[:n]
	}
	to := strings.LastIndexAny(list, `"'`)
	if to <= 0 {
		return
	}
	if from := strings.LastIndexByte(list[:to], list[to]); from >= 0 && from+1 < to {
		for list[to-1] == '\\' && to-1 > from+1 { // in quotes of another text
			to--
		}
		f.emit(i+from+1, i+to, byName, list[from+1:to])
	}
}

// signature notes the signature of a shared access to Azure's storage: base64, some of it
// escaped.
func (f *finder) signature(s string, from int) {
	to := from
	for to < len(s) && (setURL.has(s[to]) || strings.IndexByte("%+/=", s[to]) >= 0) {
		to++
	}
	if to-from >= 20 {
		f.emit(from, to, byOther, s[from:to])
	}
}

// dsn notes the password of user:password@tcp(host)/, as drivers for Go have it.
func (f *finder) dsn(s string, to int) {
	from := to
	for from > max(0, to-128) && !endsSource[s[from-1]] {
		from--
	}
	f.userinfo(s, from, to)
}
