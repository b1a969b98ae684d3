package redact

import (
	"strings"

	"tallyman/pipeline/event"
)

// span is a secret in a text.
type span struct {
	text     int // of several: which
	from, to int
	id       pattern
	hash     digest
}

// finder finds secrets. It belongs to one goroutine; what it returns lives until
// the next call.
type finder struct {
	t      *Transform
	h      hasher
	spans  []span
	words  [maxDepth + 1][]word
	text   int  // the number of the text at hand, for spans
	always bool // and is, whatever it holds
	cut    bool // the text may end in the middle of a secret
	read   bool // it has to be read word by word
	refers bool // of the program at hand --secret is the name of one
	done   int  // where the last secret ends that scan found: a text is not read twice
	buf    []byte
	arg    argScratch
	memo   map[string]string // of conceal: records that were looked at, and what became of them

	found   []found // the secrets of the event at hand that nothing else can be
	waiting bool    // the records at hand wait for others of their event
	quiet   bool    // the event at hand comes again, and counts then
	recent  recent  // arguments of events of which some were missing

	e     *event.Event // the one at hand, of the batch b
	b     *event.Batch
	owned bool // its fields are a copy of ours
}

// maxDepth bounds commands in commands: sh -c "sh -c '…'". Each level reads its
// text once more.
const maxDepth = 3

func newFinder(t *Transform) *finder { return &finder{t: t, h: hasher{k: &t.key}} }

// suspect reports whether a text may hold a secret. It changes nothing.
func (f *finder) suspect(s string) bool {
	at := f.t.look.hit(s, 0)
	if at < 0 {
		return f.t.always && s != ""
	}
	c := cursor{i: at}
	for {
		at, lit := f.t.look.next(s, &c)
		if lit == nil {
			return f.t.always && s != ""
		}
		if f.maybe(s, at, lit) {
			return true
		}
	}
}

// maybe judges a literal by what stands around it.
func (f *finder) maybe(s string, at int, lit *literal) bool {
	end := at + len(lit.text)
	switch lit.class {
	case className:
		from, to := nameBounds(s, at, lit.nameEnd(at))
		if to < len(s) && !follows(s[to]) && s[to] != ' ' && !isFunction(s, from, to) && !isElement(s, from, to) ||
			(to == len(s) || s[to] == ' ') && s[from] != '-' && !isBare(s[from:to]) && !isSetting(s, from, to) && !sqlValue(s, from, to) && !equalsQuote(s[to:]) {
			return false
		}
		return named(s[from:to]) != nameNone || lit.text == "--from-literal"
	case classProgram:
		return (at == 0 || !nameByte(lit.text[0]) || !nameByte(s[at-1]) || strings.IndexByte(lit.text, '/') > 0) &&
			(end == len(s) || !nameByte(s[end-1]) || s[end] != '/' && s[end] != '=' && s[end] != ':')
	case classPipe:
		return strings.IndexByte(lit.text, '<') >= 0 || strings.IndexByte(s[end:min(len(s), end+maxPiped)], '|') >= 0
	case classURL:
		for ; end < len(s) && !endsHost[s[end]]; end++ {
			if s[end] == '@' {
				return true
			}
		}
		return f.cut
	case classToken:
		if lit.arg < 0 || f.cut {
			return true
		}
		t := &tokens[lit.arg]
		from := at + len(t.prefix)
		return t.set.run(s, from)-from >= t.least
	}
	return true
}

// follows reports whether a byte after a name may lead to its value.
func follows(c byte) bool {
	return c == '=' || c == ':' || c == '"' || c == '\'' || c == '\\' || c == ']' || c == '\t' || c == 0 || c == '\n' || c == '\r'
}

// isBare reports whether a name without dashes takes the next word for its value.
func isBare(name string) bool {
	switch name[len(name)-1] {
	case 'y', 'n', 'h', 'd':
	default:
		return false
	}
	switch name[strings.LastIndexByte(name, ':')+1:] { // npm's //host/:_authToken
	case "aws_secret_access_key", "aws_session_token", "_auth", "_authToken", "_password":
		return true
	}
	return false
}

// nameBounds returns the whole name around a literal of it.
func nameBounds(s string, from, to int) (int, int) {
	for least := max(0, from-maxName); from > least && nameByte(s[from-1]); {
		from--
	}
	for most := min(len(s), to+maxName); to < most && nameByte(s[to]); {
		to++
	}
	return from, to
}

// emit notes a secret of the text at hand.
func (f *finder) emit(from, to int, id pattern, secret string) {
	if from >= to || marked(secret) {
		return
	}
	hash := f.h.digest(secret)
	f.spans = append(f.spans, span{f.text, from, to, id, hash})
	if f.e != nil && len(f.found) < maxFound && distinct(secret) {
		f.found = append(f.found, found{secret, id, hash})
	}
	f.done = max(f.done, to)
}

// find notes the secrets of a text: those that can be told where they stand, and,
// where there is a sign of them, those that only a reader of its words finds.
func (f *finder) find(s string, m mode, depth int) {
	f.read = false
	f.scan(s)
	if (f.read || f.always && depth == 0) && depth <= maxDepth {
		f.read = false
		f.words[depth] = lex(f.words[depth][:0], s)
		f.walk(f.words[depth], m, depth)
		f.words[depth] = forget(f.words[depth])
	}
}

// forget drops words, and their memory where it was much.
func forget(w []word) []word {
	clear(w)
	if cap(w) > 4096 {
		return nil
	}
	return w[:0]
}

// scan notes the secrets that can be told where they stand.
func (f *finder) scan(s string) {
	c := cursor{}
	f.done = 0
	for at, lit := f.t.look.next(s, &c); lit != nil; at, lit = f.t.look.next(s, &c) {
		if at < f.done {
			continue
		}
		end := at + len(lit.text)
		switch lit.class {
		case className:
			f.name(s, at, lit.nameEnd(at))
		case classProgram, classPipe:
			f.read = f.read || f.maybe(s, at, lit)
		case classAuth:
			f.registry(s, end)
		case classCall:
			f.call(s, end)
		case classSAS:
			f.signature(s, end)
		case classToken:
			f.token(s, at, lit.arg)
		case classURL:
			f.url(s, end)
		case classDSN:
			f.dsn(s, at)
		case classKey:
			f.block(s, at)
		case classHeader:
			f.header(s, end)
		case classScheme:
			f.scheme(s, end, lit.arg == 1)
		case classAWS:
			f.aws(s, at)
		case classSQL:
			f.read = true
			f.identified(s, end)
		}
	}
	for i := range f.t.own {
		f.ofOwn(s, &f.t.own[i])
	}
}

func (f *finder) ofOwn(s string, o *own) {
	for _, m := range o.re.FindAllStringSubmatchIndex(s, -1) {
		if m[2] >= 0 && m[3] > m[2] {
			f.emit(m[2], m[3], o.id, s[m[2]:m[3]])
		}
	}
}

// token notes a token with a fixed start, or, for i < 0, a JWT.
func (f *finder) token(s string, at, i int) {
	if i < 0 {
		f.jwt(s, at)
		return
	}
	t := &tokens[i]
	end := at + len(t.prefix)
	to := t.set.run(s, end)
	for t.set != setPlain && to > end && (s[to-1] == '.' || s[to-1] == '-') {
		to-- // the end of a sentence
	}
	if to-end >= t.least || f.cut && to == len(s) && to > end {
		f.emit(at, to, t.id, s[at:to])
	}
}

// jwt notes three parts of base64, parted by full stops, of which the first begins
// with {".
func (f *finder) jwt(s string, at int) {
	if at > 0 && setURL.has(s[at-1]) {
		return
	}
	to, parts := setURL.run(s, at), 1
	for parts < 5 && to+1 < len(s) && s[to] == '.' && setURL.has(s[to+1]) {
		to = setURL.run(s, to+1)
		parts++
	}
	if parts >= 3 && to-at >= 20 || f.cut && to == len(s) && to-at >= 12 {
		f.emit(at, to, byJWT, s[at:to])
	}
}

// block notes what stands between the lines of a private key.
func (f *finder) block(s string, at int) {
	head := s[at+len("-----BEGIN"):]
	if i := strings.Index(head[:min(len(head), 48)], "PRIVATE KEY"); i >= 0 {
		from := at + len("-----BEGIN") + i + len("PRIVATE KEY")
		for from < len(s) && (setPlain.has(s[from]) || s[from] == '-' || s[from] == ' ') && from-at < 64 && !strings.HasPrefix(s[from:], "-----") {
			from++
		}
		if strings.HasPrefix(s[from:], "-----") {
			from += len("-----")
		}
		to := len(s)
		if i := strings.Index(s[from:], "-----END"); i >= 0 {
			to = from + i
		}
		f.emit(from, to, byBlock, s[from:to])
	}
}

// aws notes the secret that stands behind the id of an AWS key: AKIA…:secret.
func (f *finder) aws(s string, at int) {
	if at+20 > len(s) || !awsID(s[at:at+20]) {
		return
	}
	from := at + 20
	for from < min(len(s), at+24) && strings.IndexByte(":, \t|/\"'", s[from]) >= 0 {
		from++
	}
	to := from
	for to < len(s) && to-from < 41 && (setPlain.has(s[to]) || s[to] == '/' || s[to] == '+') {
		to++
	}
	if from > at+20 && to-from == 40 {
		f.emit(from, to, byAWS, s[from:to])
	}
}
