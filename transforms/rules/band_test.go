package rules

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// measured is a measurement of a container at a second.
func measured(at float64, image string, bytes int64) event.Event {
	e := exec(at, "process.name", "sh", "container.image.name", image)
	e.Fields.Add(schema.DockerStatsMemoryBytes, event.Int(bytes))
	return e
}

const memoryBand = "band: {value: docker.stats.memory_bytes, by: [container.image.name], learn: 60s, width: 4, side: both}"

func TestANumericBand(t *testing.T) {
	b := start(t, rule1(memoryBand))
	at := 0.0
	step := func(name, image string, bytes int64, alert bool) {
		t.Helper()
		at += 5
		if got := b.alerts(measured(at, image, bytes)); (len(got) > 0) != alert {
			t.Errorf("%s: %d at %gs: alerts %v", name, bytes, at, got)
		}
	}
	for i := range 30 {
		step("learning", "a", 1000+int64(i%5)*10, false)
	}
	step("usual", "a", 1100, false)
	step("a lot", "a", 2000, true)
	step("still a lot: it is not learned", "a", 2000, true)
	step("little", "a", 10, true)
	step("usual again", "a", 1020, false)
	step("another image", "b", 5000, false)
	for range 18 {
		step("too few to judge", "b", 5000, false)
	}
	step("the twentieth", "b", 5000, false)
	step("within the floor of what never moved", "b", 5900, false)
	step("above it", "b", 6100, true)

	above := start(t, rule1(strings.Replace(memoryBand, "both", "above", 1)))
	for i := range 30 {
		above.alerts(measured(float64(i*5), "a", 1000))
	}
	if got := above.alerts(measured(200, "a", 1)); len(got) > 0 {
		t.Errorf("little is told although only much is asked for: %v", got)
	}
	if got := above.alerts(measured(201, "a", 1300)); len(got) != 1 {
		t.Errorf("much: %v", got)
	}
}

func TestABandOfEvents(t *testing.T) {
	b := start(t, rule1("band: {every: 10s, by: [user.name], learn: 60s, width: 3, floor: 1}"))
	burst := func(at float64, n int) (alerts int) {
		for i := range n {
			alerts += len(b.alerts(exec(at+float64(i)/100, "process.name", "sh", "user.name", "a")))
		}
		return alerts
	}
	for i := range 25 {
		if n := burst(float64(i)*10, 3+i%2); n > 0 {
			t.Errorf("interval %d told while it was learned", i)
		}
	}
	for _, c := range []struct {
		at   float64
		n    int
		want int
	}{{250, 4, 0}, {260, 50, 1}, {262, 50, 0}, {270, 5, 0}, {264, 50, 0}, {280, 50, 1}} {
		if got := burst(c.at, c.n); got != c.want {
			t.Errorf("%d events at %gs: %d alerts, want %d", c.n, c.at, got, c.want)
		}
	}
}

// TestAFewNumbersAgainstTheDefinition compares the running mean and deviation with
// what they are by definition.
func TestAFewNumbersAgainstTheDefinition(t *testing.T) {
	for _, list := range [][]float64{{1}, {2, 4, 4, 4, 5, 5, 7, 9}, {1e9, 1e9 + 1, 1e9 + 2}, {-3, 3}} {
		var b band
		sum := 0.0
		for _, x := range list {
			b.learned(x)
			sum += x
		}
		mean, squares := sum/float64(len(list)), 0.0
		for _, x := range list {
			squares += (x - mean) * (x - mean)
		}
		if math.Abs(b.mean-mean) > 1e-6 || math.Abs(b.m2-squares) > 1e-6 {
			t.Errorf("%v: mean %v, squares %v; want %v, %v", list, b.mean, b.m2, mean, squares)
		}
	}
}

func TestWrongBands(t *testing.T) {
	for line, want := range map[string]string{
		"band: {learn: 1h, width: 3}":                                    "either value or every",
		"band: {value: server.port, every: 1m, learn: 1h, width: 3}":     "either value or every",
		"band: {value: server.port, learn: 1h, width: 0}":                "above 0",
		"band: {value: server.port, learn: 1h, width: NaN}":              "above 0",
		"band: {value: server.port, learn: 1h, width: 3, side: left}":    "no side",
		"band: {every: 1m, learn: 1h, width: 3, side: both}":             "only too many",
		"band: {value: server.port, width: 3}":                           "learn",
		fmt.Sprintf("band: {value: %q, learn: 1h, width: 3}", "no.such"): "no.such",
	} {
		s := Default()
		s.Files = append(s.Files, text("*.yaml"))
		if _, problems := compileAll(&s, write(t, rule1(line))); !strings.Contains(problems.Error(), want) {
			t.Errorf("%s: %v", line, problems)
		}
	}
}
