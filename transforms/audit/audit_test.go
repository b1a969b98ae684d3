package audit

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const syscallLine = `node=web-1 type=SYSCALL msg=audit(1795231896.057:584882): arch=c000003e success=yes a0=3 tty=(none) comm="audit d" exe="/usr/sbin/auditd" key=(null)` + "\x1d" + `ARCH=x86_64 SYSCALL=execve UID="root"`

func walk(s string) string {
	var b strings.Builder
	for w := NewWalk(s); ; {
		t, ok := w.Next()
		if !ok {
			return strings.TrimSpace(b.String())
		}
		fmt.Fprintf(&b, "%s<%s>%d ", t.Key, t.Val, t.Form)
	}
}

func TestParseReadsTheHead(t *testing.T) {
	r, err := Parse(syscallLine)
	if err != nil || r.Node != "web-1" || r.Type != "SYSCALL" || r.Sec != 1795231896 || r.Milli != 57 || r.Serial != 584882 {
		t.Fatalf("%+v, %v", r, err)
	}
	if want := `arch<c000003e>0 success<yes>0 a0<3>0 tty<(none)>0 comm<audit d>1 exe</usr/sbin/auditd>1 key<(null)>0`; walk(r.Body) != want {
		t.Errorf("body: %s", walk(r.Body))
	}
	if want := `ARCH<x86_64>0 SYSCALL<execve>0 UID<root>1`; walk(r.Enriched) != want {
		t.Errorf("enriched: %s", walk(r.Enriched))
	}
	r, err = Parse(`audit: type=1300 audit(1.002:3): arch=c000003e`)
	if err != nil || r.Type != "1300" || r.Serial != 3 || r.Body != "arch=c000003e" {
		t.Errorf("kernel form: %+v, %v", r, err)
	}
}

func TestParseRefusesWhatIsNoRecord(t *testing.T) {
	for _, s := range []string{"", "type=", "type=X", "node=a", "type=X msg=audit(1.2:3): a", "type=X msg=audit(1.002:): a",
		"type=X msg=audit(1.002:99999999999999999999): a", "type=X msg=audit(-1.002:3): a", "type=X msg=audit(1.002:3", " type=X msg=audit(1.002:3): a"} {
		if r, err := Parse(s); !errors.Is(err, ErrNoRecord) {
			t.Errorf("%q became %+v, %v", s, r, err)
		}
	}
}

func TestWalkTellsTheFormsApart(t *testing.T) {
	for in, want := range map[string]string{
		`avc:  denied  { read write } for  pid=7 comm="a b" path=2F612062 permissive=0`: `<avc:  denied  { read write } for>0 pid<7>0 comm<a b>1 path<2F612062>0 permissive<0>0`,
		`op=adding user acct="bob" res=success`:                                         `op<adding user>0 acct<bob>1 res<success>0`,
		`pid=1 msg='op=PAM:x acct="o'brien" res=failed'`:                                `pid<1>0 msg<op=PAM:x acct="o'brien" res=failed>2`,
		`a1[0]="x" a1[1]=6120 a1_len=4 a2=""`:                                           `a1[0]<x>1 a1[1]<6120>0 a1_len<4>0 a2<>1`,
		`auid=0 auid=1000 key=`:                                                         `auid<0>0 auid<1000>0 key<>0`,
		`comm="cut off`:                                                                 `comm<cut off>1`,
		`comm="a" res=1 `:                                                               `comm<a>1 res<1>0`,
	} {
		if got := walk(in); got != want {
			t.Errorf("%s\n got %s\nwant %s", in, got, want)
		}
	}
}

func TestTheSeamIsFoundWhereACopyDroppedIt(t *testing.T) {
	for in, want := range map[string][2]string{
		`auid=0 res=1AUID="ana"`:                        {`auid=0 res=1`, `AUID="ana"`},
		`key="x"ARCH=x86_64 SYSCALL=openat AUID="a"`:    {`key="x"`, `ARCH=x86_64 SYSCALL=openat AUID="a"`},
		`saddr=1000SADDR={ saddr_fam=netlink }`:         {`saddr=1000`, `SADDR={ saddr_fam=netlink }`},
		`pid=1 msg='op=a res=success'UID="root"`:        {`pid=1 msg='op=a res=success'`, `UID="root"`},
		`nametype=NORMALOUID="root" OGID="root"`:        {`nametype=NORMAL`, `OUID="root" OGID="root"`},
		`comm="1UID=0" name="x'UID=0" res=1`:            {`comm="1UID=0" name="x'UID=0" res=1`, ``},
		`msg='op=a acct="x1UID=0" res=failed' ses=1`:    {`msg='op=a acct="x1UID=0" res=failed' ses=1`, ``},
		"comm=\"a\" res=1\x1dAUID=\"a\x1db\" UID=\"c\"": {`comm="a" res=1`, "AUID=\"a\x1db\" UID=\"c\""},
	} {
		if raw, enriched, _ := split(in); raw != want[0] || enriched != want[1] {
			t.Errorf("%q\n got %q, %q\nwant %q", in, raw, enriched, want)
		}
	}
}

// lossless fails unless nothing but spaces stands outside the tokens of s.
func lossless(t *testing.T, s string) {
	t.Helper()
	at := 0
	for w := NewWalk(s); ; {
		tok, ok := w.Next()
		if !ok {
			break
		}
		if tok.Pos < at || tok.End <= tok.Pos || strings.Trim(s[at:tok.Pos], " ") != "" || !strings.Contains(s[tok.Pos:tok.End], tok.Val) {
			t.Fatalf("bytes are lost before or in %+v of %q", tok, s)
		}
		at = tok.End
	}
	if strings.Trim(s[at:], " ") != "" {
		t.Fatalf("bytes are lost after %d of %q", at, s)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(syscallLine)
	f.Add(`type=USER_CMD msg=audit(1.002:3): pid=1 msg='cwd="/" cmd=6C73 res=success'UID="root"`)
	f.Add(`audit: type=1400 audit(1.002:3): avc:  denied  { read } for  pid=7`)
	f.Fuzz(func(t *testing.T, line string) {
		r, err := Parse(line)
		if err != nil {
			if !errors.Is(err, ErrNoRecord) {
				t.Fatalf("error of another kind: %v", err)
			}
			return
		}
		if !strings.HasSuffix(line, r.Enriched) && !strings.HasSuffix(line, r.Enriched+"\r") || !strings.Contains(line, r.Body) {
			t.Fatalf("not views of the line: %+v", r)
		}
		lossless(t, r.Body)
		lossless(t, r.Enriched)
	})
}

// TestCorpusIsReadWhole reads every raw audit log of the shared corpus.
func TestCorpusIsReadWhole(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("..", "..", "..", "shared", "corpus", "audit", "*", "*.log"))
	if err != nil || len(files) == 0 {
		t.Skip("SKIPPED, NO corpus file was read: ../shared is not beside this clone")
	}
	records, other := 0, 0
	for _, name := range files {
		in, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		for sc := bufio.NewScanner(in); sc.Scan(); {
			r, err := Parse(sc.Text())
			if err != nil {
				// Without a stamp a line is no record; behind a syslog head it is the syslog decoder's first.
				if strings.Contains(sc.Text(), "audit(") && !strings.Contains(sc.Text(), " kernel: ") {
					t.Errorf("%s: refused: %.120q", filepath.Base(name), sc.Text())
				}
				other++
				continue
			}
			records++
			lossless(t, r.Body)
			lossless(t, r.Enriched)
		}
		if err := in.Close(); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d records read, %d lines are of other kinds", records, other)
	if records < 800 {
		t.Errorf("only %d records were read", records)
	}
}

func BenchmarkParseAndWalk(b *testing.B) {
	b.SetBytes(int64(len(syscallLine) + 1))
	b.ReportAllocs()
	for b.Loop() {
		r, err := Parse(syscallLine)
		if err != nil {
			b.Fatal(err)
		}
		w := NewWalk(r.Body)
		n := 0
		for _, ok := w.Next(); ok; _, ok = w.Next() {
			n++
		}
		if n != 7 {
			b.Fatalf("%d fields", n)
		}
	}
}

// A record that is read beside the memo of the one before is read as by itself.
func TestStampMemoChangesNothing(t *testing.T) {
	var memo stampMemo
	for _, line := range []string{
		"type=CWD msg=audit(1700000000.123:12): cwd=\"/\"",
		"type=PATH msg=audit(1700000000.123:12): item=0",
		"type=PATH msg=audit(1700000000.123:123): item=0",
		"type=PATH msg=audit(1700000000.123:12 item=0",
		"node=a type=PATH msg=audit(1700000000.123:123): item=0",
		"type=PATH msg=audit(1700000000.124:123): item=0",
		"type=PATH msg=audit(11700000000.123:123): item=0",
		"no record",
		"type=EOE msg=audit(1700000000.124:123): ",
		"audit: type=1300 audit(1700000000.124:123): arch=c000003e",
		"Nov 25 10:00:00 host kernel: audit: type=1300 audit(1700000000.124:123): arch=c000003e",
	} {
		want, err := parse(line)
		var got Record
		ok := got.parse(line, &memo)
		if ok {
			got.partBody()
		}
		if ok != (err == nil) || got != want {
			t.Errorf("%s: %+v, want %+v", line, got, want)
		}
	}
}

// A line that begins as the one before is read as by itself, and no other is taken for one.
func TestTheSameStampAgain(t *testing.T) {
	const stamp = " msg=audit(1700000000.123:12): "
	lines := []string{
		"type=CWD" + stamp + `cwd="/"`,
		"type=EOE" + stamp,
		"type=PROCTITLE" + stamp + "proctitle=61",
		"type=SOCKADDR" + stamp + "saddr=0100\r",
		"type=UNKNOWN[1423]" + stamp + "a=1",
		"type=FOURTEEN_BYTES" + stamp + "a=1",
		"type=SIXTEEN_BYTES_OF" + stamp + "a=1",
		"type=" + stamp + "a=1",
		"type=CWD " + stamp + "a=1",
		"type=CWD msg=audit(1700000000.123:12):a=1",
		"type=CWD msg=audit(1700000000.123:12) a=1",
		"type=CWD msg=audit(1700000000.123:123): a=1",
		"node=a type=CWD" + stamp + "a=1",
		"audit: type=CWD" + stamp + "a=1",
		"host audit: type=CWD" + stamp + "a=1",
		"type=1300 audit(1700000000.123:12): a=1",
		"type=CWD", "type=", "",
	}
	again := 0
	for _, before := range lines {
		for _, line := range lines {
			var memo stampMemo
			var first Record
			first.parse(before, &memo)
			typ, body := memo.same(line)
			if typ == "" {
				continue
			}
			again++
			want, err := parse(line)
			got := Record{Type: typ, Sec: memo.sec, Milli: memo.milli, Serial: memo.serial, Body: body}
			if got.partBody(); err != nil || got != want {
				t.Errorf("%q behind %q: %+v, want %+v", line, before, got, want)
			}
		}
	}
	// Behind 8 lines with this stamp, one of them behind a head, 6 are; two more are so behind themselves.
	if again != 8*6+2 {
		t.Errorf("%d pairs were read so", again)
	}
}
