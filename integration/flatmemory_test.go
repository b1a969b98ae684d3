//go:build integration

package integration

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
)

const (
	// flatGrowth is how much the memory of the program may grow while what is sent
	// passes, in MiB: two of its bodies and their records, the two windows of zstd,
	// frames of the journal, and as much again for what is not collected yet.
	flatGrowth = 64
	// flatBody is the size of a body, unpacked: what senders are told to keep to. A
	// body is held whole until it is accepted, so that memory goes with its size: of
	// 4 MiB each it grew by some 70 MiB.
	flatBody = 1 << 20
)

// flatMiB is how much passes: a GiB, or what FLAT_MIB says.
func flatMiB(t *testing.T) int {
	if n, err := strconv.Atoi(os.Getenv("FLAT_MIB")); err == nil && n > 0 {
		t.Logf("FLAT_MIB asks for %d MiB, not for a GiB", n)
		return n
	}
	return 1024
}

const flatConf = `
journal: {dir: journal, max_size: 64MiB, segment_size: 4MiB}
admin: {listen: off}
grace: 4s
inputs:
  in: %s
outputs:
  file: {type: file, path: out.json, format: json, when: 'message == "the last"'}
`

// flatLine is one record of 256 bytes.
func flatLine(n int) string {
	head := fmt.Sprintf(`{"time":"2026-11-25T10:00:00Z","level":"info","n":%d,"msg":"order taken","pad":"`, n)
	return head + strings.Repeat("x", 253-len(head)) + "\"}\n"
}

const flatLast = `{"time":"2026-11-25T10:00:00Z","level":"info","msg":"the last"}` + "\n"

// TestFlatMemoryOfFile reads a file of a MiB and one of a GiB: the larger takes no
// more memory, but for a bar.
func TestFlatMemoryOfFile(t *testing.T) {
	small, large := flatFile(t, 1), flatFile(t, flatMiB(t))
	t.Logf("at most %d MiB for a MiB, %d MiB for the large file", small>>10, large>>10)
	if large-small > flatGrowth<<10 {
		t.Errorf("the memory grew by %d KiB", large-small)
	}
}

// flatFile returns the most memory of a run over a file of so many MiB, in KiB.
func flatFile(t *testing.T, mib int) int64 {
	t.Helper()
	dir := t.TempDir()
	f, err := os.Create(filepath.Join(dir, "app.log"))
	if err != nil {
		t.Fatal(err)
	}
	w := bufio.NewWriterSize(f, 1<<20)
	for n := range mib << 12 {
		_, _ = w.WriteString(flatLine(n)) // Flush says it
	}
	_, _ = w.WriteString(flatLast)
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	conf := write(t, filepath.Join(dir, "tallyman.yaml"), fmt.Sprintf(flatConf, "{type: file, path: [app.log], decode: json}"))
	cmd := exec.Command(program(t), "run", "--once", "--config", conf)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, tail(out))
	}
	flatArrived(t, dir)
	return cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss
}

func flatArrived(t *testing.T, dir string) {
	t.Helper()
	eventually(t, "the last record", 60*time.Second, func() bool { return size(filepath.Join(dir, "out.json")) > 0 })
	if n := len(eventsIn(t, filepath.Join(dir, "out.json"))); n != 1 {
		t.Errorf("%d events came, want the last alone", n)
	}
}

// TestFlatMemoryOfBodies posts a GiB of NDJSON to http and to hec, plain and
// packed. A single body of a GiB is refused: an answer says that all of a body is
// on stable storage, so it is held whole until then, and max_body bounds it.
func TestFlatMemoryOfBodies(t *testing.T) {
	for _, in := range []struct{ name, settings, path string }{
		{"http", `{type: http, listen: "127.0.0.1:%d", decode: json}`, "/"},
		{"hec", `{type: hec, listen: "127.0.0.1:%d", decode: json, token: {file: token}}`, "/services/collector/raw"},
	} {
		for _, encoding := range []string{"", "gzip", "zstd"} {
			t.Run(in.name+"/"+encoding, func(t *testing.T) { flatBodies(t, in.settings, in.path, encoding) })
		}
	}
}

func flatBodies(t *testing.T, settings, path, encoding string) {
	dir := t.TempDir()
	port := freePort(t)
	write(t, filepath.Join(dir, "token"), "s3cret\n")
	cmd := launch(t, write(t, filepath.Join(dir, "tallyman.yaml"), fmt.Sprintf(flatConf, fmt.Sprintf(settings, port))))
	url := fmt.Sprintf("http://127.0.0.1:%d%s", port, path)
	post := func(body []byte, encoding string) int {
		r, err := http.NewRequest(http.MethodPost, url, bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Splunk s3cret")
		if encoding != "" {
			r.Header.Set("Content-Encoding", encoding)
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			return 0
		}
		_ = answer.Body.Close()
		return answer.StatusCode
	}
	eventually(t, "a first answer", 30*time.Second, func() bool { return post([]byte(flatLine(0)), "") == http.StatusOK })
	before := peak(t, cmd.Process.Pid)
	for i := range flatMiB(t) << 20 / flatBody {
		body := flatPacked(t, i, encoding)
		eventually(t, "that a body is taken", 60*time.Second, func() bool { return post(body, encoding) == http.StatusOK })
	}
	if post([]byte(flatLast), "") != http.StatusOK {
		t.Error("the last record was not taken")
	}
	flatArrived(t, dir)
	after := peak(t, cmd.Process.Pid)
	t.Logf("at most %d MiB before, %d MiB after", before>>10, after>>10)
	if after-before > flatGrowth<<10 {
		t.Errorf("the memory grew by %d KiB", after-before)
	}
}

// flatPacked is the ith body.
func flatPacked(t *testing.T, i int, encoding string) []byte {
	t.Helper()
	var b bytes.Buffer
	for n := range flatBody / 256 {
		b.WriteString(flatLine(i*(flatBody/256) + n))
	}
	var packed bytes.Buffer
	var err error
	switch encoding {
	case "gzip":
		w := gzip.NewWriter(&packed)
		_, _ = w.Write(b.Bytes()) // Close says it
		err = w.Close()
	case "zstd":
		var w *zstd.Encoder
		if w, err = zstd.NewWriter(&packed); err == nil {
			_, _ = w.Write(b.Bytes()) // Close says it
			err = w.Close()
		}
	default:
		return b.Bytes()
	}
	if err != nil {
		t.Fatal(err)
	}
	return packed.Bytes()
}

// peak is the most memory that a process ever had, in KiB.
func peak(t *testing.T, pid int) int64 {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if v, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			n, err := strconv.ParseInt(strings.Fields(v)[0], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatal("no VmHWM")
	return 0
}
