package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"tallyman/pipeline/lazy"
	"tallyman/pipeline/plugin"
)

// units are the units of sizes, the largest first.
var units = []struct {
	name  string
	bytes int64
}{
	{"TiB", 1 << 40}, {"TB", 1e12}, {"GiB", 1 << 30}, {"GB", 1e9},
	{"MiB", 1 << 20}, {"MB", 1e6}, {"KiB", 1 << 10}, {"KB", 1e3}, {"B", 1},
}

// decimal is a number as people write it; the library reads more forms.
var decimal = lazy.Regexp(`^[0-9]+(\.[0-9]+)?$`)

// ParseSize reads a number of bytes with its unit: "16MiB", "64KB", "512B". Only
// 0 needs none.
func ParseSize(s string) (plugin.Size, error) {
	if s == "0" {
		return 0, nil
	}
	number := strings.TrimRight(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
	unit := s[len(number):]
	number = strings.TrimRight(number, " ")
	if unit == "" {
		return 0, fmt.Errorf("add a unit: B, KiB, MiB, GiB, TiB, KB, MB, GB or TB")
	}
	for _, u := range units {
		if !strings.EqualFold(u.name, unit) {
			continue
		}
		if i, err := strconv.ParseInt(number, 10, 64); err == nil && i >= 0 && i <= math.MaxInt64/u.bytes {
			return plugin.Size(i * u.bytes), nil
		}
		x, err := strconv.ParseFloat(number, 64)
		if err != nil || !decimal().MatchString(number) || x*float64(u.bytes) >= math.MaxInt64 {
			return 0, fmt.Errorf("write a number from 0 before the unit")
		}
		return plugin.Size(math.Round(x * float64(u.bytes))), nil
	}
	return 0, fmt.Errorf("the units are B, KiB, MiB, GiB, TiB, KB, MB, GB and TB")
}

// FormatSize writes a size as ParseSize reads it, in the largest unit that needs
// at most one decimal for it.
func FormatSize(n plugin.Size) string {
	for _, u := range units {
		whole, rest := int64(n)/u.bytes, int64(n)%u.bytes
		if whole == 0 {
			continue
		}
		s := strconv.FormatInt(whole, 10)
		if rest > 0 {
			s += "." + strconv.FormatInt(rest*10/u.bytes, 10)
		}
		s += u.name
		if same, err := ParseSize(s); err == nil && same == n {
			return s
		}
	}
	return "0"
}

// ParseDuration reads what time.ParseDuration reads, from 0, and days ("7d").
func ParseDuration(s string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 64)
		if err != nil || n > uint64(math.MaxInt64/(24*time.Hour)) {
			return 0, fmt.Errorf("days are a whole number, like 7d")
		}
		return time.Duration(n) * 24 * time.Hour, nil
	}
	d, err := time.ParseDuration(s)
	switch {
	case err != nil:
		return 0, fmt.Errorf("the units are ms, s, m, h and d")
	case d < 0:
		return 0, fmt.Errorf("a duration is not negative")
	}
	return d, nil
}

// FormatDuration writes a duration as ParseDuration reads it, without the zeros
// of time.Duration: "1m", "7d".
func FormatDuration(d time.Duration) string {
	const day = 24 * time.Hour
	if d >= day && d%day == 0 {
		return strconv.FormatInt(int64(d/day), 10) + "d"
	}
	s := d.String()
	if short, ok := strings.CutSuffix(s, "m0s"); ok {
		s = short + "m"
	}
	if short, ok := strings.CutSuffix(s, "h0m"); ok {
		s = short + "h"
	}
	return s
}
