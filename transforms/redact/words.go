package redact

import "strings"

// word is one word as a shell reads it, and where it stands in the text.
type word struct {
	s     string  // without quotes
	at    int     // the place of its first byte in the text, where places is nil
	place []int32 // else the place of each byte of s
	first bool    // a command begins with it
	here  bool    // it is what a command reads: <<< word
	sep   byte    // what parts a command from the one before: | ; & … and G for ) |
}

// source turns a part of the word into a part of the text.
func (w *word) source(from, to int) (int, int) {
	if w.place == nil {
		return w.at + from, w.at + to
	}
	return int(w.place[from]), int(w.place[to-1]) + 1
}

const (
	blanks = " \t\n\r\x00"
	breaks = ";|&()<>`\n"
)

// byteSet is some bytes.
type byteSet [256]bool

func setOf(text string) (s byteSet) {
	for i := range len(text) {
		s[text[i]] = true
	}
	return s
}

// What ends a word, the part of a URL that names the host, a data source and the
// value of a header.
var (
	isBreak    = setOf(breaks)
	endsWord   = setOf(blanks + breaks)
	endsPlain  = setOf(blanks + breaks + `"'\`)
	endsValue  = setOf(blanks + breaks + `"'`)
	endsHost   = setOf(blanks + "/?#\"'<>`|")
	endsSource = setOf(blanks + "\"'<>`|=")
	endsHeader = setOf("\"'\r\n\x00")
)

// lex appends the words of s as a shell parts them. A quote that is not closed
// goes to the end.
func lex(dst []word, s string) []word {
	first, here, sep := true, false, byte(0)
	for i := 0; i < len(s); {
		switch c := s[i]; {
		case c == ',' && ofList(s, i):
			i++
		case c == '<' && strings.HasPrefix(s[i:], "<<<"):
			here = true
			i += len("<<<")
		case !endsWord[c]:
			w, end := lexWord(s, i)
			w.first, w.here, w.sep = first && !here, here, sep
			dst = append(dst, w)
			first, here, sep, i = false, false, 0, end
		case isBreak[c]:
			first, sep = true, parts(sep, c)
			i++
		default:
			i++
		}
	}
	return dst
}

// parts returns what parts two commands: before, and c behind it.
func parts(before, c byte) byte {
	switch {
	case c == '|' && before == '|':
		return 'o' // or
	case c == '|' && before == ')':
		return 'G'
	case (before == '|' || before == 'G') && (c == '(' || c == '\n'):
		return before
	}
	return c
}

// ofList reports whether the byte at i ends a text of a list in JSON: ["a","b"].
func ofList(s string, i int) bool {
	if i == 0 || s[i-1] != '"' {
		return false
	}
	switch s[i] {
	case ']':
		return true
	case ',':
		return strings.HasPrefix(s[i+1:], `"`) || strings.HasPrefix(s[i+1:], ` "`)
	}
	return false
}

// lexWord reads the word at i.
func lexWord(s string, i int) (word, int) {
	end := i
	for end < len(s) && !endsPlain[s[end]] {
		end++
	}
	if end == len(s) || endsWord[s[end]] {
		return word{s: s[i:end], at: i}, end
	}
	var b []byte
	var place []int32
	add := func(at int) { b, place = append(b, s[at]), append(place, int32(at)) }
	quote := byte(0)
	for end = i; end < len(s); end++ {
		c := s[end]
		switch {
		case quote == '\'' && c != '\'':
			add(end)
		case quote != 0 && c == quote:
			quote = 0
		case c == '\\' && end+1 < len(s) && (quote == 0 || strings.IndexByte("\"\\$`", s[end+1]) >= 0):
			end++
			add(end)
		case quote != 0:
			add(end)
		case ofList(s, end) && end > i:
			return word{s: string(b), at: i, place: place}, end
		case c == '[' && strings.HasPrefix(s[end+1:], `"`): // a list begins
			add(end)
			return word{s: string(b), at: i, place: place}, end + 1
		case c == '"' || c == '\'':
			quote = c
		case c == '$' && end+1 < len(s) && (s[end+1] == '"' || s[end+1] == '\''): // $'…'
		case endsWord[c]:
			return word{s: string(b), at: i, place: place}, end
		default:
			add(end)
		}
	}
	return word{s: string(b), at: i, place: place}, end
}
