package container

// The command lines of engines' programs: where the id of a container stands in
// them.

import "strings"

// command is what the command line of an engine's program says.
type command struct {
	id      string // of the container it works on; a view
	runtime string // as container.runtime, "" where several use it so
	monitor bool   // it watches that one container, rather than starting processes in it
}

// The options of runc and crun that take a value as the next argument, before
// the verb and after it, and those that take none. An option that stands in
// neither list makes the whole command line unread: where the id would stand is
// then not known.
const (
	globalValues = " log log-format log-level root criu rootless cgroup-manager "
	globalFlags  = " debug systemd-cgroup "
	verbValues   = " b bundle console-socket pid-file preserve-fds f file config cwd e env u user g additional-gids p process " +
		"process-label apparmor c cap cgroup seccomp image-path work-path parent-path lsm-profile lsm-mount-context " +
		"manage-cgroups-mode tcp-established-fd empty-ns "
	verbFlags = " no-pivot no-new-keyring no-subreaper keep d detach t tty no-new-privs ignore-paused " +
		"tcp-established ext-unix-sk shell-job file-locks auto-dedup lazy-pages no-subreaper "
)

// parseCommand reads the container's id from its known place in the command
// line of an engine's program; it is false for every other program and for
// verbs that start nothing.
func parseCommand(exe string, args []string) (command, bool) {
	if len(args) < 2 {
		return command{}, false
	}
	switch name := base(exe); {
	case name == "runc", name == "crun", name == "docker-runc":
		return parseRunc(args[1:])
	case name == "conmon":
		return parseConmon(args[1:])
	case strings.HasPrefix(name, "containerd-shim"), name == "docker-containerd-shim":
		return parseShim(args[1:])
	}
	return command{}, false
}

// parseRunc reads: runc [global options] create|run|exec|restore [options] ID [command…].
func parseRunc(args []string) (command, bool) {
	var c command
	i := 0
	for ; i < len(args) && strings.HasPrefix(args[i], "-"); i++ {
		name, value, n := option(args[i:], globalValues, globalFlags)
		if n == 0 {
			return command{}, false
		}
		if name == "root" {
			c.runtime = rootRuntime(value)
		}
		i += n - 1
	}
	if i >= len(args) {
		return command{}, false
	}
	switch args[i] {
	case "create", "run", "exec", "restore":
	default:
		return command{}, false
	}
	for i++; i < len(args) && strings.HasPrefix(args[i], "-"); i++ {
		if args[i] == "--" {
			i++
			break
		}
		name, value, n := option(args[i:], verbValues, verbFlags)
		if n == 0 {
			return command{}, false
		}
		if (name == "bundle" || name == "b") && c.runtime == "" {
			c.runtime = bundleRuntime(value)
		}
		i += n - 1
	}
	if i >= len(args) || !validID(args[i]) {
		return command{}, false
	}
	c.id = args[i]
	return c, true
}

// option reads one option, as -name value, --name value or --name=value, and
// returns how many arguments it takes; 0 for one that is in neither list.
func option(args []string, values, flags string) (name, value string, n int) {
	name = strings.TrimLeft(args[0], "-")
	if before, after, ok := strings.Cut(name, "="); ok {
		return before, after, 1
	}
	switch {
	case name == "" || strings.Contains(name, " "):
		return name, "", 0
	case strings.Contains(values, " "+name+" ") && len(args) > 1:
		return name, args[1], 2
	case strings.Contains(flags, " "+name+" "):
		return name, "", 1
	}
	return name, "", 0
}

// rootRuntime names the engine by the folder where runc keeps its state.
func rootRuntime(root string) string {
	switch {
	case strings.Contains(root, "/runtime-runc/moby"), strings.Contains(root, "/docker/"):
		return runtimeDocker
	case strings.Contains(root, "/containerd/runc/"):
		return runtimeContainerd
	}
	return ""
}

// bundleRuntime names the engine by the folder of the bundle.
func bundleRuntime(bundle string) string {
	switch {
	case strings.Contains(bundle, "/io.containerd.runtime.v2.task/moby/"):
		return runtimeDocker
	case strings.Contains(bundle, "/io.containerd.runtime.v2.task/"):
		return runtimeContainerd
	}
	return "" // podman and CRI-O keep their bundles in the same place
}

// conmonValues are the options of conmon that take a value.
const conmonValues = " api-version c cid u cuuid r runtime b bundle p pidfile container-pidfile P conmon-pidfile n name exit-dir " +
	"exit-delay l log-path log-level log-size-max log-tag log-label log-global-size-max runtime-arg runtime-opt exit-command exit-command-arg " +
	"exec-process-spec persist-dir restore socket-dir-path sdnotify-socket T timeout 0 seccomp-notify-socket seccomp-notify-plugins "

// parseConmon reads: conmon … -c ID …, the first -c before the arguments of
// others begin.
func parseConmon(args []string) (command, bool) {
	c := command{monitor: true}
	for i := 0; i < len(args); i++ {
		if !strings.HasPrefix(args[i], "-") {
			continue
		}
		name, value, joined := strings.Cut(strings.TrimLeft(args[i], "-"), "=")
		if !joined && strings.Contains(conmonValues, " "+name+" ") {
			if i++; i == len(args) {
				break
			}
			value = args[i]
		}
		switch name {
		case "c", "cid":
			if c.id == "" && validID(value) {
				c.id = value
			}
		case "exit-dir", "persist-dir", "exit-command", "b", "bundle", "socket-dir-path":
			if c.runtime == "" {
				c.runtime = conmonRuntime(value)
			}
		}
	}
	return c, c.id != ""
}

func conmonRuntime(path string) string {
	switch {
	case strings.Contains(path, "/libpod/"), base(path) == "podman":
		return runtimePodman
	case strings.Contains(path, "/crio/"), base(path) == "crio":
		return runtimeCRIO
	}
	return ""
}

// parseShim reads: containerd-shim-runc-v2 -namespace NS -id ID …. Only
// Docker's shims (namespace moby) watch one container; others may watch all of
// a pod, whose id is then that of its sandbox.
func parseShim(args []string) (command, bool) {
	c := command{monitor: true, runtime: runtimeDocker}
	ns := ""
	for i := 0; i < len(args) && strings.HasPrefix(args[i], "-"); i++ {
		name, value, joined := strings.Cut(strings.TrimLeft(args[i], "-"), "=")
		if name == "debug" || name == "v" {
			continue
		}
		if !joined {
			if i++; i == len(args) {
				break
			}
			value = args[i]
		}
		switch name {
		case "namespace":
			ns = value
		case "id":
			c.id = value
		case "workdir": // of the first generation, which has no -id
			if c.id == "" {
				c.id = base(value)
			}
		}
	}
	return c, ns == "moby" && validID(c.id)
}

// base returns the last name of a path; of "/" and "" nothing.
func base(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }

// validID reports whether runc would take s as the id of a container.
func validID(s string) bool {
	if s == "" || s == "." || s == ".." || len(s) > 1024 {
		return false
	}
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '_', c == '+', c == '-', c == '.':
		default:
			return false
		}
	}
	return true
}
