package journald

import (
	"strconv"
	"strings"
	"testing"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugintest"
	"tallyman/pipeline/schema"
)

// TestConformance: the decoder passes the suite. Entries in the export format
// have many lines; in the pairs each stands in one line, quoted as Go does.
func TestConformance(t *testing.T) {
	plugintest.Decoder(t, plugintest.DecoderSuite{Plugin: Plugin, Golden: "testdata",
		Event: func(t testing.TB, line string, n int) event.Event {
			t.Helper()
			env := plugintest.Env("")
			if strings.HasPrefix(line, `"`) {
				text, err := strconv.Unquote(line)
				if err != nil {
					t.Fatalf("%v: %s", err, line)
				}
				line = text
			}
			return event.Event{Decode: "journald", Raw: line, Records: 1, Offset: int64(n), Seen: env.Now(), Shared: env.Shared}
		}})
}

// TestNoFieldIsLost: every field of an entry is in the event, in the head of it,
// or in its id.
func TestNoFieldIsLost(t *testing.T) {
	env := plugintest.Env("")
	var raw strings.Builder
	for i := range 200 {
		raw.WriteString("F" + strconv.Itoa(i%50) + "=v" + strconv.Itoa(i) + "\n")
	}
	raw.WriteString("MESSAGE=m1\nMESSAGE=m2\n_PID=1\n_PID=2\n_COMM=a\n_COMM=b\nPRIORITY=1\nPRIORITY=2\n_UID=0\n")
	var out event.Batch
	if err := build(env).Decode(event.Event{Raw: raw.String(), Records: 1, Seen: env.Now()}, &out); err != nil {
		t.Fatal(err)
	}
	have := map[string]bool{}
	for _, f := range out.Events[0].Fields {
		have[string(f.Val.Append(nil))] = true
	}
	for i := range 200 {
		if !have["v"+strconv.Itoa(i)] {
			t.Errorf("v%d is lost", i)
		}
	}
	for _, v := range []string{"m1", "m2", "1", "2", "a", "b"} {
		if !have[v] {
			t.Errorf("%s is lost", v)
		}
	}
}

// FuzzDecode: nothing makes the decoder panic; of an entry comes one event, and
// what is in doubt is kept.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{"MESSAGE=a\n_PID=1\n", "MESSAGE\n\x02\x00\x00\x00\x00\x00\x00\x00ab\nX=1\n", `{"MESSAGE":[1,2],"X":["a",[1]],"Y":null}`,
		"_TRANSPORT=audit\nMESSAGE=SYSCALL a=b\n_AUDIT_ID=1\n_SOURCE_REALTIME_TIMESTAMP=1795231588007000\n", "\n", "A", "{"} {
		f.Add(s)
	}
	env := plugintest.Env("")
	f.Fuzz(func(t *testing.T, raw string) {
		var out event.Batch
		if err := build(env).Decode(event.Event{Raw: raw, Records: 1, Seen: env.Now()}, &out); err != nil {
			return
		}
		if len(out.Events) != 1 {
			t.Fatalf("%d events came of %q", len(out.Events), raw)
		}
		e := &out.Events[0]
		if e.Decode == "audit" {
			if !strings.HasPrefix(e.Raw, "type=") && !strings.HasPrefix(e.Raw, "audit: type=") || strings.HasPrefix(e.Raw, "type=") && strings.Contains(strings.SplitN(e.Raw, "msg=audit(", 2)[0], "\n") {
				t.Errorf("%q gave the audit record %q", raw, e.Raw)
			}
		} else if e.ID.IsZero() || e.Time.IsZero() || e.Raw == "" && e.Get(schema.Message).IsZero() && !strings.Contains(raw, "MESSAGE") {
			t.Errorf("%q gave %s", raw, plugintest.Dump(e))
		}
	})
}

// BenchmarkDecode is an entry of a service.
func BenchmarkDecode(b *testing.B) {
	env := plugintest.Env("")
	d := build(env)
	raw := "__CURSOR=s=739ad463348b4ceca5a9e69c95a3c93f;i=4;b=6c7c;m=4f;t=6;x=1\n__REALTIME_TIMESTAMP=1795231588000000\n_BOOT_ID=6c7c6013a26343b29e964691ff25d04c\n_TRANSPORT=syslog\n" +
		"PRIORITY=6\nSYSLOG_FACILITY=4\nSYSLOG_IDENTIFIER=sshd\n_PID=712\n_UID=0\n_GID=0\n_COMM=sshd\n_EXE=/usr/sbin/sshd\n_CMDLINE=sshd: ana [priv]\n_SYSTEMD_CGROUP=/system.slice/ssh.service\n" +
		"_SYSTEMD_UNIT=ssh.service\nMESSAGE=Accepted publickey for ana from 10.0.0.9 port 51234 ssh2\n"
	var out event.Batch
	b.ReportAllocs()
	b.SetBytes(int64(len(raw)))
	for i := 0; b.Loop(); i++ {
		if i%1024 == 0 {
			out.Reset()
		}
		if err := d.Decode(event.Event{Decode: "journald", Raw: raw, Records: 1, Seen: env.Now(), Shared: env.Shared}, &out); err != nil {
			b.Fatal(err)
		}
	}
}
