package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"tallyman/transforms/container"
)

const (
	// rateTail is how much of the end of the log its rate is taken from.
	rateTail = 1 << 20
	// soonGone is what a stop of tallyman may take at least, without loss.
	soonGone = time.Hour
	// soonLasts is what is advised where it is less.
	soonLasts = 8 * time.Hour
)

// auditd judges how long a record stays in the log of auditd.
func (d *checkup) auditd() []container.Finding {
	const path = "/etc/audit/auditd.conf"
	text, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return []container.Finding{{Name: "auditd.conf", Good: true, Text: "there is none: auditd is not installed"}}
	case err != nil:
		return []container.Finding{{Name: "auditd.conf", Text: err.Error(), Hint: "run doctor as root"}}
	}
	conf := auditdConf(string(text))
	log := conf.or("log_file", "/var/log/audit/audit.log")
	tail, err := endOf(log, rateTail)
	return judgeAuditd(conf, log, tail, err)
}

// endOf reads the last bytes of a file.
func endOf(path string, n int64) (_ []byte, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if info, err := f.Stat(); err == nil && info.Size() > n {
		if _, err := f.Seek(-n, io.SeekEnd); err != nil {
			return nil, err
		}
	}
	return io.ReadAll(io.LimitReader(f, n))
}

// settings of auditd.conf(5), names in lower case.
type auditdSettings map[string]string

func auditdConf(text string) auditdSettings {
	conf := auditdSettings{}
	for line := range strings.Lines(text) {
		key, value, ok := strings.Cut(line, "=")
		if key = strings.ToLower(strings.TrimSpace(key)); ok && !strings.HasPrefix(key, "#") {
			conf[key] = strings.TrimSpace(value)
		}
	}
	return conf
}

func (c auditdSettings) or(key, otherwise string) string {
	if v := c[key]; v != "" {
		return v
	}
	return otherwise
}

func (c auditdSettings) number(key string, otherwise int64) int64 {
	if n, err := strconv.ParseInt(c[key], 10, 64); err == nil {
		return n
	}
	return otherwise
}

// judgeAuditd judges the settings; the rate is that of the end of the log, which err
// says why there is none. Defaults are those of auditd.conf(5).
func judgeAuditd(c auditdSettings, log string, tail []byte, err error) []container.Finding {
	list := []container.Finding{keepsFor(c, log, tail, err)}
	for _, k := range []struct{ key, otherwise string }{{"disk_full_action", "ignore"}, {"disk_error_action", "syslog"}, {"admin_space_left_action", "ignore"}, {"space_left_action", "ignore"}} {
		value := c.or(k.key, k.otherwise)
		f := container.Finding{Name: k.key, Good: true, Text: value}
		switch strings.ToLower(value) {
		case "suspend":
			f.Good, f.Text = false, value+": auditd lives on and writes no more records into its log"
			f.Hint = "set " + k.key + " = ROTATE, so that the oldest records go and not the newest, or give the log a disk of its own"
			if k.key == "disk_error_action" {
				f.Hint = "set " + k.key + " = SYSLOG, and watch for what it says"
			}
		case "halt", "single":
			f.Text = value + ": the host goes down then, which some policies ask for"
		}
		list = append(list, f)
	}
	if strings.EqualFold(c.or("write_logs", "yes"), "no") {
		list = append(list, container.Finding{Name: "write_logs", Text: "no: there is no log to read", Hint: "set write_logs = yes, or read auditd's socket or netlink"})
	}
	return list
}

// keepsFor says how long a record stays until it is rotated away.
func keepsFor(c auditdSettings, log string, tail []byte, err error) container.Finding {
	f := container.Finding{Name: "rotation", Good: true}
	size, files := c.number("max_log_file", 8), c.number("num_logs", 0)
	switch action := strings.ToLower(c.or("max_log_file_action", "rotate")); {
	case action == "keep_logs":
		f.Text = "keep_logs: nothing is rotated away; the disk fills instead"
		return f
	case action != "rotate":
		f.Text = fmt.Sprintf("max_log_file_action is %s: nothing is rotated", action)
		return f
	case files < 2:
		f.Text = fmt.Sprintf("num_logs is %d: auditd does not rotate, and %s grows", files, log)
		return f
	}
	f.Text = fmt.Sprintf("%d files of %d MiB", files, size)
	rate, ok := rateOf(tail)
	switch {
	case err != nil:
		f.Text += fmt.Sprintf("; the rate of the log is not known: %v", err)
		return f
	case !ok:
		f.Text += "; the log has too few records to know its rate"
		return f
	}
	// The newest file may have just begun: a whole one less is what is sure.
	const longest = 3650 * 24 * time.Hour
	stays := longest
	if hours := float64((files-1)*size<<20) / rate / 3600; hours < longest.Hours() {
		stays = time.Duration(hours * float64(time.Hour))
	}
	f.Text += fmt.Sprintf("; at %.1f KiB a second, as now, a record is gone after %s", rate/1024, stays.Round(time.Minute))
	if stays < soonGone {
		f.Good = false
		wants := int64(rate*soonLasts.Seconds())>>20/(max(files, 10)-1) + 1 // MiB of each file
		f.Hint = fmt.Sprintf("whoever stops for longer loses records: set max_log_file = %d and num_logs = %d in /etc/audit/auditd.conf, then auditctl --signal hup", max(size, wants), max(files, 10))
	}
	return f
}

// rateOf is the bytes a second of the end of a log, between its first and last stamp.
func rateOf(tail []byte) (float64, bool) {
	var first, last float64
	bytes := 0
	for line := range strings.Lines(string(tail)) {
		_, rest, ok := strings.Cut(line, "msg=audit(")
		stamp, _, end := strings.Cut(rest, ":")
		at, err := strconv.ParseFloat(stamp, 64)
		if !ok || !end || err != nil {
			continue
		}
		if first == 0 {
			first = at
		} else {
			bytes += len(line)
		}
		last = max(last, at)
	}
	if last-first < 1 {
		return 0, false
	}
	return float64(bytes) / (last - first), true
}
