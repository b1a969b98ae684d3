package file

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"tallyman/pipeline/plugin"
	"tallyman/pipeline/tail"
)

// Multiline are the keys that say which lines are one record.
type Multiline struct {
	Preset   string        `yaml:"preset" doc:"Lines that belong to the one before them, as runtimes write them: java (stack traces of the JVM), go (panics and their goroutines), python (tracebacks)." enum:"java,go,python"`
	Start    plugin.Text   `yaml:"start" doc:"A regular expression (RE2): a line that it matches begins a record, and every other belongs to the one before it." example:"^\\d{4}-\\d\\d-\\d\\d " verbatim:"true"`
	Continue plugin.Text   `yaml:"continue" doc:"A regular expression (RE2): a line that it matches belongs to the one before it, and every other begins a record." example:"^\\s" verbatim:"true"`
	Lines    int           `yaml:"max_lines" doc:"The most lines of a record; what follows them begins another. 500 where it is not set."`
	Bytes    plugin.Size   `yaml:"max_bytes" doc:"The most text of a record, line ends included; what follows begins another. 256KiB where it is not set."`
	Timeout  time.Duration `yaml:"timeout" doc:"How long a record waits for its next line. 2s where it is not set."`
}

const (
	mostLines    = 500
	mostBytes    = 256 << 10
	patience     = 2 * time.Second
	longestRegex = 1024 // bytes of an expression
)

// presets are the lines that belong to the one before them, beside empty ones.
var presets = map[string]string{
	// Frames and what is left out are indented; causes are not, and neither is an
	// exception that a logger wrote on the line after its own.
	"java": `^(?:\s|Caused by: |Suppressed: |(?:[\p{L}_$][\p{L}\p{N}_$]*\.)+[\p{L}\p{N}_$]*(?:Exception|Error|Throwable)\b)`,
	// What runtime.gopanic and runtime.traceback write: the places are indented, the
	// functions end in their arguments.
	"go": `^(?:\s|goroutine \d+ .*\]:$|created by |exit status \d|\[signal |\[originating from goroutine |runtime stack:$|\.\.\.(?:\d+ frames elided|additional frames elided)|[\w./%@~\-]+\.[^\s]*\((?:0x|\{|\.\.\.|\)|_|\?).*$)`,
	// Frames are indented; what begins and ends a traceback, or parts two, is not.
	"python": `^(?:\s|Traceback \(most recent call last\):|During handling of the above exception, |The above exception was the direct cause |[A-Za-z_][\w.]*(?:Error|Exception|ExceptionGroup|Warning|Interrupt|Exit|StopIteration)(?::|$))`,
}

func (m *Multiline) check() plugin.Problems {
	if m == nil {
		return nil
	}
	var p plugin.Problems
	n := 0
	for _, set := range []bool{m.Preset != "", m.Start.Value != "", m.Continue.Value != ""} {
		if set {
			n++
		}
	}
	if n != 1 {
		p = append(p, plugin.Problem{Key: "multiline", Text: "multiline of input file needs one of preset, start and continue, and no two of them", Hint: "multiline: {preset: java}, or {start: '^[0-9]{4}-'}"})
	}
	if _, ok := presets[m.Preset]; !ok && m.Preset != "" {
		p = append(p, plugin.Problem{Key: "multiline.preset", Text: "there is no preset " + m.Preset, Hint: "java, go or python"})
	}
	for _, t := range []struct {
		key string
		plugin.Text
	}{{"start", m.Start}, {"continue", m.Continue}} {
		_, err := regexp.Compile(t.Value)
		if err == nil && len(t.Value) > longestRegex {
			err = fmt.Errorf("it is longer than %d bytes", longestRegex)
		}
		if err != nil {
			p = append(p, plugin.Problem{Key: "multiline." + t.key, Pos: t.Pos, Width: len(t.Value), Text: "the pattern of multiline." + t.key + " cannot be read: " + err.Error()})
		}
	}
	for _, c := range []struct {
		bad       bool
		key, text string
	}{
		{m.Lines < 0 || m.Lines > 100_000, "max_lines", "must lie between 1 and 100000"},
		{m.Bytes < 0 || m.Bytes > 16<<20, "max_bytes", "must lie between 1 and 16MiB"},
		{m.Timeout < 0 || m.Timeout > time.Hour, "timeout", "must lie between nothing and 1h"},
	} {
		if c.bad {
			p = append(p, plugin.Problem{Key: "multiline." + c.key, Text: "multiline." + c.key + " of input file " + c.text})
		}
	}
	return p
}

// join returns what the settings, which were checked, ask of the tail; nil for
// nothing.
func (m *Multiline) join() (*tail.Join, error) {
	if m == nil {
		return nil, nil
	}
	j := &tail.Join{Lines: mostLines, Bytes: mostBytes, Timeout: patience}
	if m.Lines > 0 {
		j.Lines = m.Lines
	}
	if m.Bytes > 0 {
		j.Bytes = int(m.Bytes)
	}
	if m.Timeout > 0 {
		j.Timeout = m.Timeout
	}
	begins, text := true, m.Start.Value
	if text == "" {
		begins, text = false, m.Continue.Value+presets[m.Preset]
	}
	re, err := regexp.Compile(text)
	if err != nil {
		return nil, fmt.Errorf("compile multiline of input file: %w", err)
	}
	j.Starts = func(line string) bool { return re.MatchString(strings.TrimSuffix(line, "\r")) == begins }
	return j, nil
}
