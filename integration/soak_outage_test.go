//go:build integration

package integration

import (
	"fmt"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"
)

const clockConf = `
journal: {dir: journal, max_size: 8GiB, min_free: 0B}
admin: {listen: off}
log: {level: error}
host: {name: h, id: h1}
inputs:
  lines: {type: file, path: [lines.log], decode: plain}
outputs:
  one: {type: syslog, address: "tcp://%s", timeout: 2s}
  two: {type: syslog, address: "tcp://%s", timeout: 2s}
  three: {type: syslog, address: "tcp://%s", timeout: 2s}
`

// outageGrowth is how much the memory may grow in an outage, in KiB.
const outageGrowth = 16 << 10

// TestSoakOutage lets one output of three be away for long: the memory stays where
// it was before, and what was kept for it arrives, all of it. SOAK_OUTAGE is how
// many seconds, SOAK_RATE how many events a second.
func TestSoakOutage(t *testing.T) {
	t.Parallel()
	soakOnly(t)
	long, rate := time.Duration(number(t, "SOAK_OUTAGE", 600))*time.Second, number(t, "SOAK_RATE", 5000)
	dir := t.TempDir()
	one, two, three := newClock(t), newClock(t), newClock(t)
	cmd := launch(t, write(t, filepath.Join(dir, "tallyman.yaml"), fmt.Sprintf(clockConf, one.addr, two.addr, three.addr)))
	lines := &ticker{path: filepath.Join(dir, "lines.log")}
	memory := func(long time.Duration) (list []int) {
		lines.run(t, rate, long, func(int) { list = append(list, resident(t, cmd.Process.Pid)) })
		return list
	}
	// What is allocated once is by then.
	before := memory(max(10*time.Second, long/10))
	base := middle(before[len(before)/2:])
	three.down()
	during := memory(long)
	came, sent := three.count(t), lines.n
	eventually(t, "the other two have everything", time.Minute, func() bool { return one.count(t) == sent && two.count(t) == sent })
	if came > sent-int(long.Seconds())*rate/2 {
		t.Errorf("%d of %d events came to the output that was away: it was not", came, sent)
	}
	// The highest median of a tenth: a single second may hold what is not collected yet.
	most, tenth := 0, max(1, len(during)/10)
	for part := range slices.Chunk(during, tenth) {
		m := middle(part)
		t.Logf("%6d KiB, at most %d", m, slices.Max(part))
		most = max(most, m)
	}
	t.Logf("%v at %d events/s: %d KiB before, at most %d in it, single seconds at most %d; %d events were kept", long, rate, base, most, slices.Max(during), sent-came)
	if most-base > outageGrowth {
		t.Errorf("the memory grew by %d KiB, at most %d may be", most-base, outageGrowth)
	}
	three.up(t)
	again := time.Now()
	eventually(t, "what was kept arrives", long+time.Minute, func() bool { return three.count(t) == sent })
	t.Logf("it arrived within %v; %d KiB are resident then", time.Since(again).Round(time.Second), resident(t, cmd.Process.Pid))
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("the program ended with %v", err)
	}
}

// middle is the median of a list that is not empty, which it leaves as it is.
func middle[T int | time.Duration | float64](list []T) T {
	sorted := slices.Sorted(slices.Values(list))
	return sorted[len(sorted)/2]
}
