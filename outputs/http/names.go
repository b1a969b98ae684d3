package http

import (
	"fmt"
	"slices"
	"strings"

	"tallyman/outputs/format/json"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
	"tallyman/pipeline/template"
)

// What receivers take, in bytes: the name of an index of Elasticsearch; the value
// of a label of Loki, by default; and what else events say of themselves.
const (
	mostIndex = 255
	mostValue = 1024
	mostLine  = 1024
)

const indexHint = "small letters, digits, dot, underscore and hyphen, not more than 255, and the last three not at the beginning"

// isIndex reports whether s can be the name of an index of Elasticsearch. It may
// be less than Elasticsearch takes: what begins with a dot is the system's own.
func isIndex(s string) bool {
	if s == "" || len(s) > mostIndex || strings.IndexByte("._-", s[0]) >= 0 {
		return false
	}
	for i := range len(s) {
		if !indexByte(s[i]) {
			return false
		}
	}
	return true
}

func indexByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '.' || c == '_' || c == '-'
}

// label is one label of Loki's streams.
type label struct {
	name string
	text *template.Template
}

// mostLabels is how many labels Loki takes by default (max_label_names_per_series).
const mostLabels = 15

// labelFields are the fields that a label may have: each has few values on a
// host, or the streams of Loki would be without number.
var labelFields = []schema.Key{
	schema.AgentType, schema.ContainerName, schema.ContainerImageName, schema.ContainerRuntime, schema.EventAction,
	schema.EventDataset, schema.EventKind, schema.EventModule, schema.EventOutcome, schema.HostHostname, schema.HostID, schema.HostName, schema.LogLevel,
	schema.OrchestratorClusterName, schema.OrchestratorNamespace, schema.RuleID, schema.ServiceName, schema.TallymanInput,
}

// readLabels reads the labels, by their names.
func (c *Settings) readLabels() ([]label, plugin.Problems) {
	var list []label
	var p plugin.Problems
	add := func(text, hint string) { p = append(p, plugin.Problem{Key: "labels", Text: text, Hint: hint}) }
	for name, text := range c.Labels {
		t, wrong := template.Parse(plugin.Text{Value: text}, "labels."+name, template.Options{NoTime: true})
		if wrong != nil {
			p = append(p, wrong...)
			continue
		}
		for _, f := range t.Fields() {
			if !slices.Contains(labelFields, f.Key) {
				add(fmt.Sprintf("labels.%s: %s may have any number of values, and Loki keeps a stream for each", name, f.Key), "search for it in the line; labels may have "+labelNames())
			}
		}
		if !isLabel(name) {
			add(fmt.Sprintf("labels: %q is no name of a label", name), "letters, digits and underscore, no digit at the beginning; overflow and names that begin with __ are not free")
		}
		list = append(list, label{name, t})
	}
	if len(list) == 0 || len(list) > mostLabels {
		add(fmt.Sprintf("there are %d labels, and Loki takes 1 to %d", len(list), mostLabels), "")
	}
	slices.SortFunc(list, func(a, b label) int { return strings.Compare(a.name, b.name) })
	return list, p
}

func labelNames() string {
	var names []string
	for _, k := range labelFields {
		names = append(names, k.String())
	}
	return strings.Join(names, ", ")
}

func isLabel(s string) bool {
	if s == "" || s == overflowLabel || strings.HasPrefix(s, "__") || s[0] >= '0' && s[0] <= '9' {
		return false
	}
	for i := range len(s) {
		if c := s[i]; c != '_' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return true
}

const overflowLabel = "overflow"

// overflow is the labels of the stream of events whose own would be too many.
func (p *plan) overflow() []byte {
	dst := append([]byte(nil), `{"overflow":"true"`...)
	for _, l := range p.labels {
		if l.text.Fixed() && !l.text.Empty() {
			dst, _ = json.AppendText(append(dst, ','), l.name)
			dst, _ = json.AppendText(append(dst, ':'), l.text.Head())
		}
	}
	return append(dst, '}')
}
