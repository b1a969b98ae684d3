package audit

import (
	"path/filepath"
	"strings"
	"testing"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// TestNoValueIsLost reads every field of every record of the corpus again, with
// the tokeniser alone, and looks for its value on the event that it became part
// of. What may be missing is listed in absent and derived.
func TestNoValueIsLost(t *testing.T) {
	files := corpusFiles(t)
	golden, err := filepath.Glob(filepath.Join("testdata", "events", "*.log"))
	if err != nil {
		t.Fatal(err)
	}
	files = append(files, golden...)
	for _, dir := range []string{"small-raw", "small-enriched"} {
		files = append(files, filepath.Join(shared, "audit-live", dir, "audit.log.gz"))
	}
	seen := 0
	for _, name := range files {
		if strings.HasSuffix(name, ".jsonl") || strings.HasSuffix(name, ".yaml") {
			continue
		}
		tr := build(t, func(s *Settings) { s.KeepOriginal = "always" })
		for _, e := range run(t, tr, records(readLines(t, name)), 500) {
			if e.Fields.Get(schema.EventKind).Str() == "event" && e.Records > 0 {
				seen += checkValues(t, filepath.Base(name), &e)
			}
		}
	}
	if t.Logf("%d values were looked for", seen); seen < 200_000 {
		t.Error("that is too few")
	}
}

func checkValues(t *testing.T, name string, e *event.Event) int {
	t.Helper()
	have := map[string]bool{}
	for _, f := range e.Fields {
		have[string(f.Value().Append(nil))] = true
	}
	n := 0
	for line := range strings.SplitSeq(e.Raw, "\n") {
		rec, err := parse(line)
		if err != nil {
			t.Fatalf("%s: %v: %q", name, err, line)
		}
		for _, tok := range tokens(rec.Body, marksAll) {
			n++
			if !absent(tok) && !derived(rec.Type, tok, e, have) {
				t.Errorf("%s: %s of %s is lost: %q\n%s", name, tok.Key, rec.Type, tok.Val, show(e))
				return n
			}
		}
	}
	return n
}

// tokens returns the fields of a body and of the msg='…' in it.
func tokens(s string, in mode) []Token {
	var out []Token
	for w := (Walk{s: s, mode: in}); ; {
		tok, ok := w.Next()
		switch {
		case !ok:
			return out
		case tok.Form == Body:
			out = append(out, tokens(tok.Val, quotesAll)...)
		default:
			out = append(out, tok)
		}
	}
}

// absent are values that say that there is nothing.
func absent(tok Token) bool {
	switch tok.Val {
	case "", "(null)", "?", "(none)", "4294967295", "-1", "unset":
		return true
	}
	switch tok.Key {
	case "cap_fp", "cap_fi", "cap_fe", "cap_fver", "cap_frootid":
		return strings.Trim(tok.Val, "0") == ""
	case "rdev":
		return tok.Val == "00:00"
	}
	return false
}

// derived are values that stand on the event in another form.
func derived(typ string, tok Token, e *event.Event, have map[string]bool) bool {
	val := tok.Val
	if tok.Form == Bare && (encoded(tok.Key) || typ == "EXECVE" && tok.Key != "argc") {
		if b, ok := appendHex(nil, val); ok {
			val = string(b)
		}
	}
	if have[val] {
		return true
	}
	all := e.Fields
	switch {
	case typ == "EXECVE":
		// TestArgumentsComeBack has pieces; records that contradict each other are kept as they are.
		return strings.Contains(tok.Key, "[") || strings.HasSuffix(tok.Key, "_len") || !all.Get(schema.ErrorMessage).IsZero()
	case tok.Key == "proctitle":
		return have[strings.ReplaceAll(strings.TrimRight(val, "\x00"), "\x00", " ")] || !all.Get(schema.ProcessArgsCount).IsZero()
	case tok.Key == "key":
		for _, k := range strings.Split(val, "\x01") {
			if !have[k] {
				return false
			}
		}
		return true
	case tok.Key == "arch", tok.Key == "syscall", tok.Key == "success", tok.Key == "res", tok.Key == "item", tok.Key == "items":
		return true // the golden files have these
	case tok.Key == "saddr":
		return !all.Get(schema.NetworkType).IsZero()
	case tok.Key == "terminal", tok.Key == "tty":
		return have[strings.TrimPrefix(val, "/dev/")]
	case tok.Key == "a0" && typ == "SYSCALL" && have["exit_group"]:
		return true
	case tok.Key == "":
		return strings.HasPrefix(val, "avc:") || have["user"] || strings.HasPrefix(val, "(hostname=")
	}
	for _, word := range strings.Fields(strings.TrimRight(val, ",):")) { // words and marks of old records
		if w := strings.Trim(word, ",):"); w != "" && w != "old" && w != "new" && !have[w] && !absent(Token{Val: w}) {
			return false
		}
	}
	return true
}
