package syslog

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"tallyman/pipeline/decode"
	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/plugintest"
	"tallyman/pipeline/schema"
)

// understood is how many messages of each sample are understood to the last
// byte, with those that go on whole to another decoder. It may grow, never fall.
var understood = map[string]int{
	"syslog/alloy/cisco-nontransparent.txt":                                    8,
	"syslog/alloy/octetcount-multiline.txt":                                    3,
	"syslog/alloy/octetcount-singleline.txt":                                   1,
	"syslog/alloy/unify-cef-nontransparent.txt":                                4,
	"syslog/beats/system_auth__secure-rhel7.log":                               1000,
	"syslog/beats/system_auth__test.log":                                       10,
	"syslog/beats/system_syslog__darwin-syslog-sample.log":                     3,
	"syslog/beats/system_syslog__tz-offset.log":                                3,
	"syslog/captured/logger_tcp_rfc5424_nontransparent.bin":                    2,
	"syslog/captured/logger_tcp_rfc5424_octetcount.bin":                        3,
	"syslog/captured/logger_udp_rfc3164.log":                                   2,
	"syslog/captured/logger_udp_rfc5424.log":                                   2,
	"syslog/crewjam_rfc5424/messages.jsonl":                                    11,
	"syslog/crowdsec/bind9-syslog__bind9-syslog.log":                           12,
	"syslog/crowdsec/iptables-logs__iptables-logs.log":                         4,
	"syslog/crowdsec/mikrotik-logs__mikrotik-logs.log":                         7,
	"syslog/crowdsec/pam-logs__pam-logs.log":                                   2,
	"syslog/crowdsec/pfsense-rfc5424-filterlog__pfsense-rfc5424-filterlog.log": 4,
	"syslog/crowdsec/sshd-logs__sshd-logs.log":                                 24,
	"syslog/crowdsec/synology-dsm-logs__synology-dsm-logs.log":                 5,
	"syslog/crowdsec/syslog-logs__syslog-logs.log":                             3,
	"syslog/go-syslog/rfc3164_cases.jsonl":                                     8,
	"syslog/go-syslog/rfc5424_cases.jsonl":                                     25,
	"syslog/metron/cisco_asa_parsed.jsonl":                                     128,
	"syslog/metron/cisco_asa_raw.log":                                          128,
	"syslog/metron/syslog5424_parsed.jsonl":                                    3,
	"syslog/metron/syslog5424_raw.log":                                         3,
	"syslog/nifi/syslog5424_log.txt":                                           1,
	"syslog/nifi/syslog5424_log_mix.txt":                                       3,
	"syslog/nifi/syslog5424_log_mix_in_error.txt":                              3,
	"syslog/plaso/syslog":                                                      16,
	"syslog/plaso/syslog_cron.log":                                             9,
	"syslog/plaso/syslog_rsyslog_ForwardFormat":                                1,
	"syslog/plaso/syslog_rsyslog_SyslogProtocol23Format":                       9,
	"syslog/plaso/syslog_ssh.log":                                              9,
	"syslog/rfc_vectors/rfc3164_5.4.jsonl":                                     3,
	"syslog/rfc_vectors/rfc5424_6.5.jsonl":                                     4,
	"syslog/sc4s/vendor_messages.jsonl":                                        331,
	"audit/xp-rules/vxcontrol_syslog.jsonl":                                    29,
	"cef/crowdsec/cef-logs__cef-logs.log":                                      3,
	"cef/metron/adallom.cef":                                                   1,
	"cef/metron/cyberark.cef":                                                  1,
	"cef/metron/palo.cef":                                                      1,
}

const corpus = "../../../../shared/corpus"

// samples returns the messages of a file of the corpus: lines, members of JSON
// lines, or frames.
func samples(t *testing.T, file string) (list []string) {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	text := string(content)
	if strings.Contains(filepath.Base(file), "octetcount") {
		for text != "" {
			size, rest, _ := strings.Cut(text, " ")
			n, err := strconv.Atoi(size)
			if err != nil || n > len(rest) {
				t.Fatalf("%s: frame %q", file, size)
			}
			list, text = append(list, rest[:n]), rest[n:]
		}
		return list
	}
	for line := range strings.SplitSeq(strings.TrimSuffix(text, "\n"), "\n") {
		if strings.HasSuffix(file, ".jsonl") {
			var one struct {
				Input, Raw string
				Original   string `json:"original_string"`
			}
			if err := json.Unmarshal([]byte(line), &one); err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			line = one.Input + one.Raw + one.Original
		}
		list = append(list, line)
	}
	return list
}

// TestCorpus reads every sample: one event comes of each message, whose text it
// still has, in its fields or whole.
func TestCorpus(t *testing.T) {
	var files []string
	for _, p := range []string{"syslog/*/*", "audit/xp-rules/vxcontrol_syslog.jsonl", "cef/crowdsec/*.log", "cef/metron/*.cef"} {
		some, _ := filepath.Glob(filepath.Join(corpus, p))
		files = append(files, some...)
	}
	if len(files) == 0 {
		t.Skip("../shared/corpus/syslog is not there: no sample was read")
	}
	for _, file := range files {
		name, _ := filepath.Rel(corpus, file)
		if strings.HasSuffix(name, ".json") || strings.HasSuffix(name, ".assert") || strings.Contains(name, "_inputs.jsonl") {
			continue
		}
		t.Run(name, func(t *testing.T) { corpusFile(t, name, samples(t, file)) })
	}
}

func corpusFile(t *testing.T, name string, list []string) {
	stage := decode.New([]plugin.Plugin{Plugin}, plugintest.Env(""))
	good, total := 0, 0
	var doubts []string
	for _, text := range list {
		if strings.TrimSpace(text) == "" {
			continue
		}
		total++
		e := one(t, stage, text)
		if whole(&e) {
			good++
		} else {
			doubts = append(doubts, e.Get(schema.ErrorMessage).Str()+" | "+text[:min(len(text), 120)])
		}
		if e.Raw == "" && !strings.HasSuffix(strings.TrimRight(text, "\r\n\x00"), e.Get(schema.Message).Str()) {
			t.Errorf("%q is not the end of %q", e.Get(schema.Message).Str(), text)
		}
	}
	t.Logf("%s: %d of %d understood", name, good, total)
	slices.Sort(doubts)
	for _, d := range doubts[:min(len(doubts), 12)] {
		t.Logf("  in doubt: %s", d)
	}
	if want, ok := understood[name]; ok && good < want {
		t.Errorf("%d of %d messages are understood, there were %d", good, total, want)
	} else if !ok {
		t.Errorf("add to understood: %q: %d,", name, good)
	}
}

// one decodes a message and checks what holds for every event.
func one(t *testing.T, stage *decode.Stage, text string) event.Event {
	t.Helper()
	var in, out event.Batch
	in.Add(event.Event{Decode: "syslog", Raw: text, Records: 1, Seen: receipt})
	if err := stage.Apply(t.Context(), &in, &out); err != nil {
		t.Fatal(err)
	}
	if len(out.Events) != 1 || out.Events[0].Records != 1 {
		t.Fatalf("%d events came of %q", len(out.Events), text)
	}
	e := out.Events[0]
	if e.Time.IsZero() {
		t.Errorf("no time on %q", text)
	}
	if !whole(&e) && e.Decode == "" && e.Raw != text {
		t.Errorf("%q is in doubt and not kept: %q", text, e.Raw)
	}
	return e
}

// whole reports whether nothing of the message is in doubt.
func whole(e *event.Event) bool {
	return !slices.ContainsFunc(slices.Collect(e.Fields.All(schema.Tags)), func(v event.Value) bool {
		return v.Str() == TagIncomplete || v.Str() == decode.Tag
	})
}
