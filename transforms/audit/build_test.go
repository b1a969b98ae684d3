package audit

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

func TestWhatTheInputKnewStaysOnTheEvent(t *testing.T) {
	in := records([]string{sysA, endA})
	in[0].Fields = event.Fields{
		event.NewField(schema.LogSourceAddress, "", event.String("10.0.0.8:514")),
		event.NewField(schema.ProcessName, "", event.String("of the syslog head")),
		event.NewField(schema.Labels, "env", event.String("prod")),
	}
	got := run(t, build(t, nil), in, 1)
	if len(got) != 1 {
		t.Fatalf("%d events", len(got))
	}
	f := got[0].Fields
	if f.Get(schema.LogSourceAddress).Str() != "10.0.0.8:514" || f.GetNamed(schema.Labels, "env").Str() != "prod" {
		t.Errorf("lost: %s", show(&got[0]))
	}
	if f.Get(schema.ProcessName).Str() != "a" {
		t.Error("the record does not count more than its transport")
	}
}

func TestTheMessageIsCutBetweenCharacters(t *testing.T) {
	for pad := range 8 {
		line := strings.Repeat("x", pad) + strings.Repeat("€", 600)
		e := oneEvent(t, build(t, nil), sysA, "type=EXECVE msg=audit(1795227901.123:7): argc=1 a0="+kernelText(line), endA)
		m := e.Fields.Get(schema.Message).Str()
		if len(m) > messageLimit || len(m) < messageLimit-4 || !utf8.ValidString(m) {
			t.Errorf("pad %d: %d bytes, valid %v", pad, len(m), utf8.ValidString(m))
		}
		if e.Fields.Get(schema.ProcessArgs).Str() != line {
			t.Error("the argument was cut as well")
		}
	}
}

func TestASystemCallIsNamedAsWellAsCanBe(t *testing.T) {
	for tail, want := range map[string]string{
		"arch=c000003e syscall=9999": "9999",
		"arch=c000003e syscall=9999\x1dARCH=x86_64 SYSCALL=newcall AUID=\"x\"": "newcall",
		"arch=c000003e syscall=-1\x1dARCH=x86_64 SYSCALL=unknown-syscall(-1)":  "-1",
		"arch=c00000b7 syscall=221":        "execve",
		"arch=40000003 syscall=11":         "execve",
		"arch=c000003e syscall=1073741883": "execve",
		"success=yes":                      "",
		"arch=c000003e syscall=2\x1dARCH=x86_64 SYSCALL=forged AUID=\"unset\"": "open",
	} {
		e := oneEvent(t, build(t, nil), "type=SYSCALL msg=audit(1795227901.123:7): "+tail)
		if got := e.Fields.GetNamed(schema.AuditdData, "syscall").Str(); got != want {
			t.Errorf("%q is %q, want %q", tail, got, want)
		}
	}
}

func TestOpenFlagsAreThoseOfTheArchitecture(t *testing.T) {
	for tail, want := range map[string][]string{
		"arch=c000003e syscall=257 a0=ffffff9c a2=10000": {"O_RDONLY", "O_DIRECTORY"},
		"arch=c00000b7 syscall=56 a0=ffffff9c a2=4000":   {"O_RDONLY", "O_DIRECTORY"},
		"arch=c000003e syscall=2 a1=101002":              {"O_RDWR", "O_SYNC"},
		"arch=c000003e syscall=257 a2=410001":            {"O_WRONLY", "O_TMPFILE"},
		"arch=8 syscall=4005 a1=2":                       nil, // mips has numbers of its own
	} {
		e := oneEvent(t, build(t, nil), "type=SYSCALL msg=audit(1795227901.123:7): success=yes "+tail)
		var got []string
		for v := range e.Fields.All(schema.AuditdOpenFlags) {
			got = append(got, v.Str())
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", tail, got, want)
		}
	}
}

func TestFileTypesAndModes(t *testing.T) {
	for mode, want := range map[string]string{
		"0100644": "file 0644", "040755": "dir 0755", "0120777": "symlink 0777", "0140600": "socket 0600", "010600": "pipe 0600",
		"020666": "char 0666", "060660": "block 0660", "0104755": "file 4755", "7": " 0007", "9": " ",
	} {
		e := oneEvent(t, build(t, nil), sysB, `type=PATH msg=audit(1795227901.124:8): item=0 name="/a" mode=`+mode+" nametype=DELETE")
		if got := e.Fields.Get(schema.FileType).Str() + " " + e.Fields.Get(schema.FileMode).Str(); got != want {
			t.Errorf("%s is %q, want %q", mode, got, want)
		}
	}
}
