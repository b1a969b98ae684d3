// Package sigma translates rules of Sigma (the specification of rules, version 2) for
// Linux audit records, processes, files, connections and the Kubernetes API into rules
// of ours. What it cannot translate it says, and why: a rule is translated whole or not
// at all. It knows both languages, and nothing of how rules are judged.
package sigma

import (
	"bytes"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"strings"

	"go.yaml.in/yaml/v3"

	"tallyman/pipeline/lazy"
)

// Rule is a translated rule. Its YAML is an entry of `rules:` in a file of ours.
type Rule struct {
	ID          string   `yaml:"id"`
	Title       string   `yaml:"title"`
	Description string   `yaml:"description,omitempty"`
	Reference   string   `yaml:"reference,omitempty"`
	Sources     []string `yaml:"sources,flow"`
	Actions     []string `yaml:"actions,flow,omitempty"`
	Condition   string   `yaml:"condition"`
	Severity    string   `yaml:"severity"`
	Threat      *threat  `yaml:"threat,omitempty"`
}

type threat struct {
	Tactic    []string `yaml:"tactic,flow,omitempty"`
	Technique []string `yaml:"technique,flow,omitempty"`
}

// ErrNot says that a rule was not translated; the text says why.
var ErrNot = errors.New("not translated")

func not(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrNot, fmt.Sprintf(format, args...))
}

// document is one rule of Sigma.
type document struct {
	Title          string    `yaml:"title"`
	ID             string    `yaml:"id"`
	Description    string    `yaml:"description"`
	References     []string  `yaml:"references"`
	Level          string    `yaml:"level"`
	Status         string    `yaml:"status"`
	Tags           []string  `yaml:"tags"`
	FalsePositives yaml.Node `yaml:"falsepositives"`
	LogSource      struct {
		Product    string `yaml:"product"`
		Category   string `yaml:"category"`
		Service    string `yaml:"service"`
		Definition string `yaml:"definition"`
	} `yaml:"logsource"`
	Detection map[string]yaml.Node `yaml:"detection"`

	Action      string    `yaml:"action"`      // of a collection of the first version
	Correlation yaml.Node `yaml:"correlation"` // of a meta rule
	Filter      yaml.Node `yaml:"filter"`
}

// One is what became of one document of a file.
type One struct {
	Title string
	Rule  *Rule // nil where Err says why not
	Err   error
}

// Translate translates every document of a file. The error is of a file that is no
// YAML.
func Translate(text []byte) ([]One, error) {
	var out []One
	for dec := yaml.NewDecoder(bytes.NewReader(text)); ; {
		var d document
		err := dec.Decode(&d)
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		var wrong *yaml.TypeError
		if err != nil && !errors.As(err, &wrong) {
			return out, err
		}
		one := One{Title: d.Title}
		if wrong != nil {
			one.Err = not("it is no rule: %s", strings.Join(wrong.Errors, "; "))
		} else {
			one.Rule, one.Err = translate(&d)
		}
		out = append(out, one)
	}
}

// severities are ours by Sigma's levels.
var severities = map[string]string{"": "medium", "informational": "informational", "low": "low", "medium": "medium", "high": "high", "critical": "critical"}

func translate(d *document) (*Rule, error) {
	switch {
	case d.Action != "":
		return nil, not("it is a part of a collection (action: %s)", d.Action)
	case !d.Correlation.IsZero():
		return nil, not("it is a correlation of other rules; `after`, `threshold` and `distinct` of ours can be written by hand")
	case !d.Filter.IsZero():
		return nil, not("it is a filter for other rules; write an override with exceptions")
	case d.Title == "":
		return nil, not("it has no title")
	}
	src, err := sourceOf(d)
	if err != nil {
		return nil, err
	}
	severity, ok := severities[strings.ToLower(d.Level)]
	if !ok {
		return nil, not("its level %q is none of Sigma's", d.Level)
	}
	condition, err := conditionOf(d, src)
	if err != nil {
		return nil, err
	}
	if src.also != "" {
		condition = src.also + " && (" + condition + ")"
	}
	r := &Rule{ID: idOf(d), Title: oneLine(d.Title), Description: descriptionOf(d), Sources: src.sources, Actions: src.actions,
		Condition: condition, Severity: severity, Threat: threatOf(d.Tags)}
	if len(d.References) > 0 {
		r.Reference = d.References[0]
	}
	return r, nil
}

// idOf makes an id of ours that stays the same for the same rule.
func idOf(d *document) string {
	text := strings.ToUpper(d.ID)
	if text == "" {
		text = strings.ToUpper(d.Title)
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(text)) // a hash takes everything
	n := h.Sum64()
	first := text
	if i := strings.IndexByte(first, '-'); d.ID == "" || i != 8 || !hexForm().MatchString(first[:8]) {
		first = fmt.Sprintf("%08X", uint32(n>>32))
	} else {
		first = first[:8]
	}
	return fmt.Sprintf("SIGMA-%s-%03d", first, n%1000)
}

var (
	hexForm       = lazy.Regexp(`^[0-9A-F]{8}$`)
	techniqueForm = lazy.Regexp(`^attack\.(t[0-9]{4}(\.[0-9]{3})?)$`)
)

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

func descriptionOf(d *document) string {
	text := oneLine(d.Description)
	var list []string
	if err := d.FalsePositives.Decode(&list); err == nil && len(list) > 0 {
		text += " Known to match without harm: " + oneLine(strings.Join(list, "; ")) + "."
	}
	return strings.TrimSpace(text)
}

// tactics are those of ATT&CK by their names in tags.
var tactics = map[string]string{"reconnaissance": "TA0043", "resource-development": "TA0042", "initial-access": "TA0001", "execution": "TA0002",
	"persistence": "TA0003", "privilege-escalation": "TA0004", "defense-evasion": "TA0005", "stealth": "TA0005", "credential-access": "TA0006", "discovery": "TA0007",
	"lateral-movement": "TA0008", "collection": "TA0009", "command-and-control": "TA0011", "exfiltration": "TA0010", "impact": "TA0040"}

func threatOf(tags []string) *threat {
	t := &threat{}
	for _, tag := range tags {
		tag = strings.ToLower(tag)
		if m := techniqueForm().FindStringSubmatch(tag); m != nil {
			t.Technique = append(t.Technique, strings.ToUpper(m[1]))
		} else if id := tactics[strings.ReplaceAll(strings.TrimPrefix(tag, "attack."), "_", "-")]; id != "" {
			t.Tactic = append(t.Tactic, id)
		}
	}
	if len(t.Technique)+len(t.Tactic) == 0 {
		return nil
	}
	return t
}

// Write writes rules as a file of ours.
func Write(w io.Writer, pack string, rules []*Rule) error {
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	list := make([]yaml.Node, len(rules))
	for i, r := range rules {
		if err := list[i].Encode(r); err != nil {
			return err
		}
		for k := 0; k+1 < len(list[i].Content); k += 2 {
			if list[i].Content[k].Value == "condition" { // a plain one could lose what stands behind " #"
				list[i].Content[k+1].Style = yaml.LiteralStyle
			}
		}
	}
	err := enc.Encode(struct {
		Pack    string      `yaml:"pack"`
		Version string      `yaml:"version"`
		Rules   []yaml.Node `yaml:"rules"`
	}{pack, "1", list})
	if err = errors.Join(err, enc.Close()); err != nil {
		return err
	}
	_, err = w.Write(b.Bytes())
	return err
}
