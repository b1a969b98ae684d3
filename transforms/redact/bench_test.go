package redact

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// clean is an execution as the audit and container transforms make it, without a
// secret: 60 fields.
func clean() event.Event {
	e := exec("/usr/bin/python3", "-m", "gunicorn", "--workers", "4", "--bind", "0.0.0.0:8080", "shop.api:app")
	f := &e.Fields
	f.AddString(schema.EventKind, "event")
	f.AddString(schema.EventModule, "auditd")
	f.AddString(schema.EventAction, "executed")
	f.AddString(schema.EventCategory, "process")
	f.AddString(schema.EventType, "start")
	f.AddString(schema.EventOutcome, "success")
	f.AddString(schema.EventCode, "SYSCALL")
	f.AddString(schema.AuditdMessageType, "syscall")
	f.AddString(schema.AuditdResult, "success")
	f.Add(schema.ProcessPID, event.Int(4242))
	f.AddString(schema.ProcessName, "python3")
	f.AddString(schema.ProcessExecutable, "/usr/bin/python3.11")
	f.AddString(schema.ProcessWorkingDirectory, "/app/shop")
	f.AddString(schema.ProcessCommandLine, "/usr/bin/python3 -m gunicorn --workers 4 --bind 0.0.0.0:8080 shop.api:app")
	f.AddString(schema.ProcessParentName, "containerd-shim")
	f.AddString(schema.UserID, "1000")
	f.AddString(schema.UserName, "ana")
	f.AddString(schema.FilePath, "/usr/bin/python3.11")
	f.AddString(schema.FileName, "python3.11")
	f.AddString(schema.FileDirectory, "/usr/bin")
	for _, d := range []string{"syscall execve", "arch x86_64", "exit 0", "a0 55d0c8a3f2b0", "a1 55d0c8a3f2d0", "a2 55d0c8a41b10", "a3 8"} {
		name, v, _ := strings.Cut(d, " ")
		f.AddNamed(schema.AuditdData, name, event.String(v))
	}
	for i, path := range []string{"/usr/bin/python3.11", "/lib64/ld-linux-x86-64.so.2"} {
		for _, m := range []string{"name " + path, "inode 131213", "mode 0100755", "nametype NORMAL", "ouid 0", "dev 08:01"} {
			name, v, _ := strings.Cut(m, " ")
			f.AddNamed(schema.AuditdPaths, fmt.Sprintf("%d.%s", i, name), event.String(v))
		}
	}
	f.AddString(schema.Message, "ana ran /usr/bin/python3 -m gunicorn --workers 4 --bind 0.0.0.0:8080 shop.api:app")
	f.AddString(schema.ContainerID, "9ceff3d23f248274d76f1d1d0712c4ec08a35602b017903879d583c484eff724")
	f.AddString(schema.ContainerName, "shop-api-1")
	f.AddNamed(schema.ContainerLabels, "com.docker.compose.service", event.String("api"))
	return e
}

func run(b *testing.B, e event.Event) {
	stage := build(b, nil).Lane("a")
	in, out := &event.Batch{}, &event.Batch{}
	for range 16 {
		x := e
		x.Fields = append(event.Fields(nil), e.Fields...)
		in.Add(x)
	}
	b.ReportAllocs()
	for b.Loop() {
		out.Reset()
		if err := stage.Apply(context.Background(), in, out); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/16, "ns/event")
}

func BenchmarkClean(b *testing.B) { run(b, clean()) }

// BenchmarkReadWordByWord is a program that takes secrets, and got none.
func BenchmarkReadWordByWord(b *testing.B) {
	e := exec("docker", "run", "--rm", "-p", "80:80", "nginx")
	e.Fields.AddString(schema.ProcessCommandLine, "docker run --rm -p 80:80 nginx")
	e.Fields.AddString(schema.Message, "ana ran docker run --rm -p 80:80 nginx")
	run(b, e)
}

func BenchmarkSecret(b *testing.B) {
	b.Setenv("REDACT_TEST_KEY", "k")
	stage := build(b, nil).Lane("a")
	in, out := &event.Batch{}, &event.Batch{}
	b.ReportAllocs()
	for b.Loop() {
		in.Reset()
		out.Reset()
		e := exec("mysql", "-psecret")
		e.Fields.AddString(schema.ProcessCommandLine, "mysql -psecret")
		in.Add(e)
		if err := stage.Apply(context.Background(), in, out); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkConceal is 50 records that wait, given again.
func BenchmarkConceal(b *testing.B) {
	tr := build(b, nil)
	var held []event.Event
	for i := range 10 {
		stamp := fmt.Sprintf("msg=audit(1.000:%d): ", i)
		for _, l := range []string{"type=SYSCALL " + stamp + `arch=c000003e syscall=59 success=yes exit=0 a0=55d0c8a3f2b0 a1=55d0c8a3f2d0 ppid=1 pid=2 comm="x" exe="/usr/bin/x" key="k"`,
			"type=EXECVE " + stamp + `argc=3 a0="mysql" a1="-psecret" a2="db"`, "type=CWD " + stamp + `cwd="/app"`,
			"type=PATH " + stamp + `item=0 name="/usr/bin/x" inode=1 mode=0100755`, "type=PATH " + stamp + `item=1 name="/lib64/ld.so" inode=1 mode=0100755`} {
			held = append(held, event.Event{Decode: "audit", Raw: l})
		}
	}
	given := make([]event.Event, len(held))
	b.ReportAllocs()
	for b.Loop() {
		copy(given, held)
		tr.Conceal(given)
	}
}
