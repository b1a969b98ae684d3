package audit

import (
	"net/netip"
	"strings"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// unset reports whether an id says that there is none: the login uid and the
// session of a process that nobody logged in for.
func unset(s string) bool {
	switch s {
	case "", "4294967295", "-1", "unset", "?", "18446744073709551615", "(null)":
		return true
	}
	return false
}

// process writes what the records say of the process.
func (f *facts) process() {
	out := &f.out
	f.addInt(schema.ProcessPID, "pid", f.pid)
	f.addInt(schema.ProcessParentPID, "ppid", f.ppid)
	out.AddString(schema.ProcessName, f.comm)
	if !none(f.exe) {
		out.AddString(schema.ProcessExecutable, f.exe)
	}
	out.AddString(schema.ProcessWorkingDirectory, f.cwd)
	f.arguments()
	if tty := f.tty; !none(tty) {
		out.AddString(schema.ProcessTTYName, strings.TrimPrefix(tty, "/dev/"))
		if f.sys {
			out.Add(schema.ProcessInteractive, event.Bool(true))
		}
	}
	if !unset(f.ses) {
		out.AddString(schema.AuditdSession, f.ses)
	}
	if f.call != nil && f.call.name == "exit_group" {
		if n, ok := hexNum(f.arg[0]); ok {
			out.Add(schema.ProcessExitCode, event.Int(int64(n&0xff)))
		}
	}
}

// arguments writes the command line: from EXECVE, else as the process shows it.
func (f *facts) arguments() {
	out := &f.out
	// Of a failed execution PROCTITLE shows who tried it, not what was to be run.
	executed := f.call != nil && f.call.executes() && f.success == "yes"
	switch {
	case f.exec:
		for _, a := range f.args {
			out.Add(schema.ProcessArgs, event.String(a))
		}
		n := f.argv.count
		if n < 0 {
			n = int64(len(f.args))
		}
		out.Add(schema.ProcessArgsCount, event.Int(n))
		f.line = f.commandLine(f.args)
		out.AddString(schema.ProcessCommandLine, f.line)
		if !f.titleIsArgs() {
			out.AddString(schema.ProcessTitle, f.titleText())
		}
	case f.cmd != "":
		f.line = f.cmd
		out.AddString(schema.ProcessCommandLine, f.cmd)
	case f.title != "":
		f.titleFields()
		if executed {
			f.line = f.commandLine(f.args)
			out.AddString(schema.ProcessCommandLine, f.line)
		}
	}
}

// titleIsArgs reports whether PROCTITLE says nothing that EXECVE does not: it is
// the start of the arguments, cut at 128 bytes.
func (f *facts) titleIsArgs() bool {
	t := f.title
	for i, a := range f.args {
		if t == "" {
			return true
		}
		if i > 0 {
			if t[0] != 0 {
				return false
			}
			t = t[1:]
		}
		if len(a) >= len(t) {
			return strings.HasPrefix(a, t)
		}
		if !strings.HasPrefix(t, a) {
			return false
		}
		t = t[len(a):]
	}
	return t == ""
}

// addInt writes a number, or keeps its text where it is none.
func (f *facts) addInt(k schema.Key, name, s string) {
	if n, ok := decimal(s); ok {
		f.out.Add(k, event.Int(n))
	} else {
		f.known(name, s)
	}
}

// network writes the socket address of the event, to the side that the call
// names.
func (f *facts) network(p *pending, v *verdict) {
	f.peer()
	f.socketPath()
	name := f.calledName()
	f.recall(name, p.ms)
	f.remember(name, p.ms, v)
	f.packetFields()
	if !f.sock.known() {
		return
	}
	s, r := &f.sock, f.role()
	out := &f.out
	if s.family == "" {
		f.leftover("socket_family", s.other)
	}
	out.AddString(schema.NetworkType, s.family)
	out.AddString(schema.NetworkTransport, s.transport)
	switch r {
	case roleSource:
		f.side(schema.SourceAddress, schema.SourceIP, schema.SourcePort, s, "ingress")
	case roleServer:
		f.side(schema.ServerAddress, schema.ServerIP, schema.ServerPort, s, "ingress")
	case roleDestination:
		f.side(schema.DestinationAddress, schema.DestinationIP, schema.DestinationPort, s, "egress")
	default: // a call that is not known to use sockets: the address is kept, its side is not guessed
		f.leftover("socket_address", s.text)
		if s.port >= 0 {
			f.leftover("socket_port", f.number(s.port))
		}
	}
}

func (f *facts) number(n int64) string {
	f.buf = event.AppendInt(f.buf[:0], n)
	return f.arena.keep(f.buf)
}

func (f *facts) calledName() string {
	switch {
	case f.sub != nil:
		return f.sub.name
	case f.call != nil && f.head.typ == typeSyscall:
		return f.call.name
	}
	return ""
}

func (f *facts) side(address, ip, port schema.Key, s *sock, direction string) {
	out := &f.out
	out.AddString(address, s.text)
	if s.ip.IsValid() {
		out.Add(ip, s.value)
		out.Add(schema.RelatedIP, s.value)
	}
	if s.port >= 0 {
		out.Add(port, event.Int(s.port))
	}
	if s.family == "ipv4" || s.family == "ipv6" || s.family == "unix" {
		out.AddString(schema.NetworkDirection, direction)
	}
}

// packetFields writes the two ends of a packet that a firewall's rule told of.
func (f *facts) packetFields() {
	k := &f.packet
	if k.source == "" && k.target == "" && k.sport == "" && k.dport == "" {
		return
	}
	out := &f.out
	for _, e := range [...]struct {
		address, ip, port schema.Key
		host, number      string
	}{
		{schema.SourceAddress, schema.SourceIP, schema.SourcePort, k.source, k.sport},
		{schema.DestinationAddress, schema.DestinationIP, schema.DestinationPort, k.target, k.dport},
	} {
		out.AddString(e.address, e.host)
		if ip, err := netip.ParseAddr(e.host); err == nil && ip.Zone() == "" {
			v := f.ips.value(ip)
			out.Add(e.ip, v)
			out.Add(schema.RelatedIP, v)
		}
		f.addInt(e.port, "port", e.number)
	}
}

// peer writes where a record of a program says that a user came from.
func (f *facts) peer() {
	out := &f.out
	addr := f.addr
	if none(addr) || addr == "0.0.0.0" && f.hostname == addr {
		addr = ""
	}
	if addr != "" {
		out.AddString(schema.SourceAddress, addr)
		if ip, err := netip.ParseAddr(addr); err == nil && ip.Zone() == "" {
			v := f.ips.value(ip)
			out.Add(schema.SourceIP, v)
			out.Add(schema.RelatedIP, v)
		}
	}
	if h := f.hostname; !none(h) && h != addr {
		if _, err := netip.ParseAddr(h); err != nil {
			out.AddString(schema.SourceDomain, h)
		} else if addr == "" {
			out.AddString(schema.SourceAddress, h)
		} else {
			f.leftover("hostname", h)
		}
		out.AddString(schema.RelatedHosts, h)
	}
	if f.tty == "ssh" {
		out.AddString(schema.NetworkProtocol, "ssh")
	}
}

// system writes what a program or a unit is called by.
func (f *facts) system() {
	if !none(f.unit) {
		f.out.AddString(schema.ServiceName, f.unit)
	}
	if user(f.head.typ) && !none(f.exe) {
		f.out.AddString(schema.EventProvider, f.exe[strings.LastIndexByte(f.exe, '/')+1:])
	}
}

// addData writes what belongs to no named field: what was kept of the records, and the system
// call. What need not be compared with what is there by now is written where it stays.
func (f *facts) addData() {
	if f.mixed {
		f.callData()
		f.out = append(f.out, f.data...)
		return
	}
	out := f.out
	if len(f.data) > 0 {
		out = append(out, f.data...)
	}
	if f.nr != "" {
		out.AddNamed(schema.AuditdData, "syscall", event.String(f.callName()))
	}
	if f.arch != nil {
		out.AddNamed(schema.AuditdData, "arch", event.String(f.arch.name))
	}
	if !none(f.exit) {
		out.AddNamed(schema.AuditdData, "exit", event.String(f.exit))
	}
	for i := range f.arg {
		if f.arg[i] != "" {
			out.AddNamed(schema.AuditdData, argNames[i], event.String(f.arg[i]))
		}
	}
	f.out, f.direct = out, true
	f.meanings()
	if k := f.tail; k != nil {
		f.out = append(f.out, k.groups...)
	} else {
		f.groups()
	}
	f.saidOf()
	f.direct = false
}

// callData is the same where leftover has to look at each.
func (f *facts) callData() {
	if f.nr != "" {
		f.leftover("syscall", f.callName())
	}
	if f.arch != nil {
		f.leftover("arch", f.arch.name)
	}
	f.known("exit", f.exit)
	for i, a := range f.arg {
		f.leftover(argNames[i], a)
	}
	f.meanings()
	f.groups()
	f.saidOf()
}

func (f *facts) groups() {
	f.leftover(groupNames[0], f.ids.egid)
	f.leftover(groupNames[1], f.ids.sgid)
	f.leftover(groupNames[2], f.ids.fsgid)
}

func (f *facts) saidOf() {
	if f.op == "" && f.unit == "" && f.oflag == "" && f.omode == "" {
		return // nearly always
	}
	f.known("op", f.op)
	f.known("unit", f.unit)
	f.leftover("oflag", f.oflag)
	f.leftover("mode", f.omode)
}

// groupNames are the groups of a process that have no field of their own.
var groupNames = [...]string{"egid", "sgid", "fsgid"}

var argNames = [4]string{"a0", "a1", "a2", "a3"}
