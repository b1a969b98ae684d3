package splunk

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"tallyman/outputs/format"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/template"
	"tallyman/pipeline/webclient"
)

// The words of `endpoint`.
const (
	endpointEvent = "event"
	endpointRaw   = "raw"
)

// Settings are the keys of a splunk output.
type Settings struct {
	Web         webclient.Settings   `yaml:",inline"`
	Token       plugin.Secret        `yaml:"token" doc:"The token of the HTTP Event Collector. It is read again for each request." example:"{file: /run/credentials/hec}" required:"true"`
	Endpoint    string               `yaml:"endpoint" doc:"Where events go: event, with an envelope for each, or raw, line by line." enum:"event,raw"`
	Ack         bool                 `yaml:"ack" doc:"Waits until the indexers acknowledge. The token must have indexer acknowledgement on. Without it, events are counted as unconfirmed: accepted by Splunk, which does not say that they are stored."`
	AckTimeout  time.Duration        `yaml:"ack_timeout" doc:"How long an acknowledgement may take; then the same body is sent again, with the same event ids."`
	AckInterval time.Duration        `yaml:"ack_interval" doc:"How often is asked for acknowledgements."`
	Window      plugin.Size          `yaml:"window" doc:"The most bytes of bodies, as they were sent, that wait for their acknowledgement."`
	Requests    int                  `yaml:"window_requests" doc:"The most bodies that wait for their acknowledgement."`
	Format      format.Settings      `yaml:",inline"`
	Index       plugin.Text          `yaml:"index" doc:"The index. Where it is not set the token's default counts. It may have fields of the event in {{ }}, after a beginning that is fixed." example:"tallyman"`
	Indexes     []string             `yaml:"indexes" doc:"Where index begins with a field: the indexes that may be chosen. An event that would choose another gets the token's default." example:"[audit, containers]"`
	Source      plugin.Text          `yaml:"source" doc:"The source, with fields of the event in {{ }}. Where it is not set: tallyman, the input, and the file or the sender, parted by colons."`
	Sourcetype  plugin.Text          `yaml:"sourcetype" doc:"The sourcetype, with fields of the event in {{ }}. Where it is not set: tallyman:auditd, tallyman:docker and so on for json, tallyman:cef and so on for the other formats." example:"tallyman:{{ event.module }}"`
	Host        plugin.Text          `yaml:"host" doc:"The host, with fields of the event in {{ }}."`
	Fields      map[string]string    `yaml:"fields" doc:"What Splunk indexes beside the event, by name, with fields of the event in {{ }}. event_id is always among them. Without effect on endpoint raw."`
	MaxBytes    plugin.Size          `yaml:"max_bytes" doc:"The most bytes of one body before it is compressed; an event that is larger goes alone."`
	Batch       plugin.BatchSettings `yaml:"batch" doc:"How many events are gathered for one delivery."`
	Concurrency int                  `yaml:"concurrency" doc:"How many deliveries may be under way at a time without ack; then events arrive in no order. With ack the window does that."`
}

// Default returns the settings with their defaults.
func Default() Settings {
	return Settings{
		Web: webclient.Default(), Endpoint: endpointEvent, Format: format.Settings{Format: format.JSON},
		AckTimeout: 5 * time.Minute, AckInterval: time.Second, Window: 16 << 20, Requests: 100,
		Host:     plugin.Text{Value: "{{ host.name }}"},
		Fields:   map[string]string{"dataset": "{{ event.dataset }}", "action": "{{ event.action }}", "container_id": "{{ container.id }}", "rule_id": "{{ rule.id }}"},
		MaxBytes: 1 << 20, Batch: plugin.BatchSettings{Events: 2048, Bytes: 1 << 20, Wait: time.Second}, Concurrency: 1,
	}
}

// Check implements the check of settings.
func (c *Settings) Check() plugin.Problems {
	p := append(c.Web.Check(true), c.Format.Check()...)
	add := func(key, text, hint string) { p = append(p, plugin.Problem{Key: key, Text: text, Hint: hint}) }
	if c.Token.IsZero() {
		add("token", "token refers to nothing", "write {file: PATH} or {env: NAME}")
	}
	if c.Web.Compression == "zstd" {
		add("compression", "the HTTP Event Collector does not take zstd", "use gzip or none")
	}
	for _, u := range c.Web.URL {
		if strings.Contains(u.Value, "/services/collector") {
			p = append(p, plugin.Problem{Pos: u.Pos, Width: len(u.Value), Key: "url", Text: "url names the path of the HTTP Event Collector, which is added to it",
				Hint: "end it before /services/collector"})
		}
	}
	if c.AckTimeout <= 0 || c.AckInterval <= 0 || c.AckInterval > c.AckTimeout {
		add("ack_timeout", "ack_interval and ack_timeout must be more than nothing, and ack_timeout the longer one", "the defaults are 1s and 5m")
	}
	if c.Window <= 0 || c.Requests <= 0 {
		add("window", "window and window_requests must be more than nothing", "the defaults are 16MiB and 100")
	}
	if c.MaxBytes < leastBody {
		add("max_bytes", fmt.Sprintf("max_bytes is %d, less than %d", c.MaxBytes, leastBody), "the default is 1MiB")
	}
	if c.Concurrency < 1 {
		add("concurrency", "concurrency must be at least 1", "")
	} else if c.Concurrency > 1 && c.Ack {
		add("concurrency", "concurrency has no effect with ack", "see window_requests")
		p[len(p)-1].Warn = true
	}
	_, wrong := c.plan()
	return append(append(p, wrong...), c.Batch.Check("batch")...)
}

const leastBody = 1 << 10

// plan is the settings' templates, understood.
type plan struct {
	index, source, sourcetype, host *template.Template
	choice                          template.Choice
	fields                          []indexed
	asLine, asName                  template.Rule
	places                          *places
}

// indexed is one field beside the event.
type indexed struct {
	name string
	text *template.Template
	last member
}

// plan reads the templates, and returns everything that is wrong with them.
func (c *Settings) plan() (plan, plugin.Problems) {
	out := plan{asLine: template.Line(most), asName: template.LowerName(indexByte, most)}
	var p plugin.Problems
	read := func(t plugin.Text, key string) *template.Template {
		parsed, wrong := template.Parse(t, key, template.Options{})
		p = append(p, wrong...)
		return parsed
	}
	out.index, out.source = read(c.Index, "index"), read(c.Source, "source")
	out.sourcetype, out.host = read(c.Sourcetype, "sourcetype"), read(c.Host, "host")
	for name, text := range c.Fields {
		out.fields = append(out.fields, indexed{name: name, text: read(plugin.Text{Value: text}, "fields."+name)})
	}
	out.places = placesOf(out.host, out.source)
	slices.SortFunc(out.fields, func(a, b indexed) int { return strings.Compare(a.name, b.name) })
	out.choice = template.Choice{Key: "index", ListKey: "indexes", What: "an index", List: c.Indexes, Legal: isIndex, Hint: indexHint}
	if len(p) == 0 {
		p = out.choice.Check(out.index, c.Index)
	}
	return out, p
}

const indexHint = "small letters, digits, underscore and hyphen, and neither of the last two at the beginning"

// most is the longest text of a template, in bytes: metadata is indexed with each
// event, and no event is to choose how much.
const most = 1024

// isIndex reports whether s can be the name of an index; those that begin with an
// underscore are Splunk's own.
func isIndex(s string) bool {
	if s == "" || s[0] == '_' || s[0] == '-' {
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
	return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '_' || c == '-'
}
