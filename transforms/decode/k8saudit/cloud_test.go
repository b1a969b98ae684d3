package k8saudit

import (
	"testing"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugintest"
	"tallyman/pipeline/schema"
)

// TestCloudsLeaveOutAsTheAPIServer: what is left out of the log itself is left out
// of its envelopes, and counted.
func TestCloudsLeaveOutAsTheAPIServer(t *testing.T) {
	for name, text := range map[string]string{
		"an empty list":  `{"records":[]}`,
		"no events":      `{"logGroup":"/aws/eks/shop/cluster","logEvents":[]}`,
		"a watch begins": `{"protoPayload":{"methodName":"io.k8s.core.v1.pods.list","resourceName":"core/v1/pods","status":{}},"operation":{"id":"a","first":true}}`,
	} {
		d, out := build(plugintest.Env("")), &event.Batch{}
		if err := d.Decode(event.Event{Raw: text, Records: 1}, out); err != nil || len(out.Events) != 0 || out.Filtered != 1 {
			t.Errorf("%s: %v, %d events, %d filtered", name, err, len(out.Events), out.Filtered)
		}
	}
}

// TestGoogleKeepsNoSecret: no part can be left out of the text of Google's record,
// so that of one about a secret nothing is kept, whatever else is in doubt.
func TestGoogleKeepsNoSecret(t *testing.T) {
	d, out := build(plugintest.Env("")), &event.Batch{}
	text := `{"protoPayload":{"methodName":"io.k8s.core.v1.secrets.update","resourceName":"core/v1/namespaces/shop/secrets/db","new":1,
		"request":{"data":{"k":"Y2FuYXJ5"}},"status":{"code":0}},"timestamp":"yesterday"}`
	if err := d.Decode(event.Event{Raw: text, Records: 1}, out); err != nil || len(out.Events) != 1 {
		t.Fatalf("%v, %d events", err, len(out.Events))
	}
	if e := &out.Events[0]; e.Raw != "" || e.Get(schema.ErrorCode).Str() != CodeParse || e.Get(schema.OrchestratorResourceName).Str() != "db" {
		t.Errorf("%+v", e)
	}
}
