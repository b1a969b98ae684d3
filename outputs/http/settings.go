package http

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"tallyman/outputs/format"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/template"
	"tallyman/pipeline/webclient"
)

// Settings are the keys of an http output.
type Settings struct {
	Web           webclient.Settings       `yaml:",inline"`
	Preset        string                   `yaml:"preset" doc:"What the receiver is: elasticsearch, opensearch, loki, loggly, datadog, or how any other takes events: array (one JSON array), ndjson (line by line) or single (one event in each request)." enum:"elasticsearch,opensearch,loki,loggly,datadog,array,ndjson,single" required:"true"`
	Method        string                   `yaml:"method" doc:"The method of requests with presets array, ndjson and single." enum:"POST,PUT"`
	Format        format.Settings          `yaml:",inline"`
	APIKey        plugin.Secret            `yaml:"api_key" doc:"The encoded API key of Elasticsearch, the API key of Datadog, or the customer token of Loggly. Secrets are read again for each request." example:"{file: /run/credentials/key}"`
	Bearer        plugin.Secret            `yaml:"bearer" doc:"A token that is sent as Authorization: Bearer."`
	Basic         plugin.Secret            `yaml:"basic" doc:"The user and the password, as user:password."`
	Headers       map[string]string        `yaml:"headers" doc:"More header fields of requests, such as X-Scope-OrgID. Nothing secret."`
	SecretHeaders map[string]plugin.Secret `yaml:"secret_headers" doc:"More header fields of requests, whose values are secrets."`
	Index         plugin.Text              `yaml:"index" doc:"The index, alias or data stream of elasticsearch and opensearch, with fields of the event and {{ time \"2006.01.02\" }} after a beginning that is fixed." example:"tallyman-{{ event.module }}"`
	Indexes       []string                 `yaml:"indexes" doc:"Where index begins with a field: the indexes that may be chosen. An event that would choose another goes to the first." example:"[audit, containers]"`
	Pipeline      string                   `yaml:"pipeline" doc:"The ingest pipeline of elasticsearch and opensearch."`
	Labels        map[string]string        `yaml:"labels" doc:"The labels of Loki's streams, by name, with fields of the event in {{ }}. Only fields with few values may be in them."`
	MaxStreams    int                      `yaml:"max_streams" doc:"How many sets of labels there may be in half an hour. Events of more go to one stream with the label overflow."`
	Tags          []string                 `yaml:"tags" doc:"The tags of loggly and datadog." example:"[\"env:production\"]"`
	Source        string                   `yaml:"source" doc:"The ddsource of datadog, by which its pipelines are chosen."`
	Service       plugin.Text              `yaml:"service" doc:"The service of datadog, with fields of the event in {{ }}."`
	Hostname      plugin.Text              `yaml:"hostname" doc:"The hostname of datadog, with fields of the event in {{ }}."`
	ContentType   string                   `yaml:"content_type" doc:"The Content-Type of bodies with presets array, ndjson and single. Where it is not set, that of what the body holds."`
	Expect        string                   `yaml:"expect" doc:"A text that an answer of success must hold, with presets array, ndjson and single." example:"\"accepted\""`
	MaxBytes      plugin.Size              `yaml:"max_bytes" doc:"The most bytes of one body before it is compressed; an event that is larger goes alone. Where it is not set: 8MiB for elasticsearch and opensearch, 4MiB for loggly and datadog, 1MiB for others."`
	MaxEvents     int                      `yaml:"max_events" doc:"The most events of one body. Where it is not set: 5,000, and 1,000 for datadog and array."`
	Batch         plugin.BatchSettings     `yaml:"batch" doc:"How many events are gathered for one delivery."`
	Concurrency   int                      `yaml:"concurrency" doc:"How many deliveries may be under way at a time; then events arrive in no order."`
}

// Default returns the settings with their defaults.
func Default() Settings {
	return Settings{
		Web: webclient.Default(), Method: http.MethodPost, Format: format.Settings{Format: format.JSON},
		Labels: map[string]string{"job": "tallyman", "host": "{{ host.name }}", "dataset": "{{ event.dataset }}"}, MaxStreams: 500,
		Source: "tallyman", Service: plugin.Text{Value: "tallyman"}, Hostname: plugin.Text{Value: "{{ host.name }}"},
		Batch: plugin.BatchSettings{Events: 5000, Bytes: 4 << 20, Wait: time.Second}, Concurrency: 1,
	}
}

const leastBody = 1 << 10

// Check implements the check of settings.
func (c *Settings) Check() plugin.Problems {
	secret := !c.APIKey.IsZero() || !c.Bearer.IsZero() || !c.Basic.IsZero() || len(c.SecretHeaders) > 0
	p := append(c.Web.Check(secret), c.Format.Check()...)
	add := func(key, text, hint string) { p = append(p, plugin.Problem{Key: key, Text: text, Hint: hint}) }
	if c.MaxBytes != 0 && c.MaxBytes < leastBody {
		add("max_bytes", fmt.Sprintf("max_bytes is %d, less than %d", c.MaxBytes, leastBody), "leave it out for the preset's own")
	}
	if c.MaxEvents < 0 || c.MaxStreams < 1 {
		add("max_events", "max_events cannot be less than nothing, and max_streams not less than 1", "")
	}
	if c.Concurrency < 1 {
		add("concurrency", "concurrency must be at least 1", "")
	}
	_, wrong := c.plan()
	return append(append(p, wrong...), c.Batch.Check("batch")...)
}

// plan is the settings, understood.
type plan struct {
	preset
	index               *template.Template
	choice              template.Choice
	labels              []label
	hostname, service   *template.Template
	maxBytes, maxEvents int
	name, line, value   template.Rule
	fixed               []byte // the labels of the stream of what is too many
}

// plan reads the templates, and returns everything that is wrong with them.
func (c *Settings) plan() (plan, plugin.Problems) {
	out := plan{name: template.LowerName(indexByte, mostIndex), line: template.Line(mostLine), value: template.Line(mostValue)}
	var p plugin.Problems
	add := func(key, text, hint string) { p = append(p, plugin.Problem{Key: key, Text: text, Hint: hint}) }
	known := false
	if out.preset, known = presetOf(c.Preset); !known {
		add("preset", fmt.Sprintf("there is no preset %q", c.Preset), "")
		return out, p
	}
	if out.maxBytes = int(c.MaxBytes); out.maxBytes == 0 {
		out.maxBytes = out.mostBytes
	}
	if out.maxEvents = c.MaxEvents; out.maxEvents == 0 || c.Preset == datadog {
		out.maxEvents = min(max(c.MaxEvents, 0), out.mostEvents)
		if out.maxEvents == 0 {
			out.maxEvents = out.mostEvents
		}
	}
	read := func(t plugin.Text, key string) *template.Template {
		parsed, wrong := template.Parse(t, key, template.Options{})
		p = append(p, wrong...)
		return parsed
	}
	out.index, out.service, out.hostname = read(c.Index, "index"), read(c.Service, "service"), read(c.Hostname, "hostname")
	out.choice = template.Choice{Key: "index", ListKey: "indexes", What: "an index", List: c.Indexes, Legal: isIndex, Hint: indexHint}
	if len(p) == 0 && out.bulk {
		p = append(p, out.choice.Check(out.index, c.Index)...)
		if out.index.Empty() {
			add("index", "index is missing", "name an index or a data stream, as tallyman or tallyman-{{ event.module }}")
		}
	}
	var wrong plugin.Problems
	if out.labels, wrong = c.readLabels(); c.Preset == loki {
		p = append(p, wrong...)
		out.fixed = out.overflow()
	}
	return out, append(append(p, c.checkPreset(out.preset)...), c.checkHeaders()...)
}

// checkPreset says what does not go with the preset.
func (c *Settings) checkPreset(of preset) plugin.Problems {
	var p plugin.Problems
	add := func(key, text, hint string, warn bool) {
		p = append(p, plugin.Problem{Key: key, Text: text, Hint: hint, Warn: warn})
	}
	generic := c.Preset == array || c.Preset == ndjson || c.Preset == single
	for _, one := range []struct {
		key  string
		set  bool
		used bool
	}{
		{"index", c.Index.Value != "", of.bulk}, {"indexes", len(c.Indexes) > 0, of.bulk}, {"pipeline", c.Pipeline != "", of.bulk},
		{"tags", len(c.Tags) > 0, c.Preset == loggly || c.Preset == datadog},
		{"content_type", c.ContentType != "", generic}, {"expect", c.Expect != "", generic}, {"method", c.Method != http.MethodPost, generic},
	} {
		if one.set && !one.used {
			add(one.key, one.key+" has no effect with preset "+c.Preset, "remove "+one.key, true)
		}
	}
	if of.objects && c.Format.Format != format.JSON && c.Format.Format != format.OCSF {
		add("format", "preset "+c.Preset+" takes JSON objects with a @timestamp or a time, and format is "+c.Format.Format, "use json or ocsf", false)
	}
	keyed := c.Preset == elasticsearch || c.Preset == opensearch || c.Preset == datadog || c.Preset == loggly
	switch {
	case c.APIKey.IsZero() && (c.Preset == datadog || c.Preset == loggly):
		add("api_key", "api_key refers to nothing, and preset "+c.Preset+" needs it", "write {file: PATH} or {env: NAME}", false)
	case !c.APIKey.IsZero() && !keyed:
		add("api_key", "api_key is for elasticsearch, datadog and loggly", "use bearer, basic or secret_headers", false)
	}
	if c.Preset == loggly && c.Web.Compression != "none" {
		add("compression", "Loggly documents no compression of bodies", "set compression: none", false)
	}
	if slices.ContainsFunc(c.Tags, func(tag string) bool { return !isTag(tag) || c.Preset == loggly && strings.Contains(tag, "/") }) {
		add("tags", "a tag has characters that none may have", "letters, digits and _-.:/", false)
	}
	return p
}

// checkHeaders says what is wrong with header fields.
func (c *Settings) checkHeaders() plugin.Problems {
	var p plugin.Problems
	add := func(key, text, hint string) { p = append(p, plugin.Problem{Key: key, Text: text, Hint: hint}) }
	n := 0
	for _, s := range []plugin.Secret{c.Bearer, c.Basic} {
		if !s.IsZero() {
			n++
		}
	}
	if !c.APIKey.IsZero() && (c.Preset == elasticsearch || c.Preset == opensearch) {
		n++
	}
	if n > 1 {
		add("bearer", "more than one of api_key, bearer and basic is set", "a request has one Authorization")
	}
	seen := map[string]bool{}
	check := func(key, name string) {
		if at := http.CanonicalHeaderKey(name); !isToken(name) || slices.Contains(owned, at) || seen[at] {
			add(key, fmt.Sprintf("%s: %q cannot be set, is set twice, or is no name of a header field", key, name), "Content-Type is content_type, Authorization is bearer or basic")
		} else {
			seen[at] = true
		}
	}
	for name, value := range c.Headers {
		check("headers", name)
		if !isValue(value) {
			add("headers", fmt.Sprintf("headers: the value of %q has control characters", name), "")
		}
	}
	for name := range c.SecretHeaders {
		check("secret_headers", name)
	}
	return p
}

// owned are header fields that are not the settings' to set.
var owned = []string{"Authorization", "Connection", "Content-Encoding", "Content-Length", "Content-Type", "Host", "Transfer-Encoding", "Upgrade", "Trailer"}

// isToken reports whether s is a token (RFC 9110 section 5.6.2).
func isToken(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return r <= ' ' || r > '~' || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r)
	})
}

// isValue reports whether s can be the value of a header field.
func isValue(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f })
}

func isTag(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && !strings.ContainsRune("_-.:/", r)
	})
}
