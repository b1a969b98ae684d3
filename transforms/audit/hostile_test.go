package audit

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

const (
	userHead = "pid=4242 uid=1000 auid=1001 ses=3 "
	tableEnd = ` family=2 entries=1 op=nft_register_table pid=31337 subj=unconfined comm="nft"`
	promEnd  = " prom=256 old_prom=0 auid=1000 uid=1000 gid=1000 ses=1"
)

// hostile are records with text that somebody chose to be taken for something
// else. want are the values that fields must have, "" for none.
var hostile = []struct {
	name, line string
	want       map[string]string
	flag       string // the tag that must be there; "" for no doubt at all
}{
	{"a program names another process", "type=USER_LOGIN msg=audit(1.002:3): " + userHead +
		`msg='ppid=777 comm="runc:[2:INIT]" exe="/usr/sbin/runc" arch=c000003e syscall=59 key="tallyman_late" success=yes exit=0 pid=1 uid=0 auid=0 ses=9 tty=pts9 suid=0 acct="x" res=failed'`,
		map[string]string{"process.parent.pid": "", "process.name": "", "process.pid": "4242", "auditd.data.syscall": "", "auditd.data.msg.syscall": "59", "auditd.data.arch": "", "auditd.data.exit": "", "auditd.data.uid": "1000", "auditd.key": "", "tags": "",
			"event.outcome": "failure", "user.audit.id": "1001", "user.id": "1001", "auditd.session": "3", "process.tty.name": "", "user.saved.id": "",
			"process.executable": "/usr/sbin/runc", "event.provider": "runc", "auditd.data.key": "tallyman_late", "auditd.data.ppid": "777", "auditd.data.comm": "runc:[2:INIT]"}, ""},
	{"a boot that a program tells of", "type=SYSTEM_BOOT msg=audit(1.002:3): " + userHead + `msg='pid=1 ppid=0 key="k" res=success'`,
		map[string]string{"event.action": "booted-system", "process.pid": "4242", "process.parent.pid": "", "tags": ""}, ""},
	{"names in a program's text", "type=USER_CMD msg=audit(1.002:3): " + userHead + "msg='cmd=6964 res=success\x1dAUID=\"root\" UID=\"root\"'",
		map[string]string{"user.name": "", "user.audit.name": "", "event.outcome": "unknown"}, TagAmbiguous},
	{"names in a program's text before those of auditd", "type=USER_CMD msg=audit(1.002:3): " + userHead + "msg='cmd=6964 res=failed x=\x1dAUID=\"root\" UID=\"root\"'\x1dUID=\"ana\" AUID=\"bob\"",
		map[string]string{"user.audit.name": "bob", "event.outcome": "failure"}, TagAmbiguous},
	{"an apostrophe before the false names", "type=USER_CMD msg=audit(1.002:3): " + userHead + "msg='cmd=6964 x='\x1dAUID=\"root\" res=failed'\x1dUID=\"ana\" AUID=\"bob\"",
		map[string]string{"user.audit.name": "bob", "event.outcome": "failure"}, TagAmbiguous},
	{"auditd translates the ids of a text too", "type=USER_CMD msg=audit(1.002:3): " + userHead + "msg='auid=0 cmd=6964 res=failed'\x1dUID=\"ana\" AUID=\"unknown(1001)\" AUID=\"root\"",
		map[string]string{"user.audit.name": "", "auditd.data.auid": "0"}, ""},
	{"a text that ends the apostrophes", "type=USER_LOGIN msg=audit(1.002:3): " + userHead + `msg='op=x' pid=1 ppid=2 key="k" y=' res=failed'`,
		map[string]string{"process.pid": "4242", "process.parent.pid": "", "tags": "", "event.outcome": "failure"}, ""},
	{"the same, cut off", "type=USER_LOGIN msg=audit(1.002:3): " + userHead + `msg='op=x' pid=1 ppid=2 key="k" y=`,
		map[string]string{"process.pid": "4242", "process.parent.pid": "", "tags": ""}, TagAmbiguous},
	{"0x1D in the name of an interface", "type=ANOM_PROMISCUOUS msg=audit(1.002:3): dev=a\x1dUID=\"root\"" + promEnd,
		map[string]string{"user.name": "", "user.id": "1000", "auditd.data.prom": "256", "auditd.data.dev": "a\x1dUID=\"root\"", "user.audit.id": "1000"}, ""},
	{"a seam in the name of an interface", "type=ANOM_PROMISCUOUS msg=audit(1.002:3): dev=aUID=b" + promEnd,
		map[string]string{"user.name": "", "auditd.data.prom": "256", "auditd.data.dev": "aUID=b", "auditd.session": "1"}, ""},
	{"a quote begins the name of an interface", "type=ANOM_PROMISCUOUS msg=audit(1.002:3): dev=\"a" + promEnd,
		map[string]string{"auditd.data.prom": "256", "auditd.data.dev": `"a`, "user.id": "1000"}, ""},
	{"a quote begins the name of a table", `type=NETFILTER_CFG msg=audit(1.002:3): table="x family=2 entries=1 op=nft_register_table pid=31337 subj=unconfined comm="k pid=1 op=zz"`,
		map[string]string{"process.pid": "31337", "auditd.data.op": "nft_register_table", "auditd.data.table": `"x`}, "?"},
	{"fields in the name of a table", `type=NETFILTER_CFG msg=audit(1.002:3): table=x pid=1 comm="systemd" op=nft_none:1;?:0 family=1 res=1` + tableEnd,
		map[string]string{"process.pid": "31337", "process.name": "nft", "auditd.data.op": "nft_register_table", "auditd.data.family": "2",
			"auditd.data.table": `x pid=1 comm="systemd" op=nft_none:1;?:0 family=1 res=1`}, ""},
	{"0x1D in the name of a table", "type=NETFILTER_CFG msg=audit(1.002:3): table=x\x1d:1;?:0" + tableEnd,
		map[string]string{"process.pid": "31337", "auditd.data.table": "x\x1d:1;?:0", "process.name": "nft"}, ""},
	{"an apostrophe in the name of a table", "type=NETFILTER_CFG msg=audit(1.002:3): table='x msg='y:1;?:0" + tableEnd,
		map[string]string{"process.pid": "31337", "auditd.data.table": "'x msg='y:1;?:0", "process.name": "nft"}, ""},
	{"a seam in the name of a table", "type=NETFILTER_CFG msg=audit(1.002:3): table=xUID=y:1;?:0" + tableEnd,
		map[string]string{"process.pid": "31337", "auditd.data.table": "xUID=y:1;?:0"}, ""},
	{"a quote where the kernel writes none", `type=MAC_UNLBL_STCADD msg=audit(1.002:3): netlabel: auid=1000 ses=1 netif="a src=10.0.0.1 sec_obj=x res=1`,
		map[string]string{"auditd.data.netif": `"a`, "auditd.data.src": "10.0.0.1", "event.outcome": "success"}, TagAmbiguous},
	{"auditd names what the record has not", "type=ANOM_PROMISCUOUS msg=audit(1.002:3): dev=a" + promEnd + "\x1dUID=\"ana\" EUID=\"root\" NEW=\"x\"",
		map[string]string{"user.name": "ana", "auditd.data.NEW": "x"}, TagAmbiguous},
	{"two results", `type=USER_AUTH msg=audit(1.002:3): ` + userHead + `msg='op=PAM:authentication acct="bob" exe="/usr/sbin/sshd" hostname=x" res=success y=" addr=1.2.3.4 terminal=ssh res=failed'`,
		map[string]string{"event.outcome": "failure", "auditd.data.res": "success", "auditd.result": "fail"}, TagDuplicate},
	{"a result in quotes", `type=USER_AUTH msg=audit(1.002:3): ` + userHead + `msg='op=x hostname=x res=success y=" terminal=ssh res=failed acct="bob" z="'`,
		map[string]string{"event.outcome": "failure", "auditd.data.res": "success"}, TagDuplicate},
	{"a result that only quotes hide", `type=USER_AUTH msg=audit(1.002:3): ` + userHead + `msg='op=x hostname=x res=success y=" terminal=ssh res=failed z="'`,
		map[string]string{"auditd.data.y": " terminal=ssh res=failed z="}, TagAmbiguous},
	{"two programs asked", `type=USER_AVC msg=audit(1.002:3): pid=1 uid=0 auid=4294967295 ses=4294967295 msg='avc:  denied  { start } for auid=n/a uid=1000 gid=1000 cmdline="a" permissive=1 exe="/bin/good" res=success b="" scontext=a tcontext=b tclass=service permissive=0 exe="/usr/lib/systemd/systemd" sauid=0 hostname=? addr=? terminal=?'`,
		map[string]string{"event.outcome": "failure", "process.executable": "/usr/lib/systemd/systemd", "auditd.data.exe": "/bin/good", "user.id": "0"}, TagDuplicate},
	{"two verdicts", `type=USER_AVC msg=audit(1.002:3): ` + userHead + `msg='avc:  denied  { start } for x="" avc: granted { start } exe="/a"'`,
		map[string]string{"event.outcome": "failure"}, TagDuplicate},
	{"two accounts", `type=ADD_USER msg=audit(1.002:3): ` + userHead + `msg='op=adding user acct="bob" exe="/usr/sbin/useradd" acct="eve" res=success'`,
		map[string]string{"user.target.name": "bob", "auditd.data.acct": "eve"}, TagDuplicate},
	{"two results of the kernel", `type=CONFIG_CHANGE msg=audit(1.002:3): op=set audit_enabled=0 old=1 auid=1000 ses=1 res=0 res=1`,
		map[string]string{"event.outcome": "failure"}, TagDuplicate},
	{"the same twice", `type=USER_AUTH msg=audit(1.002:3): ` + userHead + `msg='op=x acct="bob" res=failed res=failed'`,
		map[string]string{"event.outcome": "failure", "auditd.data.res": ""}, ""},
	{"AppArmor killed it", `type=AVC msg=audit(1.002:3): apparmor="KILLED" operation="exec" profile="p" name="/x" pid=9 comm="x" requested_mask="x" denied_mask="x"`,
		map[string]string{"event.outcome": "failure", "event.type": "denied"}, ""},
	{"AppArmor failed", `type=AVC msg=audit(1.002:3): apparmor="ERROR" operation="change_profile" info="label not found" error=-2 profile="p" name="y" pid=9 comm="x"`,
		map[string]string{"event.outcome": "failure", "event.type": "denied"}, ""},
	{"AppArmor would have denied it", `type=AVC msg=audit(1.002:3): apparmor="ALLOWED" operation="open" profile="p" name="/x" pid=9 comm="x"`,
		map[string]string{"event.outcome": "success", "event.type": "allowed"}, ""},
	{"AppArmor says a new word", `type=AVC msg=audit(1.002:3): apparmor="PONDERED" operation="open" profile="p" name="/x" pid=9 comm="x"`,
		map[string]string{"event.outcome": "unknown", "event.type": "info", "message": "x was checked for access: open /x"}, ""},
}

func TestWhatSomebodyWroteIsNotTheKernels(t *testing.T) {
	for _, c := range hostile {
		t.Run(c.name, func(t *testing.T) {
			e := oneEvent(t, build(t, nil), c.line)
			got := ours(&e)
			tags := got["tags"]
			delete(got, "tags")
			if own := slices.DeleteFunc(slices.Clone(tags), func(s string) bool { return strings.HasPrefix(s, "tallyman_") && s != "tallyman_late" }); len(own) > 0 {
				got["tags"] = own
			}
			for field, want := range c.want {
				if have := strings.Join(got[field], "|"); have != want {
					t.Errorf("%s is %q, want %q", field, have, want)
				}
			}
			switch {
			case c.flag == "?":
			case c.flag == "" && len(tags) != len(got["tags"]):
				t.Errorf("it is flagged %q", tags)
			case c.flag != "" && (!slices.Contains(tags, c.flag) || e.Raw != c.line || e.Fields.Get(schema.ErrorMessage).IsZero()):
				t.Errorf("%s, the source text or the reason is missing: %q, %q", c.flag, tags, e.Raw)
			}
			if t.Failed() {
				t.Log(show(&e))
			}
		})
	}
}

// TestManyFieldsCostNoMoreThanTheyAre counts comparisons: they must grow with the
// length of a record, not with its square, and nothing may be lost.
func TestManyFieldsCostNoMoreThanTheyAre(t *testing.T) {
	head := "type=USER_LOGIN msg=audit(1.002:3): " + userHead
	number := func(n int, f func(b *strings.Builder, i int)) string {
		var b strings.Builder
		for i := range n {
			f(&b, i)
		}
		return b.String()
	}
	for name, text := range map[string]string{
		"different fields": number(1200, func(b *strings.Builder, i int) { b.WriteString("k" + string(rune('a'+i%26)) + itoa(i) + "=v ") }) + "res=failed",
		"one field":        number(1200, func(b *strings.Builder, i int) { b.WriteString("acct=v" + itoa(i) + " ") }) + "res=failed",
		"bodies in bodies": strings.Repeat("msg='", 1200) + " res=failed",
		"words":            strings.Repeat(`a="" b `, 1200) + " res=failed",
	} {
		t.Run(name, func(t *testing.T) {
			st := newStage(build(t, nil), "x")
			e := apply(t, st, records([]string{head + "msg='" + text + "'"}))[0]
			if limit := dataLimit * (1200*2 + 100); st.f.steps > limit {
				t.Errorf("%d comparisons, more than %d", st.f.steps, limit)
			}
			n := 0
			var all strings.Builder
			for _, f := range e.Fields {
				if f.Key == schema.AuditdData {
					n++
					all.WriteString(f.Name() + "=" + f.Str() + " ")
				}
			}
			if n > dataLimit+32 {
				t.Errorf("%d fields", n)
			}
			if e.Fields.Get(schema.EventOutcome).Str() != "failure" {
				t.Error("the result behind them was not read")
			}
			for _, w := range strings.Fields(text) {
				if w != "res=failed" && w != "acct=v0" && w != `a=""` && !strings.Contains(all.String(), w) {
					t.Fatalf("%q is lost", w)
				}
			}
		})
	}
}

func itoa(n int) string { return string(appendInt(nil, n)) }

func appendInt(b []byte, n int) []byte {
	if n >= 10 {
		b = appendInt(b, n/10)
	}
	return append(b, byte('0'+n%10))
}

// TestTagsOfTheInputStay: an event with tags of its own keeps what the input said
// of any of its records.
func TestTagsOfTheInputStay(t *testing.T) {
	in := records([]string{sysA, endA})
	for i := range in {
		in[i].Fields = event.Fields{event.NewField(schema.Tags, "", event.String("tallyman_truncated")), event.NewField(schema.LogSyslogAppname, "", event.String("audispd"))}
	}
	got := run(t, build(t, nil), in, 10)
	if len(got) != 1 {
		t.Fatalf("%d events", len(got))
	}
	f := ours(&got[0])
	if !slices.Contains(f["tags"], TagIncomplete) || strings.Count(strings.Join(f["tags"], "|"), "tallyman_truncated") != 1 {
		t.Errorf("tags are %q", f["tags"])
	}
	if len(f["log.syslog.appname"]) != 1 {
		t.Errorf("appname is %q", f["log.syslog.appname"])
	}
}

// TestNoTextChangesWhatTheKernelSays puts any text inside msg='…' and into the
// bare names of kernel records, with and without what auditd adds.
func TestNoTextChangesWhatTheKernelSays(t *testing.T) {
	tr := build(t, nil)
	word := rapid.SampledFrom(append([]string{"'", "\x1d", `UID="root"`, "'\x1dUID=\"root\"", "UID=root", " pid=1", " uid=0 ", "auid=0", " family=9", " prom=9",
		" ppid=5 key=\"k\"", "msg='", "SADDR={ x }", "SADDR={", "}", `comm="x"`, " res=success", " ses=8", "avc:  granted { x }", " syscall=execve arch=x exit=1 "}, nasty...))
	text := rapid.Map(rapid.SliceOfN(word, 0, 8), func(w []string) string { return strings.ReplaceAll(strings.Join(w, ""), "\n", " ") })
	kernel := []string{"auditd.data.syscall", "auditd.data.exit", "process.pid", "process.parent.pid", "process.name", "user.audit.id", "user.audit.name", "user.name", "auditd.session", "auditd.key", "auditd.data.arch", "event.action"}
	const names = "\x1dUID=\"ana\" AUID=\"bob\""
	for name, c := range map[string]struct{ before, after, plain string }{
		"program, raw":      {"type=USER_CMD msg=audit(1.002:3): " + userHead + "msg='", "'", "op=x"},
		"program, enriched": {"type=USER_CMD msg=audit(1.002:3): " + userHead + "msg='", "'" + names, "op=x"},
		"table, raw":        {"type=NETFILTER_CFG msg=audit(1.002:3): table=", tableEnd, "x"},
		"table, enriched":   {"type=NETFILTER_CFG msg=audit(1.002:3): table=", strings.Replace(tableEnd, "pid=", "uid=1000 auid=1001 pid=", 1) + names, "x"},
		"interface, raw":    {"type=ANOM_PROMISCUOUS msg=audit(1.002:3): dev=", promEnd, "x"},
		"interface, named":  {"type=ANOM_PROMISCUOUS msg=audit(1.002:3): dev=", promEnd + names, "x"},
	} {
		t.Run(name, func(t *testing.T) {
			plain := oneEvent(t, tr, c.before+c.plain+c.after)
			want := ours(&plain)
			rapid.Check(t, func(rt *rapid.T) {
				line := c.before + text.Draw(rt, "text") + c.after
				e := oneEvent(t, tr, line)
				got := ours(&e)
				for _, k := range kernel {
					if !slices.Equal(got[k], want[k]) {
						rt.Fatalf("%s is %q, want %q, of %q", k, got[k], want[k], line)
					}
				}
			})
		})
	}
}
