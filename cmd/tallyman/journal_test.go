package main

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tallyman/pipeline/journal"
)

const lookConfig = `journal: {dir: journal, segment_size: 64KiB, max_size: 8MiB, commit_interval: 0s, commit_bytes: 1KiB, min_free: 0B}
admin: {listen: off}
log: {level: error}
host: {name: h, id: h1}
inputs:
  audit: {type: auditd, path: audit.log}
transforms:
  - {type: audit}
outputs:
  json: {type: file, path: json.json, format: json}
  late: {type: file, path: late.json, format: json, when: 'event.outcome == "failure"'}
`

// acting is a record whose fields would act on a terminal.
const acting = `type=USER_CMD msg=audit(1795231999.001:99001): pid=7 uid=0 auid=1000 ses=1 subj=unconfined msg='cwd="/" ` +
	`cmd=1B5D303B70776E6564071B5B33316D9B324A0A7F20C285 terminal=pts/0 res=failed'` + "\n"

// journalled returns a folder with a configuration and a journal. Its frames are
// those of a run over some lines of the captured log; output json has all of
// them, as json.json says, and output late has none.
func journalled(t *testing.T) (dir, path string) {
	t.Helper()
	dir = t.TempDir()
	without, _, _ := strings.Cut(lookConfig, "  late:")
	path = conf(t, dir, strings.Replace(without, "dir: journal", "dir: first", 1))
	write(t, filepath.Join(dir, "audit.log"), strings.Join(demoLines(t)[:3000], "\n")+"\n"+acting)
	if code, text := said(t, "", "run", "--once", "--config", path); code != exitOK {
		t.Fatalf("exit %d: %s", code, text)
	}
	again(t, filepath.Join(dir, "first"), filepath.Join(dir, "journal"))
	return dir, conf(t, dir, lookConfig)
}

// again writes the frames of a journal into another one, which output json then
// reads.
func again(t *testing.T, from, to string) {
	t.Helper()
	v, err := journal.Look(journal.Options{Dir: from})
	if err != nil {
		t.Fatal(err)
	}
	j, err := journal.Open(journal.Options{Dir: to, SegmentSize: 64 << 10, Owner: "a test"})
	if err != nil {
		t.Fatal(err)
	}
	got, err := j.Cursor("json")
	if err == nil {
		_, err = j.Cursor("late")
	}
	if err != nil {
		t.Fatal(err)
	}
	err = v.Walk(t.Context(), 0, func(f *journal.Seen) error {
		_, err := j.Append(t.Context(), journal.Frame{Payload: f.Payload, Records: f.Records, Generated: f.Generated})
		return errors.Join(err, j.Sync(t.Context()))
	}, func(d journal.Damage) { t.Error(d) })
	if err != nil {
		t.Fatal(err)
	}
	for {
		e, ok, err := got.TryNext()
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			break
		}
		if err := got.Done(e.Seq, journal.Tally{Records: journal.Counts{Delivered: uint64(e.Records)}, Generated: journal.Counts{Delivered: uint64(e.Generated)}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
}

// spoke runs a verb in this process and returns what it wrote where.
func spoke(args ...string) (code int, out, talk string) {
	var o, e bytes.Buffer
	code = run(args, strings.NewReader(""), &o, &e)
	return code, o.String(), e.String()
}

// expect runs a verb and checks its exit code.
func expect(t *testing.T, code int, args ...string) (out, talk string) {
	t.Helper()
	got, out, talk := spoke(args...)
	if got != code {
		t.Fatalf("%v: exit %d, want %d: %s%s", args, got, code, out, talk)
	}
	return out, talk
}

func segmentsOf(t *testing.T, dir string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "journal", "*.seg"))
	if err != nil || len(names) < 3 {
		t.Fatalf("segments %v, %v", names, err)
	}
	return names
}

// spoil changes bytes of a file.
func spoil(t *testing.T, name string, change func(b []byte)) {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	change(b)
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// state is what a folder holds: names, sizes, modes, times and bytes.
func state(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		sum := uint32(0)
		if info.Mode().IsRegular() {
			text, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			sum = crc32.ChecksumIEEE(text)
		}
		fmt.Fprintln(&b, p, info.Size(), info.Mode(), info.ModTime().UnixNano(), sum)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}
