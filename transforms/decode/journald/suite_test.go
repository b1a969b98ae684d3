package journald

import (
	"strconv"
	"strings"
	"testing"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
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
		have[string(f.Value().Append(nil))] = true
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

// decodeAll takes entries to one decoder and flushes nothing.
func decodeAll(t *testing.T, d plugin.Decoder, raws ...string) []event.Event {
	t.Helper()
	var out event.Batch
	for i, raw := range raws {
		e := event.Event{Decode: "journald", Raw: raw, Records: 1, Offset: int64(i), Seen: plugintest.Env("").Now()}
		if err := d.Decode(e, &out); err != nil {
			t.Fatal(err)
		}
	}
	return out.Events
}

// TestProgramsAreBorneOut: what sshd, sudo and PAM say is believed where journald
// says that it was them, and of nobody who only calls themselves so.
func TestProgramsAreBorneOut(t *testing.T) {
	const accepted = "MESSAGE=Accepted password for root from 192.0.2.1 port 1 ssh2\n"
	const opened = "MESSAGE=pam_unix(x:session): session opened for user root(uid=0) by ana(uid=1000)\n"
	for _, c := range []struct{ name, raw, action, user string }{
		{"sshd", "SYSLOG_IDENTIFIER=sshd\n_UID=0\n_EXE=/usr/sbin/sshd\n" + accepted, "logged-in", "root"},
		{"sshd that has ended", "SYSLOG_IDENTIFIER=sshd\n_UID=0\n_TRANSPORT=syslog\n" + accepted, "logged-in", "root"},
		{"a user's logger", "SYSLOG_IDENTIFIER=sshd\n_UID=1000\n_EXE=/usr/bin/logger\n_TRANSPORT=syslog\n" + accepted, "logged", ""},
		{"a user's sshd in a namespace", "SYSLOG_IDENTIFIER=sshd\n_UID=1000\n_EXE=/usr/sbin/sshd\n" + accepted, "logged", ""},
		{"root's logger", "SYSLOG_IDENTIFIER=sshd\n_UID=0\n_EXE=/usr/bin/logger\n_TRANSPORT=syslog\n" + accepted, "logged", ""},
		{"a container called sshd", "SYSLOG_IDENTIFIER=sshd\n_UID=0\n_EXE=/usr/bin/dockerd\n_TRANSPORT=journal\n" + accepted, "logged", ""},
		{"another file", "SYSLOG_IDENTIFIER=sshd\n_UID=0\n_EXE=/tmp/sshd\n" + accepted, "logged", ""},
		{"an entry of nobody", "SYSLOG_IDENTIFIER=sshd\n" + accepted, "logged", ""},
		{"sudo as its caller", "SYSLOG_IDENTIFIER=sudo\n_UID=1000\n_EXE=/usr/bin/sudo\nMESSAGE=     ana : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/ls\n", "ran-command", "ana"},
		{"sudo that is sudo-rs", "SYSLOG_IDENTIFIER=sudo\n_UID=1000\n_EXE=/usr/bin/sudo-rs\nMESSAGE=ana : TTY=/dev/pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/ls\n", "ran-command", "ana"},
		{"doas as its caller", "SYSLOG_IDENTIFIER=doas\n_UID=1000\n_EXE=/usr/bin/doas\nMESSAGE=command not permitted for ana: id\n", "ran-command", "ana"},
		{"a user's doas", "SYSLOG_IDENTIFIER=doas\n_UID=1000\n_EXE=/home/ana/doas\nMESSAGE=ana ran command id as root from /\n", "logged", ""},
		{"gpasswd", "SYSLOG_IDENTIFIER=gpasswd\n_UID=0\n_EXE=/usr/bin/gpasswd\nMESSAGE=user ana added by root to group docker\n", "modified-group-account", "root"},
		{"a user's gpasswd", "SYSLOG_IDENTIFIER=gpasswd\n_UID=1000\n_EXE=/usr/bin/gpasswd\nMESSAGE=user ana added by root to group docker\n", "logged", ""},
		{"cron", "SYSLOG_IDENTIFIER=CRON\n_UID=0\n_EXE=/usr/sbin/cron\nMESSAGE=(root) CMD (true)\n", "executed", "root"},
		{"PAM of another program", "SYSLOG_IDENTIFIER=gdm\n_UID=0\n_EXE=/usr/sbin/gdm\n_TRANSPORT=syslog\n" + opened, "started-session", "ana"},
		{"PAM in a service's output", "SYSLOG_IDENTIFIER=web\n_UID=0\n_EXE=/usr/sbin/web\n_TRANSPORT=stdout\n" + opened, "logged", ""},
		{"PAM of a container", "SYSLOG_IDENTIFIER=abc\n_UID=0\n_EXE=/usr/bin/dockerd\n_TRANSPORT=syslog\n" + opened, "logged", ""},
	} {
		e := decodeAll(t, build(plugintest.Env("")), c.raw+"_COMM=x\n_CMDLINE=x y\nPRIORITY=6\n")[0]
		if got, user := e.Get(schema.EventAction).Str(), e.Get(schema.UserName).Str(); got != c.action || user != c.user {
			t.Errorf("%s: %s by %q, want %s by %q", c.name, got, user, c.action, c.user)
		}
		n := 0
		for range e.Fields.All(schema.EventSeverity) {
			n++
		}
		if n != 1 {
			t.Errorf("%s: %d severities", c.name, n)
		}
		if uid := e.Get(schema.UserID).Str(); c.action != "logged" && c.user != "ana" && uid == "0" && !strings.Contains(c.raw, "uid=") {
			t.Errorf("%s: the user that is named has the id of the program", c.name)
		}
	}
}

// piecesOf are entries of a container's line, as dockerd sends them.
func piecesOf(id string, texts ...string) []string {
	var list []string
	for i, text := range texts {
		raw := "__CURSOR=c" + strconv.Itoa(i) + "\n_UID=0\n_SYSTEMD_UNIT=docker.service\n_SYSTEMD_CGROUP=/system.slice/docker.service\n_EXE=/usr/bin/dockerd\nPRIORITY=6\n" +
			"CONTAINER_NAME=web\nCONTAINER_ID_FULL=" + strings.Repeat("ab", 32) + "\nMESSAGE=" + text + "\n"
		last := i == len(texts)-1
		if id != "" {
			raw += "CONTAINER_PARTIAL_ID=" + id + "\nCONTAINER_PARTIAL_ORDINAL=" + strconv.Itoa(i+1) + "\nCONTAINER_PARTIAL_LAST=" + strconv.FormatBool(last) + "\n"
		}
		if !last {
			raw += "CONTAINER_PARTIAL_MESSAGE=true\n"
		}
		list = append(list, raw)
	}
	return list
}

// TestPiecesOfContainers: the pieces of a line are one event, in Docker's form and
// in conmon's, also when two lines come at once; a piece without its end is held,
// and given back for the position.
func TestPiecesOfContainers(t *testing.T) {
	for _, id := range []string{"", "7f3c"} {
		d := build(plugintest.Env(""))
		got := decodeAll(t, d, piecesOf(id, "aaa", "bbb", "c")...)
		if len(got) != 1 || got[0].Get(schema.Message).Str() != "aaabbbc" || got[0].Records != 3 || got[0].Raw != "" || got[0].Get(schema.ContainerName).Str() != "web" {
			t.Fatalf("%q: %d events: %v", id, len(got), got)
		}
		for _, f := range got[0].Fields {
			if strings.HasPrefix(f.Name(), "CONTAINER_PARTIAL") {
				t.Errorf("%s is said of the whole line", f.Name())
			}
		}
		if got = decodeAll(t, d, piecesOf(id, "whole")...); len(got) != 1 || got[0].Get(schema.Message).Str() != "whole" {
			t.Errorf("%q: a whole line: %v", id, got)
		}
	}
	d := build(plugintest.Env("")).(plugin.HoldingDecoder)
	one, two := piecesOf("1", "a", "b"), piecesOf("2", "x", "y")
	got := decodeAll(t, d, one[0], two[0], one[1])
	if len(got) != 1 || got[0].Get(schema.Message).Str() != "ab" {
		t.Errorf("two at once: %v", got)
	}
	if held := d.Held(nil); len(held) != 1 || held[0].Raw != two[0] || held[0].Decode != "journald" {
		t.Errorf("held: %v", held)
	}
	var out event.Batch
	d.Flush(&out)
	if len(out.Events) != 1 || out.Events[0].Get(schema.Message).Str() != "x" || out.Events[0].Get(schema.Tags).Str() != "tallyman_partial" {
		t.Errorf("flushed: %v", out.Events)
	}
}

// TestOnlyEnginesHavePieces: a user's process cannot make the decoder wait.
func TestOnlyEnginesHavePieces(t *testing.T) {
	raw := strings.ReplaceAll(piecesOf("1", "a", "b")[0], "_UID=0", "_UID=1000")
	if got := decodeAll(t, build(plugintest.Env("")), raw); len(got) != 1 {
		t.Errorf("%d events", len(got))
	}
}
