package config

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tallyman/pipeline/plugin"
)

func TestParseSize(t *testing.T) {
	for s, want := range map[string]plugin.Size{
		"0": 0, "0B": 0, "512B": 512, "1KiB": 1 << 10, "1 KiB": 1 << 10, "16MiB": 16 << 20, "2GiB": 2 << 30, "1TiB": 1 << 40,
		"64KB": 64_000, "1MB": 1e6, "1gb": 1e9, "3TB": 3e12, "1.5KiB": 1536, "9007199254740993B": 9007199254740993, "8388607TiB": 8388607 << 40,
	} {
		if got, err := ParseSize(s); err != nil || got != want {
			t.Errorf("ParseSize(%q) = %d, %v; want %d", s, got, err, want)
		}
	}
	for _, s := range []string{"", "5", "B", "MiB", "-1B", "1XB", "1PiB", "8388608TiB", "1e30B", "NaNB", "InfB", "0x10B", "1,5KiB", "1KiB ", "KiB1", "1_000B"} {
		if got, err := ParseSize(s); err == nil {
			t.Errorf("ParseSize(%q) = %d, and should fail", s, got)
		}
	}
}

func TestParseDuration(t *testing.T) {
	for s, want := range map[string]time.Duration{
		"0": 0, "0s": 0, "250ms": 250 * time.Millisecond, "10s": 10 * time.Second, "1h30m": 90 * time.Minute, "7d": 7 * 24 * time.Hour, "106751d": 106751 * 24 * time.Hour,
	} {
		if got, err := ParseDuration(s); err != nil || got != want {
			t.Errorf("ParseDuration(%q) = %v, %v; want %v", s, got, err, want)
		}
	}
	for _, s := range []string{"", "5", "-1s", "1.5d", "-1d", "d", "106752d", "99999999999999999999d", "1w", "1 s", "1d12h"} {
		if got, err := ParseDuration(s); err == nil {
			t.Errorf("ParseDuration(%q) = %v, and should fail", s, got)
		}
	}
}

// What FormatSize and FormatDuration write is read back as the same.
func TestFormatIsReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := plugin.Size(rapid.Int64Range(0, math.MaxInt64).Draw(t, "n"))
		if rapid.Bool().Draw(t, "round") {
			n &^= 1<<30 - 1
		}
		if got, err := ParseSize(FormatSize(n)); err != nil || got != n {
			t.Errorf("%d is written %q and read %d, %v", n, FormatSize(n), got, err)
		}
		d := time.Duration(rapid.Int64Range(0, math.MaxInt64).Draw(t, "d"))
		if unit := rapid.SampledFrom([]time.Duration{1, time.Second, time.Hour, 24 * time.Hour}).Draw(t, "unit"); unit > 1 {
			d = d.Truncate(unit)
		}
		if got, err := ParseDuration(FormatDuration(d)); err != nil || got != d {
			t.Errorf("%d is written %q and read %d, %v", d, FormatDuration(d), got, err)
		}
	})
	for n, want := range map[plugin.Size]string{0: "0", 1: "1B", 1000: "1KB", 1100: "1.1KB", 4100: "4.1KB", 1024: "1KiB", 1536: "1.5KiB", 1e12: "1TB", 2e9: "2GB",
		16 << 20: "16MiB", 3 << 29: "1.5GiB", 1<<40 + 1: "1099511627777B"} {
		if got := FormatSize(n); got != want {
			t.Errorf("FormatSize(%d) = %q, want %q", n, got, want)
		}
	}
	for d, want := range map[time.Duration]string{0: "0s", time.Minute: "1m", 90 * time.Minute: "1h30m", time.Hour: "1h", 24 * time.Hour: "1d",
		20 * time.Millisecond: "20ms", 36 * time.Hour: "36h", time.Minute + time.Second: "1m1s"} {
		if got := FormatDuration(d); got != want {
			t.Errorf("FormatDuration(%d) = %q, want %q", d, got, want)
		}
	}
}

func TestNearest(t *testing.T) {
	known := []string{"url", "token", "when_full", "commit_interval", "ack"}
	for word, want := range map[string]string{
		"urll": "url", "tokne": "token", "when-full": "when_full", "whenFull": "when_full", "WHEN_FULL": "when_full", "comit_intervall": "commit_interval",
		"ak": "ack", "xyz": "", "": "", "interval": "",
	} {
		if got := nearest(word, known); got != want {
			t.Errorf("nearest(%q) = %q, want %q", word, got, want)
		}
	}
}
