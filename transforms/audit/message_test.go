package audit

import (
	"encoding/hex"
	"strings"
	"testing"

	"tallyman/pipeline/schema"
)

const callHead = "type=SYSCALL msg=audit(1.002:3): arch=c000003e "

const callEnd = `ppid=1 pid=2 auid=1000 uid=0 gid=0 euid=0 tty=pts0 ses=3 comm="x" exe="/usr/bin/x" key=(null)`

// TestTheMessageNamesWhatIsKnown: the group of a group's record, and no word that
// leads to nothing.
func TestTheMessageNamesWhatIsKnown(t *testing.T) {
	for name, c := range map[string]struct{ line, want string }{
		"a member is added": {"type=GRP_MGMT msg=audit(1.002:3): " + userHead + `msg='op=add-user-to-group grp="docker" acct="bob" res=success'`, "uid 1001 changed the group docker: add-user-to-group"},
		"a group by id":     {"type=DEL_GROUP msg=audit(1.002:3): " + userHead + `msg='op=delete-group id=998 res=success'`, "uid 1001 deleted the group 998"},
		"a group by acct":   {"type=ADD_GROUP msg=audit(1.002:3): " + userHead + `msg='op=add-group acct="docker" res=failed'`, "uid 1001 failed to create the group docker"},
		"a user":            {"type=ADD_USER msg=audit(1.002:3): " + userHead + `msg='op=add-user grp="docker" acct="bob" res=success'`, "uid 1001 created the account bob"},
		"a signal":          {callHead + "syscall=62 success=no exit=-3 a0=7 a1=9 a2=0 a3=0 items=0 " + callEnd, "uid 0 failed to send a signal with x (ESRCH)"},
		"a root directory":  {callHead + "syscall=161 success=yes exit=0 a0=7 a1=9 a2=0 a3=0 items=0 " + callEnd, "uid 0 changed the root directory with x"},
	} {
		t.Run(name, func(t *testing.T) {
			e := oneEvent(t, build(t, nil), c.line)
			if got := e.Fields.Get(schema.Message).Str(); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

// TestASocketHasOneAddress however the process writes its path.
func TestASocketHasOneAddress(t *testing.T) {
	for name, c := range map[string]struct{ path, cwd, want, kept string }{
		"as it is":          {"/run/docker.sock", "", "/run/docker.sock", ""},
		"with dots":         {"/run/x/../docker.sock", "/", "/run/docker.sock", "/run/x/../docker.sock"},
		"with slashes":      {"//run/./docker.sock", "", "/run/docker.sock", "//run/./docker.sock"},
		"relative":          {"docker.sock", "/run", "/run/docker.sock", "docker.sock"},
		"relative, no cwd":  {"docker.sock", "", "docker.sock", ""},
		"in the abstract":   {"\x00/a//b", "/run", "@/a//b", ""},
		"a file with an @":  {"@a", "/run", "/run/@a", "@a"},
		"cwd out of reach":  {"docker.sock", "(unreachable)/x", "docker.sock", ""},
		"above the root":    {"/../../run/docker.sock", "/", "/run/docker.sock", "/../../run/docker.sock"},
		"folder in between": {"../docker.sock", "/run/user", "/run/docker.sock", "../docker.sock"},
	} {
		t.Run(name, func(t *testing.T) {
			lines := []string{callHead + "syscall=42 success=yes exit=0 a0=3 a1=1 a2=10 a3=0 items=0 " + callEnd,
				"type=SOCKADDR msg=audit(1.002:3): saddr=0100" + strings.ToUpper(hex.EncodeToString([]byte(c.path)))}
			if c.path[0] != 0 {
				lines[1] += "00"
			}
			if c.cwd != "" {
				lines = append(lines, "type=CWD msg=audit(1.002:3): cwd="+kernelText(c.cwd))
			}
			e := oneEvent(t, build(t, nil), lines...)
			if got := e.Fields.Get(schema.DestinationAddress).Str(); got != c.want {
				t.Errorf("address %q, want %q", got, c.want)
			}
			if got := e.Fields.GetNamed(schema.AuditdData, "socket_path").Str(); got != c.kept {
				t.Errorf("kept %q, want %q", got, c.kept)
			}
		})
	}
}
