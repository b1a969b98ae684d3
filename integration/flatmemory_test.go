//go:build integration

package integration

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
)

const (
	// flatGrowth is how much the memory of the program may grow while what is sent
	// passes, in MiB: some windows of a body and their records, the window of zstd,
	// frames of the journal, and as much again for what is not collected yet.
	flatGrowth = 64
	// flatFileMiB and flatBodyMiB are how much passes where FLAT_MIB says nothing: six
	// bodies take their time.
	flatFileMiB = 1024
	flatBodyMiB = 256
)

// flatMiB is how much passes: so much, or what FLAT_MIB says.
func flatMiB(t *testing.T, usual int) int {
	if n, err := strconv.Atoi(os.Getenv("FLAT_MIB")); err == nil && n > 0 {
		t.Logf("FLAT_MIB asks for %d MiB, not for %d", n, usual)
		return n
	}
	return usual
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
	small, large := flatFile(t, 1), flatFile(t, flatMiB(t, flatFileMiB))
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
	cmd := launch(t, conf) // its own figure, while it lives: that of wait4 begins with what this test takes
	flatArrived(t, dir)
	return peak(t, cmd.Process.Pid)
}

func flatArrived(t *testing.T, dir string) {
	t.Helper()
	eventually(t, "the last record", 4*time.Minute, func() bool { return size(filepath.Join(dir, "out.json")) > 0 })
	if n := len(eventsIn(t, filepath.Join(dir, "out.json"))); n != 1 {
		t.Errorf("%d events came, want the last alone", n)
	}
}

// TestFlatMemoryOfBodies posts one long body to http and to hec, plain and packed:
// its records are taken while it comes.
func TestFlatMemoryOfBodies(t *testing.T) {
	for _, in := range []struct{ name, settings, path string }{
		{"http", `{type: http, listen: "127.0.0.1:%d", decode: json}`, "/"},
		{"hec_event", `{type: hec, listen: "127.0.0.1:%d", decode: json, token: {file: token}}`, "/services/collector/event"},
		{"hec_raw", `{type: hec, listen: "127.0.0.1:%d", decode: json, token: {file: token}}`, "/services/collector/raw"},
	} {
		for _, encoding := range []string{"", "gzip", "zstd"} {
			t.Run(in.name+"/"+encoding, func(t *testing.T) { flatBodies(t, in.settings, in.path, encoding, in.name == "hec_event") })
		}
	}
}

func flatBodies(t *testing.T, settings, path, encoding string, events bool) {
	dir := t.TempDir()
	port := freePort(t)
	write(t, filepath.Join(dir, "token"), "s3cret\n")
	cmd := launch(t, write(t, filepath.Join(dir, "tallyman.yaml"), fmt.Sprintf(flatConf, fmt.Sprintf(settings, port))))
	url := fmt.Sprintf("http://127.0.0.1:%d%s", port, path)
	post := func(body io.Reader, encoding string) (int, string) {
		r, err := http.NewRequest(http.MethodPost, url, body)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Splunk s3cret")
		if encoding != "" {
			r.Header.Set("Content-Encoding", encoding)
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			return 0, err.Error()
		}
		defer func() { _ = answer.Body.Close() }()
		text, _ := io.ReadAll(answer.Body)
		return answer.StatusCode, string(text)
	}
	record := func(line string) string {
		if events {
			return `{"event":` + strings.TrimSuffix(line, "\n") + "}\n"
		}
		return line
	}
	eventually(t, "a first answer", 30*time.Second, func() bool {
		status, _ := post(strings.NewReader(record(flatLine(0))), "")
		return status == http.StatusOK
	})
	before, begun, mib := peak(t, cmd.Process.Pid), time.Now(), flatMiB(t, flatBodyMiB)
	if status, text := post(flatBody(t, mib<<12, encoding, record), encoding); status != http.StatusOK {
		t.Fatalf("the body was answered with %d %s", status, text)
	}
	took := time.Since(begun)
	if status, text := post(strings.NewReader(record(flatLast)), ""); status != http.StatusOK {
		t.Errorf("the last record was answered with %d %s", status, text)
	}
	flatArrived(t, dir)
	after := peak(t, cmd.Process.Pid)
	t.Logf("at most %d MiB before, %d MiB after %d MiB in %v", before>>10, after>>10, mib, took.Round(time.Second))
	if after-before > flatGrowth<<10 {
		t.Errorf("the memory grew by %d KiB", after-before)
	}
}

// flatBody is a body of n records, packed while it is read.
func flatBody(t *testing.T, n int, encoding string, record func(string) string) io.Reader {
	t.Helper()
	out, in := io.Pipe()
	var w io.WriteCloser = in
	switch encoding {
	case "gzip":
		w = gzip.NewWriter(in)
	case "zstd":
		z, err := zstd.NewWriter(in, zstd.WithEncoderConcurrency(1))
		if err != nil {
			t.Fatal(err)
		}
		w = z
	}
	go func() {
		b := bufio.NewWriterSize(w, 1<<16)
		for i := range n {
			if _, err := b.WriteString(record(flatLine(i))); err != nil {
				break // it is read no more; Flush says the same
			}
		}
		err := b.Flush()
		if encoding != "" && err == nil {
			err = w.Close()
		}
		_ = in.CloseWithError(err) // it never fails
	}()
	return out
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
