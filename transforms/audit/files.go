package audit

import (
	"slices"
	"strings"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// files writes the file that the event is about.
func (f *facts) files(node string) {
	if f.call != nil && f.sys && (f.call.mode >= 0 || f.omode != "") {
		f.modeRequested()
	}
	if f.call != nil && f.call.opens && f.sys { // also where access control refused it
		f.openFlags()
	}
	at, second := f.subject()
	if name := f.calledName(); name == "connect" || name == "bind" {
		at = -1 // the path of the socket is its address
	}
	if at < 0 || f.ino != "" && f.ino != f.paths[at].inode || f.acPath != "" {
		f.accessed()
		return
	}
	f.leftover("dev", f.dev)
	f.called(at, second, node)
}

// called writes the file of PATH records, as the call names it.
func (f *facts) called(at, second int, node string) {
	dir, dir2 := int8(-1), int8(-1)
	if f.call != nil {
		if dir, dir2 = f.call.dir, f.call.dir2; f.call.two && f.call.action.name != "renamed" {
			dir, dir2 = dir2, dir // the link is the second argument
		}
	}
	p := &f.paths[at]
	f.path = f.resolve(p.name, dir)
	f.pathFields(f.path)
	if f.acName != "" && !strings.HasSuffix(f.path, f.acName) {
		f.leftover("name", f.acName)
	}
	f.inode(p, node)
	if second < 0 {
		return
	}
	name := f.paths[second].name
	if !strings.HasPrefix(f.call.name, "symlink") { // what a symbolic link says is no path of this process
		name = f.resolve(name, dir2)
	}
	f.toPath = name
	f.out.AddString(schema.FileTargetPath, name)
}

// pathFields writes a path and its parts.
func (f *facts) pathFields(s string) {
	if s == "" {
		return
	}
	out := &f.out
	out.AddString(schema.FilePath, s)
	i := strings.LastIndexByte(s, '/')
	name := s[i+1:]
	out.AddString(schema.FileName, name)
	switch {
	case i > 0:
		out.AddString(schema.FileDirectory, s[:i])
	case i == 0:
		out.AddString(schema.FileDirectory, "/")
	}
	if dot := strings.LastIndexByte(name, '.'); dot > 0 {
		out.AddString(schema.FileExtension, name[dot+1:])
	}
}

// inode writes what PATH says of the file itself.
func (f *facts) inode(p *path, node string) {
	out := &f.out
	out.AddString(schema.FileInode, p.inode)
	k, at := p.tail, len(*out)
	if node != "" {
		k = nil
	}
	if k != nil && k.inode != nil && k.inodeAs == f.users.changes {
		*out = append(*out, k.inode...)
		return
	}
	f.rights(p, node)
	if k != nil {
		k.inode, k.inodeAs = slices.Clone((*out)[at:]), f.users.changes
	}
}

// rights writes what PATH says of a file beside its inode.
func (f *facts) rights(p *path, node string) {
	out := &f.out
	out.AddString(schema.FileDevice, p.dev)
	if m, ok := octal(p.mode); ok {
		out.AddString(schema.FileType, fileType(m))
		out.AddString(schema.FileMode, f.modeText(p.mode, m))
	}
	if !unset(p.ouid) {
		out.AddString(schema.FileUID, p.ouid)
		out.AddString(schema.FileOwner, or(p.owner, f.users.user(node, p.ouid)))
	}
	if !unset(p.ogid) {
		out.AddString(schema.FileGID, p.ogid)
		out.AddString(schema.FileGroup, or(p.group, f.users.group(node, p.ogid)))
	}
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// modeText returns the last four octal digits of a mode: 0100644 is 0644.
func (f *facts) modeText(s string, m uint64) string {
	if len(s) >= 4 {
		return s[len(s)-4:]
	}
	f.buf = append(f.buf[:0], '0', byte('0'+m>>6&7), byte('0'+m>>3&7), byte('0'+m&7))
	return f.arena.keep(f.buf)
}

// fileType returns the kind of file of a mode (S_IFMT of stat.h).
func fileType(m uint64) string {
	switch m & 0o170000 {
	case 0o100000:
		return "file"
	case 0o040000:
		return "dir"
	case 0o120000:
		return "symlink"
	case 0o140000:
		return "socket"
	case 0o010000:
		return "pipe"
	case 0o020000:
		return "char"
	case 0o060000:
		return "block"
	}
	return ""
}

// accessed writes the file of an AVC or Landlock record. name is only the last
// part of a path, so it is no file.path.
func (f *facts) accessed() {
	out := &f.out
	switch {
	case f.appArmor == "STATUS": // it is the name of a profile
		f.leftover("name", f.acName)
		return
	case f.acPath != "":
		f.path = f.acPath
		f.leftover("name", f.acName)
	case strings.HasPrefix(f.acName, "/"): // AppArmor gives the whole path
		f.path = f.acName
	case f.acName != "":
		out.AddString(schema.FileName, f.acName)
	}
	f.pathFields(f.path)
	if f.ino != "" {
		out.AddString(schema.FileInode, f.ino)
		out.AddString(schema.FileDevice, f.dev)
	} else {
		f.leftover("dev", f.dev)
	}
}

func (f *facts) modeRequested() {
	if f.call.opens && f.openBits()&openCreate == 0 {
		return
	}
	if f.omode != "" {
		if m, ok := octal(f.omode); ok {
			f.out.Add(schema.FileModeRequested, event.Int(int64(m&0o7777)))
		}
		return
	}
	if f.call.mode < 0 {
		return
	}
	if m, ok := hexNum(f.arg[f.call.mode]); ok {
		f.out.Add(schema.FileModeRequested, event.Int(int64(m&0o7777)))
	}
}

// The flags of open (asm-generic/fcntl.h). Arm and powerpc have other numbers
// for four of them.
const (
	openWrite  = 0o1
	openRdwr   = 0o2
	openCreate = 0o100
	openTrunc  = 0o1000
)

type openFlag struct {
	bits uint64
	name string
}

var openFlags = [...]openFlag{
	{0o100, "O_CREAT"}, {0o200, "O_EXCL"}, {0o400, "O_NOCTTY"}, {0o1000, "O_TRUNC"}, {0o2000, "O_APPEND"}, {0o4000, "O_NONBLOCK"},
	{0o4010000, "O_SYNC"}, {0o10000, "O_DSYNC"}, {0o20000, "O_ASYNC"}, {0o40000, "O_DIRECT"}, {0o100000, "O_LARGEFILE"},
	{0o20200000, "O_TMPFILE"}, {0o200000, "O_DIRECTORY"}, {0o400000, "O_NOFOLLOW"}, {0o1000000, "O_NOATIME"},
	{0o2000000, "O_CLOEXEC"}, {0o10000000, "O_PATH"},
}

// lowOpenFlags are those of arm, aarch64 and powerpc.
var lowOpenFlags = [...]openFlag{
	{0o100, "O_CREAT"}, {0o200, "O_EXCL"}, {0o400, "O_NOCTTY"}, {0o1000, "O_TRUNC"}, {0o2000, "O_APPEND"}, {0o4000, "O_NONBLOCK"},
	{0o4010000, "O_SYNC"}, {0o10000, "O_DSYNC"}, {0o20000, "O_ASYNC"}, {0o200000, "O_DIRECT"}, {0o400000, "O_LARGEFILE"},
	{0o20040000, "O_TMPFILE"}, {0o40000, "O_DIRECTORY"}, {0o100000, "O_NOFOLLOW"}, {0o1000000, "O_NOATIME"},
	{0o2000000, "O_CLOEXEC"}, {0o10000000, "O_PATH"},
}

// openBits returns the flags of an open, 0 where the records do not say. All of them must
// have been read.
func (f *facts) openBits() uint64 {
	if !f.flagged {
		f.flags, f.flagged = f.readBits(), true
	}
	return f.flags
}

func (f *facts) readBits() uint64 {
	if f.oflag != "" {
		n, _ := octal(f.oflag)
		return n
	}
	if f.call.flags < 0 {
		return 0
	}
	n, _ := hexNum(f.arg[f.call.flags])
	return n
}

func (f *facts) openFlags() {
	if f.call.flags < 0 && f.oflag == "" || f.arch == nil || !f.arch.flags {
		return
	}
	bits := f.openBits()
	switch bits & 3 {
	case 0:
		f.out.AddString(schema.AuditdOpenFlags, "O_RDONLY")
	case openWrite:
		f.out.AddString(schema.AuditdOpenFlags, "O_WRONLY")
	case openRdwr:
		f.out.AddString(schema.AuditdOpenFlags, "O_RDWR")
	}
	table := openFlags[:]
	if f.arch.low {
		table = lowOpenFlags[:]
	}
	for _, x := range table {
		if bits&x.bits == x.bits {
			f.out.AddString(schema.AuditdOpenFlags, x.name)
			bits &^= x.bits
		}
	}
}

// openType returns what an open did to the file.
func (f *facts) openType() string {
	if f.pathOf("CREATE") >= 0 {
		return "creation"
	}
	if bits := f.openBits(); bits&3 != 0 || bits&openTrunc != 0 {
		return "change"
	}
	return "access"
}
