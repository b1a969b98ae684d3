package main

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestDoctorOfTheLastHour judges what a running process may say of attribution.
func TestDoctorOfTheLastHour(t *testing.T) {
	report := func(text string) string {
		return `{"transforms":[{"name":"c","type":"container","report":` + text + `}]}`
	}
	for _, c := range []struct {
		name, status string
		good         bool
		want, hint   string
	}{
		{"nothing came", report(`{"minutes":60}`), true, "no event came", ""},
		{"most by the connector", report(`{"events":1000,"found":990,"connector":true,"shares":[{"method":"none","confidence":"unknown","events":10},` +
			`{"method":"lineage","confidence":"high","events":90},{"method":"connector","confidence":"exact","events":900}]}`), true,
			"of 1000 events 99.00 % found their container or are proven to be the host's: connector exact 90.00 %, lineage high 9.00 %, none unknown 1.00 %", ""},
		{"too little", report(`{"events":1000,"found":899,"connector":true}`), false, "89.90 %", "missing above"},
		{"just enough", report(`{"events":1000,"found":900}`), true, "90.00 %", ""},
		{"too little without the connector", report(`{"events":100,"found":1}`), false, "1.00 %", "process connector is not in use"},
		{"too few to judge", report(`{"events":99,"found":1}`), true, "of 99 events", ""},
		{"another transform", `{"transforms":[{"name":"r","type":"rules","report":[1]}]}`, false, "no transform of type container", "type: container"},
		{"no transform reports", `{}`, false, "no transform of type container", "type: container"},
		{"nonsense", report(`[1]`), false, "not understood", "version"},
	} {
		t.Run(c.name, func(t *testing.T) {
			list := attributionIn([]byte(c.status))
			if len(list) != 1 || list[0].Name != "last hour" || list[0].Good != c.good || !strings.Contains(list[0].Text, c.want) || !strings.Contains(list[0].Hint, c.hint) || (c.hint == "") != (list[0].Hint == "") {
				t.Errorf("%+v", list)
			}
		})
	}
}

// TestDoctorAsks runs the program and wants the doctor to know of its events.
func TestDoctorAsks(t *testing.T) {
	dir := t.TempDir()
	path := conf(t, dir, strings.Replace(good, "  - {type: audit}\n", "  - {type: audit}\n  - {type: container, procfs: \"\", docker_root: \"\"}\n", 1))
	of := func() string {
		_, text := said(t, "", "doctor", "attribution", "--config", path)
		_, text, _ = strings.Cut(text, "last hour: ")
		return text
	}
	if text := of(); !strings.HasPrefix(text, "not known: ") || !strings.Contains(text, "--journal-dir") {
		t.Errorf("nothing runs: %q", text)
	}
	write(t, filepath.Join(dir, "audit.log"), oneByOne(0, 500))
	start(t, path)
	until(t, "the doctor tells of the events", func() bool { return strings.HasPrefix(of(), "of ") })
}
