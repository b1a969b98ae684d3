package docker

import (
	"math"
	"strings"
	"time"

	"tallyman/pipeline/record"
)

// usage is the part that is used of GET /containers/ID/stats. What a container or
// an engine lacks is zero.
type usage struct {
	Read time.Time `json:"read"`
	PIDs struct {
		Current float64 `json:"current"`
		Limit   float64 `json:"limit"` // 2^64-1 for none, which is beyond int64
	} `json:"pids_stats"`
	Memory struct {
		Usage float64            `json:"usage"`
		Limit float64            `json:"limit"`
		Stats map[string]float64 `json:"stats"`
	} `json:"memory_stats"`
	CPU struct {
		Usage struct {
			Total float64   `json:"total_usage"` // nanoseconds
			Each  []float64 `json:"percpu_usage"`
		} `json:"cpu_usage"`
		Online float64 `json:"online_cpus"`
	} `json:"cpu_stats"`
	Networks map[string]struct {
		In  float64 `json:"rx_bytes"`
		Out float64 `json:"tx_bytes"`
	} `json:"networks"`
	Disk struct {
		Bytes []struct {
			Op    string  `json:"op"`
			Value float64 `json:"value"`
		} `json:"io_service_bytes_recursive"`
	} `json:"blkio_stats"`
}

// reading is how a container did at a time. What grows with time counts from the
// container's start.
type reading struct {
	at                  time.Time
	memory, memoryLimit int64 // bytes; a limit of 0 is none
	pids, pidsLimit     int64
	cpu                 int64 // nanoseconds of processors
	cpus                int64
	ingress, egress     int64 // bytes, as the next
	diskRead, diskWrite int64
}

// reading returns what an answer says; now is its time where it has none.
func (u *usage) reading(now time.Time) reading {
	r := reading{at: now, memory: whole(u.Memory.Usage), memoryLimit: whole(u.Memory.Limit), pids: whole(u.PIDs.Current), pidsLimit: whole(u.PIDs.Limit),
		cpu: whole(u.CPU.Usage.Total), cpus: max(whole(u.CPU.Online), int64(len(u.CPU.Usage.Each)), 1)}
	if record.Sane(u.Read) && u.Read.Year() > 1970 {
		r.at = u.Read
	}
	// What the page cache gives back is not used up: as `docker stats` counts it,
	// by the name that each version of control groups has for it.
	for _, name := range [...]string{"total_inactive_file", "inactive_file"} {
		if n, ok := u.Memory.Stats[name]; ok {
			r.memory = max(r.memory-whole(n), 0)
			break
		}
	}
	if r.pidsLimit == math.MaxInt64 {
		r.pidsLimit = 0
	}
	if r.memoryLimit == math.MaxInt64 {
		r.memoryLimit = 0
	}
	for _, n := range u.Networks {
		r.ingress += whole(n.In)
		r.egress += whole(n.Out)
	}
	for _, d := range u.Disk.Bytes {
		switch strings.ToLower(d.Op) {
		case "read":
			r.diskRead += whole(d.Value)
		case "write":
			r.diskWrite += whole(d.Value)
		}
	}
	return r
}

// whole returns a number of an answer as an integer that fits.
func whole(f float64) int64 {
	switch {
	case !(f > 0):
		return 0
	case f >= 1<<62:
		return math.MaxInt64
	}
	return int64(f)
}

func (r *reading) memoryShare() float64 {
	if r.memoryLimit <= 0 {
		return 0
	}
	return min(float64(r.memory)/float64(r.memoryLimit), 1)
}

// gained is what happened between two readings.
type gained struct {
	known               bool
	time                time.Duration
	cpu                 float64 // share of all processors
	ingress, egress     int64
	diskRead, diskWrite int64
}

// since compares a reading with the one before. Nothing is known where there is
// none, or where the container was started anew in between, which its processors'
// time shows.
func (r *reading) since(before *reading) gained {
	g := gained{time: r.at.Sub(before.at)}
	if before.at.IsZero() || g.time <= 0 || r.cpu < before.cpu {
		return gained{}
	}
	g.known = true
	g.cpu = min(float64(r.cpu-before.cpu)/(float64(g.time)*float64(r.cpus)), 1)
	g.ingress, g.egress = max(r.ingress-before.ingress, 0), max(r.egress-before.egress, 0) // a network may be left
	g.diskRead, g.diskWrite = max(r.diskRead-before.diskRead, 0), max(r.diskWrite-before.diskWrite, 0)
	return g
}

// second returns how much of n there was in a second.
func (g *gained) second(n int64) float64 { return float64(n) / g.time.Seconds() }
