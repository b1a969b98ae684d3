package dockerevent

import (
	"strconv"
	"strings"
	"testing"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugintest"
	"tallyman/pipeline/schema"
)

// TestALabelForgesNoExitCode: a label that takes the place of the engine's word
// is a label at create, and makes what it could forge unknown afterwards; other
// containers are not touched by it.
func TestALabelForgesNoExitCode(t *testing.T) {
	env := plugintest.Env("")
	d := build(env)
	say := func(id, action, attributes string) event.Event {
		t.Helper()
		var out event.Batch
		raw := `{"Type":"container","Action":"` + action + `","Actor":{"ID":"` + id + `","Attributes":{` + attributes + `}},"timeNano":1795231588000000001}`
		if err := d.Decode(event.Event{Raw: raw, Records: 1, Seen: env.Now()}, &out); err != nil {
			t.Fatal(err)
		}
		return out.Events[0]
	}
	made := say("liar", "create", `"exitCode":"0"`)
	if made.Fields.GetNamed(schema.ContainerLabels, "exitCode").Str() != "0" || !made.Get(schema.ProcessExitCode).IsZero() || made.Raw != "" {
		t.Errorf("at create it is no label: %s", plugintest.Dump(&made))
	}
	died := say("liar", "die", `"exitCode":"0"`)
	if died.Get(schema.EventOutcome).Str() != "unknown" || !died.Get(schema.ProcessExitCode).IsZero() || died.Raw == "" ||
		!strings.Contains(died.Get(schema.ErrorMessage).Str(), "exitCode") {
		t.Errorf("a label is believed: %s", plugintest.Dump(&died))
	}
	honest := say("honest", "die", `"exitCode":"7"`)
	if code, _ := honest.Get(schema.ProcessExitCode).Int64(); code != 7 || honest.Get(schema.EventOutcome).Str() != "failure" {
		t.Errorf("another container is touched: %s", plugintest.Dump(&honest))
	}
	say("liar", "destroy", `"exitCode":"0"`)
	for i := range 3 * maxForged {
		say("liar"+strconv.Itoa(i), "create", `"exitCode":"0"`)
	}
	if n := len(d.(*decoder).forged.of); n > maxForged {
		t.Errorf("%d containers are remembered", n)
	}
}
