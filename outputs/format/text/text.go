// Package text renders an event as one line for people: when, how bad, in which
// container, who, and what happened.
//
//	2026-11-21 02:25:01.123Z info      shop-api-1       uid 1000  ran /usr/bin/curl
//	2026-11-21 02:25:01.123Z high      shop-api-1       ana       ALERT TM-CT-001 Shell in a container: ran sh
//
// It leaves out most of what an event holds, and it is safe to look at: what a
// log brings along, line ends, escape sequences and invisible characters among
// it, is shown and never acted on by a terminal. It knows no terminal itself;
// who prints says whether colour is wanted.
package text

import (
	"strings"
	"unicode/utf8"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// The widths of the columns in characters; a longer word pushes the rest of its
// line to the right.
const (
	severityWidth  = 9
	containerWidth = 16
	userWidth      = 9
)

// most is how many bytes of what happened are shown.
const most = 1024

// Encoder renders events as text. It implements plugin.Encoder.
type Encoder struct {
	color bool
	brief bool // without when, how bad and where
	cut   bool // the last line was shortened by AppendMax
}

// New returns an encoder; color asks for the colours of an ANSI terminal.
func New(color bool) *Encoder { return &Encoder{color: color} }

// NewBrief returns an encoder that leaves out when, how bad and where, for whoever
// shows these in columns of their own.
func NewBrief() *Encoder { return &Encoder{brief: true} }

// Append implements plugin.Encoder; it never fails.
func (c *Encoder) Append(dst []byte, e *event.Event) ([]byte, error) {
	if !c.brief {
		dst = c.head(dst, e)
	}
	dst = append(column(dst, userWidth, user, e), ' ')
	if e.Get(schema.EventKind).Str() == "alert" || !e.Get(schema.RuleID).IsZero() {
		dst = c.paint(dst, loud)
		dst = alert(dst, e)
		dst = c.paint(dst, normal)
	}
	return happened(dst, e), nil
}

// head appends when, how bad and where.
func (c *Encoder) head(dst []byte, e *event.Event) []byte {
	dst = c.paint(dst, faint)
	if e.Time.IsZero() {
		dst = pad(append(dst, '-'), 1, len(stamp))
	} else {
		dst = e.Time.UTC().AppendFormat(dst, stamp)
	}
	dst = append(c.paint(dst, normal), ' ')
	word, tone := severity(e)
	dst = pad(append(c.paint(dst, tone), word...), len(word), severityWidth)
	dst = append(c.paint(dst, normal), ' ')
	return append(column(dst, containerWidth, container, e), ' ')
}

// more stands where the end of a line is missing.
const more = "…"

// AppendMax is Append with at most limit bytes: what happened is cut, and when,
// how bad, where and who stay.
func (c *Encoder) AppendMax(dst []byte, e *event.Event, limit int) ([]byte, error) {
	start := len(dst)
	dst, err := c.Append(dst, e)
	c.cut = len(dst)-start > limit
	if !c.cut || err != nil {
		return dst, err
	}
	at := start + max(0, limit-len(more)-len(resetColor))
	for at > start && !utf8.RuneStart(dst[at]) {
		at--
	}
	dst = c.paint(dst[:at], normal)
	if len(dst)-start+len(more) <= limit {
		dst = append(dst, more...)
	}
	return dst, nil
}

// Shortened reports whether the last line of AppendMax was longer than its limit.
func (c *Encoder) Shortened() bool { return c.cut }

// resetColor is what paint appends for normal.
const resetColor = "\x1b[0m"

// stamp is how a time is written: as RFC 3339 with a blank for the T.
const stamp = "2006-01-02 15:04:05.000Z"

// column appends what show shows, filled up to width characters.
func column(dst []byte, width int, show func([]byte, *event.Event) []byte, e *event.Event) []byte {
	at := len(dst)
	dst = show(dst, e)
	return pad(dst, utf8.RuneCount(dst[at:]), width)
}

// pad appends blanks to what has n characters so that it has width.
func pad(dst []byte, n, width int) []byte {
	for ; n < width; n++ {
		dst = append(dst, ' ')
	}
	return dst
}

// severity is the word of SCHEMA.md section 5 and its tone.
func severity(e *event.Event) (string, tone) {
	v := e.Get(schema.EventSeverity)
	if v.IsZero() {
		return "-", normal
	}
	switch n, _ := v.Int64(); {
	case n <= 2:
		return "info", faint
	case n == 3:
		return "low", normal
	case n <= 6:
		return "medium", yellow
	case n <= 8:
		return "high", red
	}
	return "critical", loud
}

// shortID is how many digits of a container's id people use.
const shortID = 12

// container appends the name of the container, else its short id, "host" for
// what is known to be outside of all, "-" where nothing is known.
func container(dst []byte, e *event.Event) []byte {
	if name := e.Get(schema.ContainerName).Str(); name != "" {
		return visible(dst, name, most)
	}
	if id := e.Get(schema.ContainerID).Str(); id != "" {
		return visible(dst, id[:min(len(id), shortID)], most)
	}
	if e.Get(schema.TallymanContainerHost).True() {
		return append(dst, "host"...)
	}
	return append(dst, '-')
}

// person returns who it was: who logged in, else who another log says it was,
// else the acting account; an account without a name is its kind and number.
func person(e *event.Event) (kind string, v event.Value) {
	for _, k := range [...]schema.Key{schema.UserAuditName, schema.TallymanSessionUser, schema.UserName} {
		if v := e.Get(k); v.Str() != "" {
			return "", v
		}
	}
	for _, k := range [...]schema.Key{schema.UserAuditID, schema.UserID} {
		if v := e.Get(k); !v.IsZero() {
			return "uid ", v
		}
	}
	return "", event.String("-")
}

func user(dst []byte, e *event.Event) []byte {
	kind, v := person(e)
	return shown(append(dst, kind...), v)
}

// alert appends the mark of an alert, its rule and the rule's name.
func alert(dst []byte, e *event.Event) []byte {
	dst = append(dst, "ALERT "...)
	for _, k := range [...]schema.Key{schema.RuleID, schema.RuleName} {
		if s := e.Get(k).Str(); s != "" {
			dst = append(visible(dst, s, most), ' ')
		}
	}
	dst[len(dst)-1] = ':'
	return append(dst, ' ')
}

// happened appends the event's message, else its action and what it was about,
// else the source text.
func happened(dst []byte, e *event.Event) []byte {
	if m := e.Get(schema.Message).Str(); m != "" {
		return visible(dst, news(m, e), most)
	}
	action := e.Get(schema.EventAction).Str()
	if action == "" {
		if e.Raw == "" {
			return append(dst, '-')
		}
		return visible(dst, e.Raw, most)
	}
	dst = visible(dst, action, most)
	for _, k := range subjects {
		if v := e.Get(k); !v.IsZero() {
			dst = shown(append(dst, ' '), v)
			break
		}
	}
	if e.Get(schema.EventOutcome).Str() == "failure" {
		dst = append(dst, " (failed"...)
		if why := e.Get(schema.EventReason).Str(); why != "" {
			dst = visible(append(dst, ": "...), why, most)
		}
		dst = append(dst, ')')
	}
	return dst
}

// news returns m, a message, without the rule's name and the person at its
// beginning, where the line says them before.
func news(m string, e *event.Event) string {
	if name := e.Get(schema.RuleName).Str(); name != "" {
		if rest, ok := strings.CutPrefix(m, name); ok && strings.HasPrefix(rest, ": ") {
			m = rest[len(": "):]
		}
	}
	kind, v := person(e)
	if rest, ok := strings.CutPrefix(m, kind); ok {
		if rest, ok = strings.CutPrefix(rest, v.Str()); ok && v.Str() != "" && len(rest) > 1 && rest[0] == ' ' {
			return rest[1:]
		}
	}
	return m
}

// subjects are what an action may be about, the most telling first.
var subjects = [...]schema.Key{
	schema.ProcessCommandLine, schema.FilePath, schema.DestinationAddress, schema.DestinationIP, schema.ServerAddress,
	schema.SourceAddress, schema.SourceIP, schema.UserTargetName, schema.GroupName, schema.KubernetesAuditRequestURI,
	schema.OCIRepository, schema.GitRepository, schema.JenkinsJobName, schema.URLOriginal, schema.ServiceName,
	schema.ProcessExecutable, schema.ProcessTitle, schema.ProcessName, schema.ContainerImageName, schema.TallymanComponent,
}
