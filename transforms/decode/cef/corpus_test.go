package cef

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tallyman/pipeline/decode"
	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/plugintest"
	"tallyman/pipeline/schema"
)

// understood is how many records of each sample are understood to the last byte.
// It may grow, never fall.
var understood = map[string]int{
	"cef/crowdsec/cef-logs__cef-logs.log":                                              3,
	"cef/graylog/arcsight-f5-asm-certified-cef-onfiguration-guide_page7_example2.json": 1,
	"cef/graylog/arcsight-f5-asm-certified-cef-onfiguration-guide_page8_example1.json": 1,
	"cef/graylog/arcsight-f5-asm-certified-cef-onfiguration-guide_page9_example1.json": 1,
	"cef/graylog/cef_with_escaped_msg.json":                                            1,
	"cef/graylog/cef_with_syslog_header_1.json":                                        1,
	"cef/graylog/cef_with_syslog_header_2.json":                                        1,
	"cef/graylog/cef_with_unescaped_msg.json":                                          1,
	"cef/graylog/cef_without_msg.json":                                                 1,
	"cef/graylog/ext_custom_ipv6.json":                                                 1,
	"cef/graylog/ext_custom_labels_with_full_names.json":                               1,
	"cef/graylog/ext_custom_long.json":                                                 1,
	"cef/graylog/ext_custom_string.json":                                               1,
	"cef/graylog/ext_custom_string_flex.json":                                          1,
	"cef/graylog/ext_standard_integer.json":                                            1,
	"cef/graylog/issue_7_comment_245885985.json":                                       1,
	"cef/graylog/ossec_example2_rootshell_be.json":                                     1,
	"cef/graylog/sans_log2timeline_page58.json":                                        1,
	"cef/graylog/spaced_values.json":                                                   1,
	"cef/graylog/v24_escaped_backslash.json":                                           1,
	"cef/graylog/v24_escaped_equal_sign.json":                                          1,
	"cef/logstash-codec-cef/cases.jsonl":                                               22,
	"cef/metron/adallom.cef":                                                           1,
	"cef/metron/cyberark.cef":                                                          1,
	"cef/metron/cyberark.json":                                                         1,
	"cef/metron/palo.cef":                                                              1,
	"cef/nifi/misformatted-row.txt":                                                    2,
	"cef/nifi/multiple-rows-with-different-custom-types.txt":                           2,
	"cef/nifi/multiple-rows-with-empty-rows.txt":                                       3,
	"cef/nifi/multiple-rows.txt":                                                       3,
	"cef/nifi/single-row-header-fields-only.txt":                                       1,
	"cef/nifi/single-row-with-custom-extensions.txt":                                   1,
	"cef/nifi/single-row-with-empty-extension.txt":                                     1,
	"cef/nifi/single-row-with-incorrect-custom-extensions.txt":                         1,
	"cef/nifi/single-row-with-incorrect-header-field.txt":                              0,
	"syslog/sc4s/vendor_messages.jsonl":                                                29,
	"syslog/alloy/unify-cef-nontransparent.txt":                                        3,
}

const corpus = "../../../../shared/corpus"

// samples returns the records of a file of the corpus, without what a head of
// syslog says before them.
func samples(t *testing.T, file string) (list []string) {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var one struct {
		Raw, TestString string
		Original        string `json:"original_string"`
	}
	lines := strings.Split(string(content), "\n")
	if strings.HasSuffix(file, ".json") {
		lines = []string{string(content)}
	}
	for _, line := range lines {
		if one.Raw, one.Original, one.TestString = "", "", ""; json.Unmarshal([]byte(line), &one) == nil {
			line = one.Raw + one.Original + one.TestString
		}
		if at := strings.Index(line, "CEF:"); at >= 0 {
			list = append(list, line[at:])
		}
	}
	return list
}

// TestCorpus reads every sample: one event comes of each record, and what is in
// doubt is kept whole.
func TestCorpus(t *testing.T) {
	var files []string
	for _, p := range []string{"cef/*/*", "syslog/sc4s/*.jsonl", "syslog/alloy/*.txt"} {
		some, _ := filepath.Glob(filepath.Join(corpus, p))
		files = append(files, some...)
	}
	if len(files) == 0 {
		t.Skip("../shared/corpus/cef is not there: no sample was read")
	}
	for _, file := range files {
		name, _ := filepath.Rel(corpus, file)
		list := samples(t, file)
		if len(list) == 0 || strings.HasSuffix(name, ".assert") {
			continue
		}
		t.Run(name, func(t *testing.T) { corpusFile(t, name, list) })
	}
}

func corpusFile(t *testing.T, name string, list []string) {
	stage := decode.New([]plugin.Plugin{Plugin}, plugintest.Env(""))
	good := 0
	for _, text := range list {
		e := one(t, stage, text)
		if whole(&e) {
			good++
		} else {
			t.Logf("  in doubt: %s | %s", e.Get(schema.ErrorMessage).Str(), text[:min(len(text), 160)])
		}
	}
	t.Logf("%s: %d of %d understood", name, good, len(list))
	if want, ok := understood[name]; ok && good < want {
		t.Errorf("%d of %d records are understood, there were %d", good, len(list), want)
	} else if !ok {
		t.Errorf("add to understood: %q: %d,", name, good)
	}
}

// one decodes a record and checks what holds for every event.
func one(t testing.TB, stage *decode.Stage, text string) event.Event {
	t.Helper()
	var in, out event.Batch
	in.Add(event.Event{Decode: "cef", Raw: text, Records: 1, Seen: plugintest.Env("").Now()})
	if err := stage.Apply(t.Context(), &in, &out); err != nil {
		t.Fatal(err)
	}
	if len(out.Events) != 1 || out.Events[0].Records != 1 || out.Events[0].Time.IsZero() && out.Events[0].Decode == "" {
		t.Fatalf("%d events came of %q", len(out.Events), text)
	}
	e := out.Events[0]
	if !whole(&e) && e.Decode == "" && e.Raw != text {
		t.Errorf("%q is in doubt and not kept: %q", text, e.Raw)
	}
	seen := map[string]bool{}
	for _, f := range e.Fields {
		id := f.Key.String() + "\x00" + f.Name()
		if f.Key == schema.None || seen[id] && !f.Key.Info().Many {
			t.Errorf("%s stands twice, of %q", f.Key, text)
		}
		seen[id] = true
	}
	return e
}

// whole reports whether nothing of the record is in doubt.
func whole(e *event.Event) bool {
	return !slices.ContainsFunc(slices.Collect(e.Fields.All(schema.Tags)), func(v event.Value) bool {
		return v.Str() == TagIncomplete || v.Str() == decode.Tag
	})
}

// FuzzDecode: of any bytes comes one event, and what is in doubt is kept.
func FuzzDecode(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.in")
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for line := range strings.SplitSeq(string(content), "\n") {
			f.Add(line)
		}
	}
	stage := decode.New([]plugin.Plugin{Plugin}, plugintest.Env(""))
	f.Add("CEF:0|Tallyman|tallyman|0|x|x|3|cs1=a cs1Label=ContainerID cs2=b cs2Label=ContainerID cs3=c:1 cs3Label=ContainerImage cs4=d:2 cs4Label=ContainerImage cs5=n/p cs5Label=KubernetesPod cs6=n/q cs6Label=KubernetesPod")
	f.Fuzz(func(t *testing.T, text string) { one(t, stage, text) })
}

// TestTwoKeysOfOneField: whichever two keys stand in an extension, and in whatever
// order, a field that has one value is given one.
func TestTwoKeysOfOneField(t *testing.T) {
	stage := decode.New([]plugin.Plugin{Plugin}, plugintest.Env(""))
	known := keys()
	names := slices.Sorted(maps.Keys(known))
	for _, a := range names {
		for _, b := range names {
			for _, values := range [][2]string{{"0", "0"}, {"1", "2"}, {"/a/b", "ns/pod"}, {"success", "failure"}, {"10.0.0.1", "10.0.0.2"}} {
				one(t, stage, head+a+"="+values[0]+" "+b+"="+values[1])
			}
		}
	}
}

// What is long costs no more than what it is long.
func TestLongRecords(t *testing.T) {
	stage := decode.New([]plugin.Plugin{Plugin}, plugintest.Env(""))
	for _, piece := range []string{"a=b ", "cs1=x cs1Label=y ", "=", "a", "\\", "|", "a=b\t", "\t"} {
		one(t, stage, head+strings.Repeat(piece, 64<<10/len(piece)))
	}
	var text strings.Builder
	text.WriteString(head)
	for i := range 20000 {
		text.WriteString(strings.Repeat("k", i%7+1) + string(rune('a'+i%26)) + "=v" + separator)
	}
	if e := one(t, stage, text.String()); whole(&e) {
		t.Error("20000 keys are not flagged")
	}
}

func BenchmarkDecode(b *testing.B) {
	d := newDecoder(plugintest.Env(""))
	var out event.Batch
	e := event.Event{Decode: "cef", Raw: usual, Records: 1, Seen: plugintest.Env("").Now()}
	b.ReportAllocs()
	b.SetBytes(int64(len(e.Raw)))
	n := 0
	for b.Loop() {
		if n++; n%64 == 0 {
			out.Reset()
		}
		if err := d.Decode(e, &out); err != nil {
			b.Fatal(err)
		}
	}
}

// TestAllocations: a record costs few allocations, most of them for addresses.
func TestAllocations(t *testing.T) {
	d := newDecoder(plugintest.Env(""))
	var out event.Batch
	e := event.Event{Decode: "cef", Raw: usual, Records: 1, Seen: plugintest.Env("").Now()}
	if n := testing.AllocsPerRun(200, func() {
		out.Reset()
		if err := d.Decode(e, &out); err != nil {
			t.Fatal(err)
		}
	}); n > 9 {
		t.Errorf("%v allocations for a record", n)
	}
}

const (
	head      = "CEF:0|Vendor|Product|1.0|100|name|5|"
	separator = " "
	usual     = head + "rt=1795227901123 src=192.0.2.1 spt=1232 dst=198.51.100.2 dpt=443 proto=tcp act=blocked suser=ana cs1=a rule cs1Label=Rule msg=a message of the usual length"
)
