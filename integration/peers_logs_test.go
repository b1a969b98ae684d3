//go:build peers

package integration

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// What the measurements of syslog and of containers' logs have in common.
// `make bench-logs` runs both.

// before is another build of tallyman, "" for none. Where BEFORE names one, the two
// are measured beside each other and nothing else is.
func before() string { return os.Getenv("BEFORE") }

// yardstick builds one of the measuring programs.
func yardstick(t *testing.T, dir, name string) string {
	t.Helper()
	if _, err := os.Stat(yardsticks); err != nil {
		t.Skipf("NOT RUN: the yardsticks are not at %s (set YARDSTICKS): %v", yardsticks, err)
	}
	out := filepath.Join(dir, name)
	cmd := exec.Command("go", "build", "-o", out, "./"+name)
	cmd.Dir = yardsticks
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s does not build: %v\n%s", name, err, text)
	}
	return out
}

// generated is a log of PEERS_MIB that the generator wrote, and how many lines it has.
func generated(t *testing.T, gen, path string, args ...string) (log []byte, lines int) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	cmd := exec.Command(gen, append(args, "-size", env("PEERS_MIB", "48")+"M")...)
	var said strings.Builder
	cmd.Stdout, cmd.Stderr = f, &said
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v: %s", err, &said)
	}
	if log, err = os.ReadFile(path); err != nil {
		t.Fatal(err)
	}
	return log, bytes.Count(log, []byte("\n"))
}

// containerID is the container whose log is measured.
var containerID = strings.Repeat("5e", 32)

// dockerLog is a log of Docker's json-file driver, where Docker would have it.
func dockerLog(t *testing.T, dir, gen string) (path string, log []byte, lines int) {
	t.Helper()
	path = filepath.Join(dir, containerID, containerID+"-json.log")
	if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	log, lines = generated(t, gen, path, "-kind", "docker")
	return path, log, lines
}

// shipper is a program that delivers a log and ends.
type shipper struct {
	name string
	run  func(dir string) []string    // in a folder of its own
	same func(got, line []byte) error // what is asserted of each line in the first round
}

func namesOf(list []shipper) (names []string) {
	for _, c := range list {
		names = append(names, c.name)
	}
	return names
}

// readOnce runs a build of tallyman with a configuration to the end of what it reads.
func readOnce(t *testing.T, program, conf string) func(dir string) []string {
	t.Helper()
	return func(dir string) []string {
		return []string{program, "run", "--once", "--config", write(t, filepath.Join(dir, "conf.yaml"), conf)}
	}
}

func rounds(t *testing.T) int {
	t.Helper()
	n, err := strconv.Atoi(env("PEERS_ROUNDS", "9"))
	if err != nil || n < 1 {
		t.Fatalf("PEERS_ROUNDS is %q, and must be a number above 0", os.Getenv("PEERS_ROUNDS"))
	}
	return n
}

// onOneCore runs a program on the second processor, as if it had no other.
//
// What ran before has its files written first: a sync of a file waits for, and works on, what
// others left to be written on the same disk, so that whoever comes next would pay for it.
func onOneCore(args ...string) *exec.Cmd {
	unix.Sync()
	touchFree()
	cmd := exec.Command("taskset", append([]string{"-c", "1"}, args...)...)
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
	return cmd
}

// touchFree takes half a GiB of memory and gives it back. The host of a virtual machine takes
// free pages away from it after some seconds (free page reporting), and whoever is given one then
// pays for its return: up to a third of a program that began when the one before it had run for long.
func touchFree() {
	if b, err := unix.Mmap(-1, 0, 512<<20, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_POPULATE); err == nil {
		_ = unix.Munmap(b)
	}
}

// counter counts the lines of a file that grows.
type counter struct {
	path  string
	at    int64
	lines int
	buf   []byte
}

// count reads what is new and returns the sum so far.
func (c *counter) count() int {
	f, err := os.Open(c.path)
	if err != nil {
		return c.lines // it is not there yet
	}
	defer func() { _ = f.Close() }()
	if c.buf == nil {
		c.buf = make([]byte, 1<<20)
	}
	for {
		n, _ := f.ReadAt(c.buf, c.at) // the end of the file is where it stands now
		if n == 0 {
			return c.lines
		}
		c.at += int64(n)
		c.lines += bytes.Count(c.buf[:n], []byte("\n"))
	}
}

// processorTime is what a process has taken of the processor so far, to 10 ms.
func processorTime(t *testing.T, pid int) time.Duration {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	var ticks int
	for _, f := range fields[11:13] { // utime, stime
		n, err := strconv.Atoi(f)
		if err != nil {
			t.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}

// inOrder reads a file line by line beside the lines of a log and calls same with
// both; what is missing or too many fails.
func inOrder(t *testing.T, path string, log []byte, same func(got, line []byte) error) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	s := bufio.NewScanner(f)
	s.Buffer(nil, 4<<20)
	n := 0
	for line := range bytes.Lines(log) {
		if n++; !s.Scan() {
			t.Fatalf("%s ends before line %d (%v)", path, n, s.Err())
		}
		if err := same(s.Bytes(), bytes.TrimSuffix(line, []byte("\n"))); err != nil {
			t.Fatalf("line %d: %v\n%s\ncame as\n%s", n, err, line, s.Bytes())
		}
	}
	if s.Scan() {
		t.Fatalf("%s has more lines than were written: %s", path, s.Bytes())
	}
}

// used are the processor seconds of each round, by name, and what was written.
type used struct {
	seconds map[string][]float64
	bytes   map[string]int64 // of the file that was written
	memory  map[string]int   // MiB at most
}

func newUsed() *used {
	return &used{map[string][]float64{}, map[string]int64{}, map[string]int{}}
}

// beside prints the ratio of a peer to each of ours within a round, above 1 where ours
// takes less.
func (u *used) beside(peer string, ours ...string) {
	fmt.Printf("\n| Ratio within a round: %s / | median | range |\n| --- | --- | --- |\n", peer)
	for _, n := range ours {
		var list []float64
		for i, s := range u.seconds[n] {
			list = append(list, u.seconds[peer][i]/s)
		}
		fmt.Printf("| %s | %.2f | %.2f to %.2f |\n", n, median(list), slices.Min(list), slices.Max(list))
	}
}

// print prints the medians, and the ratio to each contender within a round of the
// first one, which is ours.
func (u *used) print(title string, size, lines int, names []string) {
	mb := float64(size) / 1e6
	fmt.Printf("\n%s, %.0f MB, %d lines, load average %s:\n\n", title, mb, lines, loadAverage())
	fmt.Println("| | CPU s, median | range | µs a line | MB a CPU second | MB written or sent | RSS at most, MiB |\n| --- | --- | --- | --- | --- | --- | --- |")
	memory := func(n string) string {
		if u.memory[n] == 0 {
			return ""
		}
		return strconv.Itoa(u.memory[n])
	}
	for _, n := range names {
		list := u.seconds[n]
		if len(list) == 0 {
			continue
		}
		m := median(list)
		fmt.Printf("| %s | %.2f | %.2f to %.2f | %.2f | %.0f | %.0f | %s |\n", n, m, slices.Min(list), slices.Max(list),
			1e6*m/float64(lines), mb/m, float64(u.bytes[n])/1e6, memory(n))
	}
	fmt.Print("\n| Ratio within a round | median | range |\n| --- | --- | --- |\n")
	for _, n := range names[1:] {
		var list []float64
		for i, s := range u.seconds[n] {
			list = append(list, s/u.seconds[names[0]][i])
		}
		if len(list) > 0 {
			fmt.Printf("| %s / %s | %.2f | %.2f to %.2f |\n", n, names[0], median(list), slices.Min(list), slices.Max(list))
		}
	}
}

// loadAverage is how busy the machine is.
func loadAverage() string {
	b, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	return strings.Join(strings.Fields(string(b))[:3], " ")
}

// most is the most memory that a process had, in MiB.
func most(t *testing.T, pid int) int {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b), "VmHWM:")
	kib, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		t.Fatal(err)
	}
	return kib >> 10
}
