package engine

import (
	"bufio"
	"os"
	"runtime"
	"strings"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// HostFields finds out what host this is: host.* of every event. What cannot be
// found is absent. Root is the root of the file system, "" for the usual one.
func HostFields(root string) event.Fields {
	var f event.Fields
	name, err := os.Hostname()
	if err != nil {
		name = ""
	}
	f.AddString(schema.HostID, first(root+"/etc/machine-id"))
	f.AddString(schema.HostName, name)
	f.AddString(schema.HostHostname, name)
	f.AddString(schema.HostArchitecture, architecture())
	f.AddString(schema.HostBootID, first(root+"/proc/sys/kernel/random/boot_id"))
	f.AddString(schema.HostOSType, runtime.GOOS)
	release := osRelease(root + "/etc/os-release")
	f.AddString(schema.HostOSFamily, release["ID"])
	f.AddString(schema.HostOSName, release["NAME"])
	f.AddString(schema.HostOSVersion, release["VERSION_ID"])
	f.AddString(schema.HostOSKernel, first(root+"/proc/sys/kernel/osrelease"))
	return f
}

// architecture is the name that the kernel gives, which is what logs carry.
func architecture() string {
	switch runtime.GOARCH {
	case "amd64":
		return "x86_64"
	case "arm64":
		return "aarch64"
	case "386":
		return "i686"
	}
	return runtime.GOARCH
}

// first returns the first line of a small file, "" when it cannot be read.
func first(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	line, _, _ := strings.Cut(string(b), "\n")
	return strings.TrimSpace(line)
}

// osRelease reads os-release(5).
func osRelease(path string) map[string]string {
	out := map[string]string{}
	f, err := os.Open(path)
	if err != nil {
		return out
	}
	defer func() { _ = f.Close() }() // nothing was written
	for s := bufio.NewScanner(f); s.Scan(); {
		if k, v, ok := strings.Cut(s.Text(), "="); ok {
			out[k] = strings.Trim(v, `"'`)
		}
	}
	return out
}
