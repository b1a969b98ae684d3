package redact

import "strings"

// name notes the value of a name that stands in the text, and says where only a
// reader of words can tell it: --password secret.
func (f *finder) name(s string, at, end int) {
	from, to := nameBounds(s, at, end)
	if to < len(s) && !follows(s[to]) && s[to] != ' ' {
		f.function(s, from, to)
		f.element(s, from, to)
		return
	}
	kind := named(s[from:to])
	if kind == nameNone {
		f.literalSecret(s, from, to)
		return
	}
	dash := s[from] == '-' || isBare(s[from:to])
	switch {
	case to == len(s) || s[to] == ' ' || s[to] == '\t' || s[to] == '\n' || s[to] == '\r' || s[to] == 0:
		f.read = f.read || dash || isSetting(s, from, to)
		switch {
		case sqlValue(s, from, to):
			f.read = true
			f.value(s, from, to, kind)
		case equalsQuote(s[to:]):
			f.value(s, from, to+2, kind)
		}
		return
	case s[to] == '=':
		f.read = true // the words tell better where the value ends
		if s[from:to] == "--secret" && (f.refers || refers(s[:from])) {
			return
		}
		f.value(s, from, to+1, kind)
	case s[to] == ':':
		if !strings.HasPrefix(s[to:], "://") {
			f.value(s, from, to+1, kind)
		}
	case s[to] == ']':
		if strings.HasPrefix(s[to:], "]=") { // a form's user[password]=
			f.value(s, from, to+2, kind)
		}
	default:
		f.quotedName(s, from, to, dash, kind)
	}
}

// refers reports whether a program stands in a text whose --secret=x is the name of one.
func refers(s string) bool {
	s = s[max(0, len(s)-longest):]
	for _, name := range [...]string{"docker", "podman", "nerdctl", "buildah", "gcloud"} {
		if strings.Contains(s, name) {
			return true
		}
	}
	return false
}

// equalsQuote reports whether s is an equals sign between blanks and a quote: set
// password = 'secret'.
func equalsQuote(s string) bool {
	return strings.HasPrefix(s, " = ") && len(s) > 3 && (s[3] == '\'' || s[3] == '"')
}

// function takes what SQL's function password('secret') is given.
func (f *finder) function(s string, from, to int) {
	if isFunction(s, from, to) {
		f.value(s, from, to+1, nameSecret)
	}
}

// element takes what stands in an element of XML: <password>secret</password>.
func (f *finder) element(s string, from, to int) {
	if isElement(s, from, to) && named(s[from:to]) != nameNone {
		if n := strings.IndexByte(s[to:min(len(s), to+longest)], '<'); n > 1 && nameSecret.secret(s[to+1:to+n]) {
			f.emit(to+1, to+n, byName, s[to+1:to+n])
		}
	}
}

func isElement(s string, from, to int) bool {
	return from > 0 && s[from-1] == '<' && to < len(s) && s[to] == '>'
}

// isSetting reports whether a name without dashes may take the next word for its value:
// config set name, the name of a setting with a full stop in it, and .netrc's
// machine h login ana password.
func isSetting(s string, from, to int) bool {
	if strings.IndexByte(s[from:to], '.') > 0 || from > 0 && s[from-1] == ':' && to < len(s) && s[to] == ' ' {
		return true
	}
	before := s[max(0, from-64):from]
	return strings.HasSuffix(before, "set ") || strings.Contains(before, "machine ") && strings.HasPrefix(lastWord(strings.TrimRight(withoutLast(before), " ")), "login")
}

// withoutLast is what stands before the last word.
func withoutLast(s string) string {
	s = strings.TrimRight(s, " ")
	return s[:len(s)-len(lastWord(s))]
}

func isFunction(s string, from, to int) bool {
	return to+1 < len(s) && s[to] == '(' && (s[to+1] == '\'' || s[to+1] == '"') && equalFold(s[from:to], "password")
}

// literalSecret takes kubectl's --from-literal=name=secret.
func (f *finder) literalSecret(s string, from, to int) {
	if s[from:to] != "--from-literal" || to == len(s) {
		return
	}
	f.read = true
	if i := strings.IndexByte(s[to+1:min(len(s), to+1+longest)], '='); s[to] == '=' && i > 0 {
		_, end := value(s, to+1+i+1)
		f.emit(to+1+i+1, end, byName, s[to+1+i+1:end])
	}
}

// quotedName takes a name in quotes: "password": "secret", and, of a list of
// arguments, "--password", "secret".
func (f *finder) quotedName(s string, from, i int, dash bool, kind nameKind) {
	if strings.HasSuffix(strings.TrimRight(s[max(0, from-8):from], `"'\`), "/") {
		return // it is the name of an object: "default"/"db-password"
	}
	for i < len(s) && (s[i] == '"' || s[i] == '\'' || s[i] == '\\') {
		i++
	}
	for i < len(s) && s[i] == ' ' {
		i++
	}
	if i == len(s) || s[i] != ':' && s[i] != '=' && (s[i] != ',' || !dash) {
		f.read = f.read || dash
		return
	}
	f.value(s, from, i+1, kind)
}

// value notes the value from i of the name that begins at from.
func (f *finder) value(s string, from, i int, kind nameKind) {
	start, end := value(s, i)
	if start > from && s[start-1] != '"' && s[start-1] != '\'' {
		// In a list of settings the next one is no part of this: a=b,password=c,d=e.
		if from > 0 && (s[from-1] == ',' || s[from-1] == ';') {
			if n := strings.IndexByte(s[start:end], ','); n >= 0 {
				end = start + n
			}
		}
	}
	if start == end {
		return
	}
	v := s[start:end]
	switch {
	case s[i-1] == ':' && start == i && stackOfPAM(s, from, start):
	case strings.HasPrefix(v, "pass:"): // of openssl
		if start += len("pass:"); start < end {
			f.emit(start, end, byName, s[start:end])
		}
	case s[i-1] == ':' && end < len(s) && s[end] == ' ' && isScheme(v):
		f.schemed(s, start, end)
	case kind.secret(v):
		f.emit(start, end, byName, v)
	}
}

// stackOfPAM reports whether the name that begins at from is that of a service, behind
// which PAM writes what it was asked for: "pam_unix(passwd:chauthtok): password changed".
func stackOfPAM(s string, from, start int) bool {
	open := strings.LastIndexByte(s[:from], '(')
	if open < 0 || strings.IndexByte(s[open:from], ' ') >= 0 || !strings.HasPrefix(lastWord(s[:open]), "pam_") {
		return false
	}
	asked, _, ok := strings.Cut(s[start:min(len(s), start+len("chauthtok)"))], ")")
	switch asked {
	case "auth", "setcred", "account", "session", "chauthtok", "password":
		return ok
	}
	return false
}

// lastWord is what stands behind the last blank.
func lastWord(s string) string { return s[strings.LastIndexByte(s, ' ')+1:] }

func isScheme(v string) bool {
	for _, w := range schemes {
		if equalFold(v, w) {
			return true
		}
	}
	return false
}

// value returns the bounds of the value that begins at i or behind the blanks
// there: what stands in quotes, else up to what ends a word.
func value(s string, i int) (from, to int) {
	for i < len(s) && s[i] == ' ' {
		i++
	}
	q := ""
	for _, mark := range [...]string{`'\''`, `\"`, `"`, `'`} { // the first: an apostrophe in apostrophes
		if strings.HasPrefix(s[i:], mark) {
			q = mark
			break
		}
	}
	i += len(q)
	from = i
	for ; i < len(s); i++ {
		c := s[i]
		switch {
		case q != "":
			if strings.HasPrefix(s[i:], q) {
				return from, i
			}
			if c == '\\' {
				i++
			}
		case endsValue[c]:
			return from, i
		case c == '\\' && i+1 < len(s) && s[i+1] != '"':
			i++
		case c == '\\':
			return from, i
		}
	}
	return from, min(i, len(s))
}

// sqlValue reports whether a name that ends at to is one of SQL with its value in
// quotes behind it: alter user ana password 'secret'.
func sqlValue(s string, from, to int) bool {
	if to+1 >= len(s) || s[to] != ' ' || s[to+1] != '\'' && s[to+1] != '"' {
		return false
	}
	for at := from - 4; at >= max(0, from-96); at-- {
		if w := s[at : at+4]; equalFold(w, "user") || equalFold(w, "role") {
			return true
		}
		if strings.IndexByte(";|&\n", s[at]) >= 0 { // another command
			break
		}
	}
	return false
}

// identified notes the password of SQL's identified by 'secret', and of identified
// with … by 'secret'.
func (f *finder) identified(s string, i int) {
	for end := min(len(s), i+96); i+4 < end; i++ {
		if equalFold(s[i:i+4], " by ") && (s[i+4] == '\'' || s[i+4] == '"') {
			f.value(s, i, i+4, nameSecret)
			return
		}
	}
}
