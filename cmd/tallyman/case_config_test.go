package main

import (
	"bufio"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// prints returns what is in a folder: for each name its mode, time and contents.
func prints(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		line := fmt.Sprint(info.Mode(), info.Size())
		if info.Mode().IsRegular() {
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			line = fmt.Sprintf("%s %v %x", line, info.ModTime(), sha256.Sum256(b))
		}
		out[path] = line
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestABadConfigurationTouchesNothing (RELIABILITY C1): with a backlog in the
// journal a start with a bad configuration ends with 78 and the place, and the
// journal is what it was, byte for byte; the next good start delivers it.
func TestABadConfigurationTouchesNothing(t *testing.T) {
	dir := t.TempDir()
	text := strings.Replace(good, "  out:", "  siem: {type: syslog, address: \""+nobody(t)+"\"}\n  out:", 1) + "grace: 1s\n"
	path := conf(t, dir, text)
	k := &killer{dir: dir, lines: demoLines(t)}
	k.grow(t, 500)
	if code, out := said(t, "", "run", "--once", "--config", path); code != exitLeft {
		t.Fatalf("exit %d: %s", code, out)
	}
	journal := filepath.Join(dir, "journal")
	before := prints(t, journal)
	for _, c := range []struct{ name, from, to, place string }{
		{"unknown key", "path: out.json", "pth: out.json", "tallyman.yaml:9:21: "},
		{"wrong type of a value", "type: audit}", "type: [audit]}", "tallyman.yaml:6:12: "},
		{"unknown type of a component", "type: file", "type: fil", "tallyman.yaml:9:15: "},
		{"an output twice", "  out:", "  siem: {type: stdout}\n  out:", "tallyman.yaml:9:3: "},
		{"a section twice", "grace: 1s\n", "grace: 1s\noutputs: {}\n", "tallyman.yaml:11:1: "},
		{"a variable that is not set", "path: out.json", "path: \"${TALLYMAN_NOT_SET}\"", "tallyman.yaml:9:28: "},
		{"a folder of the journal that is no text", "dir: journal", "dir: [journal]", "tallyman.yaml:1:16: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			conf(t, dir, strings.Replace(text, c.from, c.to, 1))
			cmd := tallyman(t, "run", "--once", "--config", path)
			out, err := cmd.CombinedOutput()
			if code := cmd.ProcessState.ExitCode(); code != exitConfig || err == nil || !strings.Contains(string(out), c.place) {
				t.Errorf("exit %d, and it does not speak of %s:\n%s", code, c.place, out)
			}
			if after := prints(t, journal); !maps.Equal(before, after) {
				t.Errorf("the journal was touched: %v, and it was %v", after, before)
			}
		})
	}
	siem := freeAddr(t)
	c := collect(t, siem)
	path = conf(t, dir, strings.Replace(text, text[strings.Index(text, "tcp://"):strings.Index(text, "\"}\n  out:")], "tcp://"+siem, 1))
	if code, out := said(t, "", "run", "--once", "--config", path); code != exitOK {
		t.Errorf("exit %d: %s", code, out)
	}
	same(t, c.ended(t), jsonIDs(t, filepath.Join(dir, "out.json")))
}

// TestARenamedOutput (RELIABILITY C5): what waits for an output is not its
// successor's: it is told at the start and in the status, kept, and delivered
// when the name is back.
func TestARenamedOutput(t *testing.T) {
	dir, siem := t.TempDir(), freeAddr(t)
	text := fmt.Sprintf(twoOutputs, "off", "tcp://"+siem)
	path := conf(t, dir, text)
	k := &killer{dir: dir, lines: demoLines(t)}
	k.grow(t, 500)
	if code, out := said(t, "", "run", "--once", "--config", path); code != exitLeft {
		t.Fatalf("exit %d: %s", code, out)
	}
	conf(t, dir, strings.Replace(text, "  siem:", "  soc:", 1))
	b := start(t, path)
	until(t, "it is ready", func() bool {
		code, _ := said(t, "", "status", "--config", path)
		return code == exitOK
	})
	status := answers(t, exitOK, []string{"REMOVED"}, "status", "--config", path)
	for _, want := range []string{"output of an earlier configuration has events left", "output=siem", "MiB"} {
		if !strings.Contains(b.said(), want) {
			t.Errorf("the log does not say %q", want)
		}
	}
	if !strings.Contains(status, "siem") {
		t.Errorf("the status is silent:\n%s", status)
	}
	if err := b.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code := b.end(); code != exitOK {
		t.Errorf("it ended with %d", code)
	}
	c := collect(t, siem)
	conf(t, dir, text)
	if code, out := said(t, "", "run", "--once", "--config", path); code != exitOK {
		t.Errorf("exit %d: %s", code, out)
	}
	same(t, c.ended(t), jsonIDs(t, filepath.Join(dir, "out.json")))
}

// TestNamesKeepTheirCase (RELIABILITY C7, C8): names in the configuration are
// what was written, and a variable is one value whatever is in it.
func TestNamesKeepTheirCase(t *testing.T) {
	const hostile = `a", "x": "b'} #${HOME}: [`
	t.Setenv("TALLYMAN_HOSTILE", hostile)
	dir := t.TempDir()
	path := conf(t, dir, good+"labels: {Team: A, team: b, tEAM: \"${TALLYMAN_HOSTILE}\"}\n")
	k := &killer{dir: dir, lines: demoLines(t)}
	k.grow(t, 50)
	if code, out := said(t, "", "run", "--once", "--config", path); code != exitOK {
		t.Fatalf("exit %d: %s", code, out)
	}
	f, err := os.Open(filepath.Join(dir, "out.json"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	n := 0
	for s := bufio.NewScanner(f); s.Scan(); n++ {
		var e struct{ Labels map[string]string }
		if err := json.Unmarshal(s.Bytes(), &e); err != nil {
			t.Fatal(err)
		}
		if want := map[string]string{"Team": "A", "team": "b", "tEAM": hostile}; !maps.Equal(e.Labels, want) {
			t.Fatalf("the labels are %v, want %v", e.Labels, want)
		}
	}
	if n == 0 {
		t.Error("there is no event")
	}
}

// TestAConfigMapIsSwapped (RELIABILITY C6): Kubernetes changes a mounted
// configuration by swapping a symbolic link. The program does not watch its
// file: the swap alone changes nothing, and one signal after it is one reload.
func TestAConfigMapIsSwapped(t *testing.T) {
	dir, admin := t.TempDir(), freeAddr(t)
	text := fmt.Sprintf(controlConfig, admin) // paths in it are relative to the link's folder
	mount := func(version, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Join(dir, version), 0o700); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, version, "tallyman.yaml"), text)
		fresh := filepath.Join(dir, "..data_tmp")
		if err := os.Symlink(version, fresh); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(fresh, filepath.Join(dir, "..data")); err != nil {
			t.Fatal(err)
		}
	}
	mount("..1", text)
	path := filepath.Join(dir, "tallyman.yaml")
	if err := os.Symlink(filepath.Join("..data", "tallyman.yaml"), path); err != nil {
		t.Fatal(err)
	}
	b := start(t, path)
	changed := text + "# the second version\n"
	mount("..2", changed)
	if v := metric(admin, fmt.Sprintf("tallyman_config_info{hash=%q}", hashOf(text))); v != 1 {
		t.Errorf("the swap alone changed what runs: %v", v)
	}
	hup(t, b.cmd.Process.Pid)
	until(t, "the second version runs", func() bool {
		return metric(admin, fmt.Sprintf("tallyman_config_info{hash=%q}", hashOf(changed))) == 1
	})
	if n := metric(admin, "tallyman_reloads_total"); n != 1 {
		t.Errorf("%v reloads", n)
	}
	answers(t, exitOK, nil, "drain", "--config", path)
	if code := b.end(); code != exitOK {
		t.Errorf("it ended with %d", code)
	}
}

// TestNamesThatDoNotResolve (RELIABILITY R8): an endpoint whose name has no
// address is tried again; when it has two, both are tried.
func TestNamesThatDoNotResolve(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("NOT RUN: it takes root to give a process a hosts file of its own")
	}
	if err := exec.Command("unshare", "-m", "true").Run(); err != nil {
		t.Skipf("NOT RUN: it takes a mount namespace: %v", err)
	}
	dir, admin := t.TempDir(), freeAddr(t)
	_, port, _ := strings.Cut(freeAddr(t), ":")
	hosts := filepath.Join(dir, "hosts")
	write(t, hosts, "127.0.0.1 localhost\n")
	path := conf(t, dir, fmt.Sprintf(twoOutputs, admin, "tcp://siem.invalid:"+port))
	k := &killer{dir: dir, lines: demoLines(t)}
	k.grow(t, 500)
	run := tallyman(t, "run", "--config", path)
	cmd := exec.Command("unshare", "-m", "sh", "-c", `mount --bind "$0" /etc/hosts && exec "$@"`, hosts, run.Path, "run", "--config", path)
	cmd.Env = append(slices.Clone(run.Env), "GODEBUG=netdns=go")
	var talk strings.Builder
	cmd.Stderr = &talk
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	over := false
	t.Cleanup(func() {
		if !over {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
		if t.Failed() {
			t.Log(talk.String())
		}
	})
	until(t, "the output fails", func() bool { return metric(admin, `tallyman_output_up{output="siem"}`) == 0 })
	until(t, "it tries again", func() bool { return metric(admin, `tallyman_output_errors_total{output="siem"}`) > 2 })
	c := collect(t, "127.0.0.3:"+port)
	// In place: the mount is of this very file. Nothing listens at the first address.
	write(t, hosts, "127.0.0.1 localhost\n127.0.0.2 siem.invalid\n127.0.0.3 siem.invalid\n")
	until(t, "the second address gets it", func() bool { return records(admin, "siem") > 400 && records(admin, "out") > 400 })
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	over = true
	if err := cmd.Wait(); err != nil {
		t.Errorf("it ended with %v", err)
	}
	same(t, c.ended(t), jsonIDs(t, filepath.Join(dir, "out.json")))
	if !strings.Contains(talk.String(), "siem.invalid") {
		t.Error("the log does not name the host")
	}
}
