package container

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// capturedEvent is one audit event of a capture with its key, time:serial.
type capturedEvent struct {
	key string
	ev  event.Event
}

// callNames are the calls of the captures by their x86-64 number.
var callNames = map[string]string{"2": "open", "42": "connect", "44": "sendto", "59": "execve", "87": "unlink", "112": "setsid",
	"231": "exit_group", "257": "openat", "263": "unlinkat", "322": "execveat"}

var callActions = map[string]string{"execve": "executed", "execveat": "executed", "exit_group": "end", "open": "opened-file",
	"openat": "opened-file", "unlink": "deleted", "unlinkat": "deleted", "connect": "connected-to", "sendto": "sent-to"}

// readAny returns what a file holds, without gzip.
func readAny(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.HasPrefix(b, []byte{0x1f, 0x8b}) {
		z, err := gzip.NewReader(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		if b, err = io.ReadAll(z); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

// decodeCapture reads the logs of a folder, oldest first, into decoded events.
// It is a decoder for tests: it knows the record types that matter here and
// joins all records of one stamp.
func decodeCapture(t testing.TB, dir string) []capturedEvent {
	t.Helper()
	return decodeSome(t, dir, func(string) bool { return true }, false)
}

// ownRules are the keys of the rules that only a user of this program has; the
// other events are what one has without.
var ownRules = []string{`key="wb-rt"`, `key="wb-rt-init"`, `key="wb-exit"`}

// decodeSome is decodeCapture of the records that are kept, and without the
// events of rules that only a user of this program has.
func decodeSome(t testing.TB, dir string, keep func(record string) bool, own bool) []capturedEvent {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "audit.log*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no audit.log in %s: %v", dir, err)
	}
	slices.Sort(files)
	slices.Reverse(files) // audit.log.gz sorts behind audit.log.5.gz
	if len(files) > 1 {
		files = append(files[1:], files[0])
	}
	var out []capturedEvent
	at, skipped := map[string]int{}, map[string]bool{}
	for _, f := range files {
		for sc := bufio.NewScanner(bytes.NewReader(readAny(t, f))); sc.Scan(); {
			typ, rest, _ := strings.Cut(strings.TrimPrefix(sc.Text(), "type="), " msg=audit(")
			key, body, ok := strings.Cut(rest, "): ")
			if !ok {
				t.Fatalf("%s: no record: %q", f, sc.Text())
			}
			body, _, _ = strings.Cut(body, "\x1d")
			if own && typ == "SYSCALL" && slices.ContainsFunc(ownRules, func(k string) bool { return strings.HasSuffix(body, k) }) {
				skipped[key] = true
			}
			if skipped[key] || !keep(body) {
				continue
			}
			i, seen := at[key]
			if !seen {
				i = len(out)
				at[key] = i
				stamp, _, _ := strings.Cut(key, ":")
				ms, err := strconv.ParseInt(strings.Replace(stamp, ".", "", 1), 10, 64)
				if err != nil {
					t.Fatal(err)
				}
				out = append(out, capturedEvent{key: key, ev: event.Event{Time: time.UnixMilli(ms).UTC(), Dataset: dataset, Records: 1, Fields: make(event.Fields, 0, 256)}})
			}
			decodeRecord(t, &out[i].ev.Fields, typ, body)
		}
	}
	return out
}

func decodeRecord(t testing.TB, f *event.Fields, typ, body string) {
	switch typ {
	case "SYSCALL":
		call := callNames[bare(body, "syscall")]
		action := callActions[call]
		if action == "" {
			action = call
		}
		f.AddString(schema.EventAction, action)
		f.AddString(schema.EventCode, "SYSCALL")
		f.AddString(schema.UserID, bare(body, "uid"))
		f.AddString(schema.UserEffectiveID, bare(body, "euid"))
		f.AddNamed(schema.AuditdData, "syscall", event.String(call))
		outcome := "success"
		if bare(body, "success") == "no" {
			outcome = "failure"
		}
		f.AddString(schema.EventOutcome, outcome)
		for name, key := range map[string]schema.Key{"pid": schema.ProcessPID, "ppid": schema.ProcessParentPID} {
			n, err := strconv.ParseInt(bare(body, name), 10, 64)
			if err != nil {
				t.Fatalf("%s: %v", body, err)
			}
			f.Add(key, event.Int(n))
		}
		f.AddString(schema.ProcessName, text(body, "comm"))
		f.AddString(schema.ProcessExecutable, text(body, "exe"))
	case "PROCTITLE":
		if f.Get(schema.ProcessArgs).IsZero() && f.Get(schema.EventAction).Str() == "executed" {
			for arg := range strings.SplitSeq(text(body, "proctitle"), "\x00") {
				f.Add(schema.ProcessArgs, event.String(arg))
			}
		}
	case "EXECVE":
		n, err := strconv.Atoi(bare(body, "argc"))
		if err != nil {
			return // a further part of a long one
		}
		for i := range n {
			if !strings.Contains(body, fmt.Sprintf(" a%d=", i)) {
				break
			}
			f.Add(schema.ProcessArgs, event.String(text(body, "a"+strconv.Itoa(i))))
		}
	}
}

// bare returns the value of a field up to the next space.
func bare(body, name string) string {
	_, v, _ := strings.Cut(" "+body, " "+name+"=")
	v, _, _ = strings.Cut(v, " ")
	return v
}

// text returns a value that the kernel writes in quotes, or in hex.
func text(body, name string) string {
	v := bare(body, name)
	if strings.HasPrefix(v, `"`) {
		_, v, _ = strings.Cut(" "+body, " "+name+`="`)
		v, _, _ = strings.Cut(v, `"`)
		return v
	}
	if b, err := hex.DecodeString(v); err == nil {
		return string(b)
	}
	return v
}
