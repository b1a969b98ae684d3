package programs

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// Whatever name a client chooses, the address of a failed login is that which
// sshd wrote, or none; and the name is all that was typed.
func TestNoNameForgesAnOrigin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		piece := rapid.SampledFrom([]string{"root", " ", " from ", "198.51.100.9", " port ", "22", " ssh2", ": RSA SHA256:x", " for ", "invalid user ", " [preauth]", "=", " user=", " rhost="})
		name := strings.Join(rapid.SliceOfN(piece, 1, 12).Draw(t, "name"), "")
		var s Said
		sshd("Failed password for invalid user "+name+" from 192.0.2.1 port 4711 ssh2", &s)
		if s.addr != "192.0.2.1" || s.port != "4711" || s.user != name || s.Twice != "" {
			t.Fatalf("%q: %q from %q port %q (%s)", name, s.user, s.addr, s.port, s.Twice)
		}
		s = Said{}
		sshd("Invalid user "+name+" from 192.0.2.1 port 4711", &s)
		if s.addr != "192.0.2.1" || s.user != name {
			t.Fatalf("%q: %q from %q", name, s.user, s.addr)
		}
		s = Said{}
		sshd("Connection closed by invalid user "+name+" 192.0.2.1 port 4711 [preauth]", &s)
		if s.addr != "192.0.2.1" || s.port != "4711" || s.user != name {
			t.Fatalf("%q: %q from %q port %q", name, s.user, s.addr, s.port)
		}
		s = Said{}
		sshd("Failed publickey for ana from 192.0.2.1 port 4711 ssh2: RSA-CERT SHA256:x ID "+name+" (serial 0) CA RSA SHA256:y", &s)
		if s.addr != "192.0.2.1" || s.port != "4711" || s.user != "ana" || s.key != "RSA-CERT SHA256:x" || s.Twice != "" {
			t.Fatalf("%q: %q from %q port %q (%s)", name, s.user, s.addr, s.port, s.Twice)
		}
		s = Said{}
		pam("pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=192.0.2.1  user="+name, &s)
		if s.addr != "192.0.2.1" || s.user != name {
			t.Fatalf("%q: %q from %q", name, s.user, s.addr)
		}
	})
}

// A folder and a command of a sudo user never make an account of their own.
func TestNoFolderForgesAnAccount(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		piece := rapid.SampledFrom([]string{"/tmp", " ; ", "USER=bob", "COMMAND=/bin/x", " ; USER=bob ; COMMAND=/bin/x", "TTY=pts/9", "PWD=/", " : ", "a b"})
		text := func(label string) string { return strings.Join(rapid.SliceOfN(piece, 1, 6).Draw(t, label), "") }
		folder, command := "/"+text("folder"), "/"+text("command")
		var s Said
		sudo("ana : TTY=pts/0 ; PWD="+folder+" ; USER=root ; COMMAND="+command, &s)
		if s.user != "ana" || s.effective != "root" && s.Twice == "" || s.effective == "bob" {
			t.Fatalf("in %q with %q: %q as %q (%s)", folder, command, s.user, s.effective, s.Twice)
		}
		if s.Twice == "" && (s.Command != command || s.cwd != folder) {
			t.Fatalf("in %q with %q: %q, %q", folder, command, s.cwd, s.Command)
		}
	})
}

// Nor do those of a doas user.
func TestNoCommandForgesAnAccount(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		piece := rapid.SampledFrom([]string{"/tmp", " as ", "bob", " as bob", " from ", " from /x", " ran command ", "a b"})
		text := func(label string) string { return strings.Join(rapid.SliceOfN(piece, 1, 6).Draw(t, label), "") }
		folder, command := "/"+text("folder"), "/"+text("command")
		var s Said
		doas("ana ran command "+command+" as root from "+folder, &s)
		if s.user != "ana" || s.Twice == "" && (s.effective != "root" || s.Command != command || s.cwd != folder) {
			t.Fatalf("in %q with %q: %q as %q, %q, %q", folder, command, s.user, s.effective, s.Command, s.cwd)
		}
	})
}

// TestPrograms: each program's line is read by its own reader, and no other's is.
func TestPrograms(t *testing.T) {
	for _, c := range []struct{ program, text, action, outcome, user string }{
		{"sshd", "Accepted publickey for ana from 192.0.2.1 port 4711 ssh2", "logged-in", "success", "ana"},
		{"sshd-session", "Failed password for bob from 192.0.2.1 port 4711 ssh2", "logged-in", "failure", "bob"},
		{"sudo", "   ana : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/ls", "ran-command", "success", "ana"},
		{"su", "(to root) ana on pts/1", "authenticated", "success", "ana"},
		{"CRON", "(root) CMD (true)", "executed", "success", "root"},
		{"systemd", "pam_unix(systemd-user:session): session opened for user ana(uid=1000) by (uid=0)", "started-session", "success", "ana"},
		{"systemd", "Accepted publickey for ana from 192.0.2.1 port 4711 ssh2", "", "", ""},
		{"sshd", "(root) CMD (true)", "", "", ""},
		{"sshd", "User ana from 192.0.2.1 not allowed because not listed in AllowUsers", "was-authorized", "failure", "ana"},
		{"sshd", "User not allowed because of this", "", "", ""},
		{"sshd", "Accepted key RSA SHA256:x found at /home/ana/.ssh/authorized_keys:1", "", "", ""},
		{"sshd", "Failed to allocate a terminal for ana from 192.0.2.1 port 1", "", "", ""},
		{"sudo-rs", "ana : TTY=/dev/pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/ls", "ran-command", "success", "ana"},
		{"usermod", "add 'ana' to group 'docker'", "modified-group-account", "success", ""},
		{"usermod", "add 'ana' to shadow group 'docker'", "", "", ""},
		{"gpasswd", "user ana added to group docker", "", "", ""},
		{"systemd", "user ana added by root to group docker", "", "", ""},
		{"", "Accepted publickey for ana from 192.0.2.1 port 4711 ssh2", "", "", ""},
	} {
		var s Said
		Read(c.program, c.text, &s)
		var f event.Fields
		s.Fields(&f, c.program)
		if s.Action != c.action || s.Outcome != c.outcome || f.Get(schema.UserName).Str() != c.user || s.Known != (c.action != "") {
			t.Errorf("%s %q: %+v", c.program, c.text, s)
		}
	}
}

// FuzzRead: nothing makes a reader panic, and every name is a part of the text.
func FuzzRead(f *testing.F) {
	for _, s := range []string{"Failed password for x from 1.2.3.4 port 1 ssh2: RSA k", "ana : TTY=p ; PWD=/ ; USER=root ; COMMAND=/x", "(to a) b on c",
		"(a) CMD (b)", "new user: name=web, UID=48", "pam_unix(a:b): authentication failure; tty=ssh rhost=h  user=u", "FAILED LOGIN 1 FROM x FOR 'y', z", "a ran command b as c from d", "add 'a' to group 'b'", "pam_access(a:b): access denied for user `a' from `b'", "User not allowed because "} {
		f.Add("sshd", s)
	}
	f.Fuzz(func(t *testing.T, program, text string) {
		var s Said
		Read(program, text, &s)
		for _, part := range [...]string{s.user, s.effective, s.target, s.group, s.addr, s.tty, s.cwd, s.Command} {
			if part != "root" && !strings.Contains(text, part) {
				t.Errorf("%q of %q is not in it", part, text)
			}
		}
	})
}
