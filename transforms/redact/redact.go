// Package redact replaces secrets in what is about to be stored by a keyed hash:
// [redacted:1f9a03c7]. Equal secrets give equal hashes, so that events still
// correlate, and without the key nobody can try passwords against them.
//
// It knows the shapes of secrets (tokens.go, names.go), how programs take them
// (programs.go), how a shell parts words (words.go) and how audit records are
// written (record.go). It does not know where events come from or go to. It
// stands last: what was attributed and judged saw the command line as it was.
//
// Finding is done in two steps. look.go asks of each text, two bytes at a time,
// whether it can hold a secret at all; nearly none can, and that costs no
// allocation. Only the others are read word by word.
package redact

import (
	"context"
	"log/slog"
	"regexp"
	"strconv"
	"sync"

	"tallyman/pipeline/event"
	"tallyman/pipeline/meter"
	"tallyman/pipeline/plugin"
)

// Tag is what marks an event in which something was replaced.
const Tag = "tallyman_redacted"

// Plugin is the transform `type: redact`.
var Plugin = plugin.NewTransform("redact", "Replaces secrets in command lines, texts and source records by a keyed hash.", Default, New)

// Settings are the keys of the transform.
type Settings struct {
	Key      plugin.Secret `yaml:"key" doc:"The key of the hashes. Hosts that share it give equal secrets equal hashes." example:"{file: /run/credentials/redact}"`
	KeyFile  plugin.Text   `yaml:"key_file" doc:"Where a key is made at the first secret and kept (0600), when key says nothing. Keep it apart from the journal."`
	Patterns []Pattern     `yaml:"patterns" doc:"Secrets of your own."`
	Programs []Program     `yaml:"programs" doc:"Programs that take a secret in a short option."`
}

// Pattern is a secret that a regular expression finds.
type Pattern struct {
	Name  string        `yaml:"name" doc:"The name in metrics." required:"true" example:"badge"`
	Match plugin.Text   `yaml:"match" doc:"A regular expression (RE2) whose first group is the secret." required:"true" example:"badge-([0-9]{8})"`
	Words []plugin.Text `yaml:"words" doc:"Texts of at least four bytes of which one stands in every match; only a text that holds one is searched. Without them it is what the expression begins with, and where that is nothing every text is searched, which costs." example:"[badge-]"`
}

// Program says how programs take a secret.
type Program struct {
	Names    []string `yaml:"names" doc:"The programs, without their folder." required:"true" example:"[mytool]"`
	Attached []string `yaml:"attached" doc:"Options that the secret follows in the same argument." example:"[-p]"`
	Next     []string `yaml:"next" doc:"Options that the secret follows in the same or the next argument." example:"[-w]"`
}

// Default returns the settings that hold where a configuration says nothing.
func Default() Settings { return Settings{KeyFile: plugin.Text{Value: "redact.key"}} }

// Claims says that no other component may write the file of the key.
func (s *Settings) Claims() []plugin.Claim {
	if !s.Key.IsZero() || s.KeyFile.Value == "" {
		return nil
	}
	return []plugin.Claim{{Key: "key_file", Use: plugin.UseWrite, Path: s.KeyFile.Value}}
}

// own is a pattern of the settings.
type own struct {
	re     *regexp.Regexp
	always bool // no literal tells beforehand
	id     pattern
}

// Transform is shared by all lanes. Its tables do not change.
type Transform struct {
	log      *slog.Logger
	look     *look
	kinds    kindTable
	programs programs
	own      []own
	always   bool // one of own has no literal
	names    []string
	count    []*meter.Counter // by pattern
	events   *meter.Counter
	key      key

	mu        sync.Mutex // guards what follows
	concealer *finder    // of Conceal; nil until it is used
}

// New builds the transform. It reads the key where there is one and makes none.
func New(s *Settings, env plugin.Env) (plugin.Transform, error) {
	t := &Transform{log: env.Log, kinds: fieldKinds(), names: append([]string(nil), patternNames[:]...)}
	if t.log == nil {
		t.log = slog.New(slog.DiscardHandler)
	}
	problems := t.extend(s)
	t.key.dry = env.Dry
	if err := t.key.open(s, env.Dir, t.log); err != nil {
		problems = append(problems, plugin.Problem{Pos: s.KeyFile.Pos, Text: "transform redact: " + err.Error()})
	}
	if problems.Bad() {
		return nil, problems
	}
	t.look = newLook(t.literals(s))
	for _, name := range t.names {
		t.count = append(t.count, env.Meter.Counter("tallyman_redact_secrets_total", "Texts that were replaced as secrets, by what told them; one secret may stand in several fields of an event.",
			meter.Label{Name: "pattern", Value: name}))
	}
	t.events = env.Meter.Counter("tallyman_redact_events_total", "Events in which a secret was replaced.")
	return t, nil
}

// extend adds what the settings bring.
func (t *Transform) extend(s *Settings) (problems plugin.Problems) {
	t.programs = builtin()
	for _, p := range s.Programs {
		if len(p.Attached)+len(p.Next) == 0 {
			problems = append(problems, plugin.Problem{Key: "programs", Text: "programs: an entry names no option", Hint: "say attached: [-p] or next: [-p]"})
		}
		t.programs.add(program{names: p.Names, attached: p.Attached, next: p.Next})
	}
	known := map[string]bool{}
	for _, name := range t.names {
		known[name] = true
	}
	for _, p := range s.Patterns {
		re, err := regexp.Compile(p.Match.Value)
		switch {
		case err != nil:
			problems = append(problems, plugin.Problem{Pos: p.Match.Pos, Width: len(p.Match.Value), Text: "pattern " + p.Name + ": " + err.Error()})
			continue
		case re.NumSubexp() == 0:
			problems = append(problems, plugin.Problem{Pos: p.Match.Pos, Width: len(p.Match.Value), Text: "pattern " + p.Name + " has no group",
				Hint: "put parentheses around what is secret"})
			continue
		case known[p.Name]:
			problems = append(problems, plugin.Problem{Pos: p.Match.Pos, Text: "pattern " + strconv.Quote(p.Name) + " is there already", Hint: "give it another name"})
		}
		known[p.Name] = true
		for _, w := range p.Words {
			if len(w.Value) < leastLiteral {
				problems = append(problems, plugin.Problem{Pos: w.Pos, Text: "pattern " + p.Name + ": the word " + strconv.Quote(w.Value) + " is too short", Hint: "four bytes at least"})
			}
		}
		prefix, _ := re.LiteralPrefix()
		o := own{re: re, id: pattern(len(t.names)), always: len(p.Words) == 0 && len(prefix) < leastLiteral}
		t.always = t.always || o.always
		t.names, t.own = append(t.names, p.Name), append(t.own, o)
	}
	return problems
}

// literals are the texts without which there is no secret.
func (t *Transform) literals(s *Settings) []literal {
	list := literals()
	for _, name := range t.programs.list() {
		list = append(list, t.programs.literals(name)...)
	}
	for i, p := range s.Patterns {
		for _, w := range p.Words {
			list = append(list, literal{text: w.Value, class: classOwn})
		}
		if i < len(t.own) && len(p.Words) == 0 {
			if prefix, _ := t.own[i].re.LiteralPrefix(); len(prefix) >= leastLiteral {
				list = append(list, literal{text: prefix, class: classOwn})
			}
		}
	}
	return list
}

// Lane returns the stage of one lane.
func (t *Transform) Lane(string) plugin.Stage { return &stage{t: t, f: newFinder(t)} }

// Close has nothing to give back.
func (t *Transform) Close() error { return nil }

// Conceal replaces secrets in source records that wait for more of their event
// (Decode and Raw are set), and in events that wait for others, so that they can be stored.
// What is concealed twice is concealed once, and a decoder understands it as before. It may be called
// from any goroutine.
func (t *Transform) Conceal(records []event.Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.concealer == nil {
		t.concealer = newFinder(t)
	}
	t.concealer.conceal(records)
}

// stage is the transform in one lane.
type stage struct {
	t *Transform
	f *finder
}

// Apply passes every event on, without its secrets.
func (s *stage) Apply(_ context.Context, in, out *event.Batch) error {
	for i := range in.Events {
		e := out.Add(in.Events[i])
		if s.f.event(e, out) {
			s.t.events.Inc()
		}
	}
	return nil
}
