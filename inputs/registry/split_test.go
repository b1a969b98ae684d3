package registry

import (
	"slices"
	"strings"
	"testing"
)

// TestSplit: each event of an envelope is a record; what is no envelope stays as
// it is.
func TestSplit(t *testing.T) {
	for _, c := range []struct {
		body string
		want []string
	}{
		{"{\n  \"events\": [ {\"id\":1}, {\"id\":2} ]\n}", []string{`{"id":1}`, `{"id":2}`}},
		{`{"events":[{"id":1}],"more":true}`, []string{`{"events":[{"id":1}],"more":true}`}},
		{`{"events":[]}`, []string{`{"events":[]}`}},
		{`{"events":1}`, []string{`{"events":1}`}},
		{`{"type":"PUSH_ARTIFACT"}`, []string{`{"type":"PUSH_ARTIFACT"}`}},
		{"{\"events\":[{\"id\":1}]}\n{\"events\":[{\"id\":2}]}", []string{`{"events":[{"id":1}]}`, `{"events":[{"id":2}]}`}},
		{"", nil},
	} {
		if got, err := split(c.body); err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%q: %q, %v", c.body, got, err)
		}
	}
	if _, err := split(`{"events":[` + strings.Repeat("[", 100_000)); err == nil {
		t.Error("what is nested without end was taken")
	}
}
