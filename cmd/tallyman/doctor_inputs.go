package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"

	"tallyman/pipeline/config"
	"tallyman/pipeline/plugin"
	"tallyman/transforms/container"
)

// inputs tries to read what the configuration reads.
func (d *checkup) inputs() []container.Finding {
	if d.pipeline == nil {
		return []container.Finding{d.wrong}
	}
	var list []container.Finding
	for _, in := range d.pipeline.Config.Inputs {
		list = append(list, d.input(in)...)
	}
	return list
}

// input judges one input by what its settings name: files, sockets, a program.
func (d *checkup) input(in config.Component) []container.Finding {
	name := "input " + in.Name
	var list []container.Finding
	for _, p := range pathsOf(in) {
		list = append(list, readable(name, absoluteIn(d.pipeline.Config.Dir, p)))
	}
	texts := textsOf(in.Settings)
	if host, ok := strings.CutPrefix(first(texts["host"]), "unix://"); ok {
		ctx, cancel := d.within()
		defer cancel()
		list = append(list, engineAnswers(ctx, name, host))
	}
	if program := first(texts["program"]); program != "" && len(list) == 0 {
		f := container.Finding{Name: name, Good: true, Text: program + " is there"}
		if _, err := exec.LookPath(program); err != nil {
			f = container.Finding{Name: name, Text: err.Error(), Hint: "install it, or name it with `program`"}
		}
		list = append(list, f)
	}
	if len(list) == 0 {
		list = append(list, container.Finding{Name: name, Good: true, Text: "type " + in.Type + ": nothing of the host to try"})
	}
	return list
}

// first is the first of some texts, "" for none.
func first(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[0]
}

// pathsOf are the files, patterns and folders that an input reads.
func pathsOf(in config.Component) []string {
	texts := textsOf(in.Settings)
	var list []string
	for _, key := range []string{"home", "builds", "audit", "system", "access", "directory", "socket"} {
		list = append(list, texts[key]...)
	}
	if in.Type != "http" { // whose path is one of requests
		list = append(list, texts["path"]...)
	}
	if len(list) > 0 || len(texts["netlink"]) > 0 || len(texts["stdin"]) > 0 {
		return list
	}
	switch in.Type {
	case "auditd":
		return []string{"/var/log/audit/audit.log"}
	case "containers":
		for _, p := range []string{"/var/log/pods/*/*/*.log", "/var/lib/docker/containers/*/*-json.log"} {
			if _, err := os.Stat(strings.SplitN(p, "/*", 2)[0]); err == nil {
				list = append(list, p)
			}
		}
	}
	return list
}

// textsOf are the texts of settings by their key, as the configuration has them; a
// flag that is set has its key as well.
func textsOf(settings any) map[string][]string {
	out := map[string][]string{}
	v := reflect.Indirect(reflect.ValueOf(settings))
	if v.Kind() != reflect.Struct {
		return out
	}
	for i := range v.NumField() {
		f := v.Type().Field(i)
		key, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if !f.IsExported() || key == "" {
			continue
		}
		var list []string
		switch x := v.Field(i).Interface().(type) {
		case plugin.Text:
			list = []string{x.Value}
		case []plugin.Text:
			for _, t := range x {
				list = append(list, t.Value)
			}
		case string:
			list = []string{x}
		case bool:
			if x {
				list = []string{"true"}
			}
		}
		for _, text := range list {
			if text != "" {
				out[key] = append(out[key], text)
			}
		}
	}
	return out
}

func absoluteIn(dir, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}

// readable tries to read what a path or pattern stands for.
func readable(name, pattern string) container.Finding {
	list, err := filepath.Glob(pattern)
	if err != nil {
		return container.Finding{Name: name, Text: fmt.Sprintf("%s: %v", pattern, err), Hint: "write a bracket that is meant as such as [[]"}
	}
	if len(list) == 0 {
		return nothingThere(name, pattern)
	}
	for _, path := range list {
		if err := openable(path); err != nil {
			hint := "look at the file"
			if errors.Is(err, fs.ErrPermission) {
				hint = permissionHint(path)
			}
			return container.Finding{Name: name, Text: err.Error(), Hint: hint}
		}
	}
	if len(list) == 1 && list[0] == pattern {
		return container.Finding{Name: name, Good: true, Text: pattern + " can be read"}
	}
	return container.Finding{Name: name, Good: true, Text: fmt.Sprintf("%s: %s can be read", pattern, many(uint64(len(list)), "file"))}
}

// nothingThere judges a path where nothing is: of a pattern that may change.
func nothingThere(name, pattern string) container.Finding {
	fixed := pattern
	if at := strings.IndexAny(pattern, "*?["); at >= 0 {
		fixed = filepath.Dir(pattern[:at] + "x")
	}
	if _, err := os.ReadDir(fixed); fixed != pattern && err == nil {
		return container.Finding{Name: name, Good: true, Text: pattern + ": no file yet"}
	} else if fixed != pattern && errors.Is(err, fs.ErrPermission) {
		return container.Finding{Name: name, Text: err.Error(), Hint: permissionHint(fixed)}
	}
	if _, err := os.Lstat(pattern); errors.Is(err, fs.ErrPermission) {
		return container.Finding{Name: name, Text: err.Error(), Hint: permissionHint(pattern)}
	}
	return container.Finding{Name: name, Text: fixed + " is not there", Hint: "is the path right, and does the program run that writes it?"}
}

// permissionHint says who may read a path.
func permissionHint(path string) string {
	for _, w := range []struct{ below, do string }{
		{"/var/log/audit/", "set log_group = adm in /etc/audit/auditd.conf and add the user that runs tallyman to that group, or give the service CAP_DAC_READ_SEARCH"},
		{"/var/log/journal", "add the user that runs tallyman to the group systemd-journal"},
		{"/run/docker.sock", "add the user that runs tallyman to the group docker"},
	} {
		if strings.Contains(path, w.below) {
			return w.do
		}
	}
	return "add the user that runs tallyman to the group of the file, or give the service CAP_DAC_READ_SEARCH (the shipped unit does)"
}

// openable reads a byte of a file, a name of a folder, or connects to a socket.
func openable(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if info.Mode()&fs.ModeSocket != 0 {
		c, err := net.DialTimeout("unix", path, askWithin)
		if err != nil {
			return err
		}
		return c.Close()
	}
	if !info.Mode().IsRegular() && !info.IsDir() {
		return nil // a pipe would be waited for
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // nothing was written
	if info.IsDir() {
		_, err = f.Readdirnames(1)
	} else {
		_, err = f.Read(make([]byte, 1))
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// engineAnswers asks an engine for its version.
func engineAnswers(ctx context.Context, name, socket string) container.Finding {
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://engine/_ping", http.NoBody)
	if err != nil {
		return container.Finding{Name: name, Text: err.Error()}
	}
	resp, err := client.Do(req)
	switch {
	case errors.Is(err, fs.ErrPermission):
		return container.Finding{Name: name, Text: fmt.Sprintf("%s: permission denied", socket), Hint: "add the user that runs tallyman to the group docker (configs/deploy/systemd/docker.conf does); who may talk to this socket may become root"}
	case errors.Is(err, fs.ErrNotExist):
		return container.Finding{Name: name, Text: socket + " is not there", Hint: "start the engine (`systemctl start docker`, `systemctl start podman.socket`), or name its socket with host"}
	case err != nil:
		return container.Finding{Name: name, Text: fmt.Sprintf("%s does not answer: %v", socket, err), Hint: "does the engine run? `docker version` says so"}
	}
	defer func() { _ = resp.Body.Close() }() // it was not read
	if resp.StatusCode != http.StatusOK {
		return container.Finding{Name: name, Text: fmt.Sprintf("%s answers %s", socket, resp.Status), Hint: "look at the engine's own log"}
	}
	return container.Finding{Name: name, Good: true, Text: fmt.Sprintf("%s answers, API %s", socket, resp.Header.Get("Api-Version"))}
}
