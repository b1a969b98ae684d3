package redact

import (
	"slices"
	"strings"
)

// place is where a program takes a secret that no option tells: by its place among the
// arguments that are no options.
type place struct {
	behind []string // the words before it, in lower case; one that ends with a full stop is how a word begins
	at     int      // which argument behind them, from 1; 0 for each
	form   placeForm
	first  bool   // the first of behind is the first argument
	only   string // only where this option is among the arguments
}

// placeForm is which part of an argument is the secret.
type placeForm uint8

const (
	formWhole    placeForm = iota
	formToken              // what has no equals sign
	formWord               // what has no full stop, slash or equals sign: no name of a file
	formPair               // user:secret
	formHost               // user:secret@host
	formOracle             // user/secret@database, and name=user/secret
	formDSN                // h=host,u=user,p=secret
	formACL                // >secret
	formAssigned           // name=secret
	formSecretID           // secret_id=secret
	formLast               // [user] secret: the last
)

// maxPlaces is how many places a program may have.
const maxPlaces = 10

// stand is how far the arguments of a program were read.
type stand struct {
	n       int              // those that were no options
	matched [maxPlaces]uint8 // by place: words of behind
	count   [maxPlaces]uint8 // and arguments after them
	last    int              // of formLast: the word before, and 1
	skip    bool             // the next word is the value of an option
}

// placed takes an argument that is no option, where one of the program's places is; true
// where it is a secret as a whole.
func (w *walker) placed(one *word) (whole bool) {
	p, st := w.prog, &w.stand
	st.n++
	for i := range p.places {
		pl := &p.places[i]
		if n := int(st.matched[i]); n < len(pl.behind) {
			switch {
			case isWord(one.s, pl.behind[n]) && (n > 0 || !pl.first || st.n == 1):
				st.matched[i]++
			case n > 0 && isWord(one.s, pl.behind[0]) && !pl.first:
				st.matched[i] = 1
			}
			continue
		}
		if st.count[i] < 255 {
			st.count[i]++
		}
		if at := int(st.count[i]); (pl.at == 0 || pl.at == at) && (pl.only == "" || w.has(pl.only)) {
			whole = w.take(one, pl, at) || whole
		}
	}
	return whole
}

// isWord compares a word with one of a place.
func isWord(s, want string) bool {
	if strings.HasSuffix(want, ".") {
		return len(s) > len(want) && equalFold(s[:len(want)], want)
	}
	return equalFold(s, want)
}

// has reports whether an option is among the words of the command.
func (w *walker) has(option string) bool {
	return slices.ContainsFunc(w.words, func(x word) bool { return x.s == option })
}

// take notes the secret of an argument by its form; true where it is the whole.
func (w *walker) take(one *word, p *place, at int) bool {
	s := one.s
	switch p.form {
	case formWhole, formToken, formWord:
		if p.form == formToken && strings.IndexByte(s, '=') >= 0 || p.form == formWord && strings.ContainsAny(s, "./=*") || !nameSecret.secret(s) {
			return false
		}
		w.emit(one, 0, len(s), byPlace)
		return true
	case formPair:
		if i := strings.IndexByte(s, ':'); i > 0 && !strings.HasPrefix(s[i:], "://") && nameSecret.secret(s[i+1:]) {
			w.emit(one, i+1, len(s), byPlace)
		}
	case formHost:
		w.host(one, 0)
	case formOracle:
		w.oracle(one)
	case formDSN:
		for i := 0; i >= 0 && i < len(s); {
			if end := comma(s, i); strings.HasPrefix(s[i:], "p=") {
				w.emit(one, i+2, end, byPlace)
			}
			i = comma(s, i) + 1
		}
	case formACL:
		if len(s) > 1 && (s[0] == '>' || s[0] == '<') {
			w.emit(one, 1, len(s), byPlace)
		}
	case formAssigned:
		if i := strings.IndexByte(s, '='); i > 0 && nameSecret.secret(s[i+1:]) && s[i+1] != '@' {
			w.emit(one, i+1, len(s), byPlace)
			return true
		}
	case formSecretID:
		if v, ok := strings.CutPrefix(s, "secret_id="); ok && nameSecret.secret(v) {
			w.emit(one, len("secret_id="), len(s), byPlace)
		}
	case formLast:
		return w.lastOf(one, at)
	}
	return false
}

// comma returns where the part of a list that begins at i ends.
func comma(s string, i int) int {
	if n := strings.IndexByte(s[i:], ','); n >= 0 {
		return i + n
	}
	return len(s)
}

// host takes user:secret@host, which is no URL.
func (w *walker) host(one *word, from int) bool {
	s := one.s
	at := strings.LastIndexByte(s, '@')
	if at < from || strings.Contains(s[from:at], "://") {
		return false
	}
	if i := strings.IndexByte(s[from:at], ':'); i >= 0 && nameSecret.secret(s[from+i+1:at]) {
		w.emit(one, from+i+1, at, byPlace)
		return true
	}
	return false
}

// oracle takes user/secret, user/secret@database and name=user/secret. A path begins with
// a slash or has more before it than a user's name.
func (w *walker) oracle(one *word) {
	s, from := one.s, 0
	for _, name := range [...]string{"userid=", "target=", "catalog=", "rcvcat=", "auxiliary="} {
		if len(s) > len(name) && equalFold(s[:len(name)], name) {
			from = len(name)
		}
	}
	i := strings.IndexByte(s[from:], '/')
	if i <= 0 {
		return
	}
	for _, c := range []byte(s[from : from+i]) {
		if !setUnder.has(c) && c != '$' && c != '#' && c != '[' && c != ']' && c != '"' {
			return
		}
	}
	i += from + 1
	end := len(s)
	if n := strings.LastIndexByte(s[i:], '@'); n >= 0 {
		end = i + n
	}
	if n := strings.Index(s[i:], "@//"); n >= 0 {
		end = i + n
	}
	if i < end && nameSecret.secret(s[i:end]) {
		w.emit(one, i, end, byPlace)
	}
}

// lastOf takes the second of two arguments, and the first where it is alone. What a text
// of anybody says behind it is not known to be one: there it takes both.
func (w *walker) lastOf(one *word, at int) bool {
	switch st := &w.stand; at {
	case 1:
		st.last = w.i + 1
		return true
	case 2:
		if w.m == loose {
			w.emitAt(st.last-1, byPlace)
		}
		st.last = 0
		w.emit(one, 0, len(one.s), byPlace)
		return true
	}
	return false
}
