package audit

import (
	"bytes"
	"strconv"
	"strings"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// path is one PATH record.
type path struct {
	name, inode string
	*rights
	tail  *pathTail // nil where it was not read by it
	items int       // how many of facts.items are its members, where tail is nil
}

// rights is what a PATH record says of a file beside its name and its inode.
type rights struct {
	dev, mode, ouid, ogid, rdev, kind string
	owner, group                      string
}

// The members of auditd.paths whose names stand ready for the first items.
var pathMembers = [...]string{"name", "inode", "dev", "mode", "ouid", "ogid", "rdev", "nametype", "obj"}

const readyItems = 8

// pathNames returns "0.name", "0.inode" and so on.
func pathNames() (names [readyItems][len(pathMembers)]string) {
	for i := range names {
		for j, m := range pathMembers {
			names[i][j] = strconv.Itoa(i) + "." + m
		}
	}
	return names
}

// member adds one member of the PATH record that is read; at is its place in
// pathMembers, -1 for another.
func (f *facts) member(item, at int, key, val string) {
	if val == "" {
		return
	}
	name := ""
	if item < readyItems && at >= 0 {
		name = f.t.tables.paths[item][at]
	} else {
		if key == "" {
			key = "text" // words that are no field
		}
		f.buf = append(append(strconv.AppendInt(f.buf[:0], int64(item), 10), '.'), key...)
		name = f.arena.keep(f.buf)
	}
	f.items = append(f.items, event.NewField(schema.AuditdPaths, name, event.String(val)))
}

// pathRecord reads a PATH record. Every field is kept as a member of
// auditd.paths, but for what says that there is nothing: no device number, no
// file capabilities, an item number that is its place.
func (f *facts) pathRecord(r *Record) {
	text := r.Body
	known, tail, h := f.knownPath(r)
	if known {
		return
	}
	r.partBody()
	p := &f.place
	item, first := len(f.paths), len(f.items)
	*p = path{rights: f.rightsOf(item)}
	var t Token
	w := Walk{s: r.Body, i: f.pathInOrder(item, r.Body)}
	for w.next(&t) {
		val, at := t.Val, -1
		if nothing(&t) {
			continue
		}
		switch t.Key {
		case "item":
			if n, ok := decimal(val); ok && n == int64(item) {
				continue
			}
			f.turned = true
		case "name":
			val, at = f.text(&t), 0
			f.only(&p.name, val)
		case "inode":
			f.only(&p.inode, val)
			at = 1
		case "dev":
			f.only(&p.dev, val)
			at = 2
		case "mode":
			f.only(&p.mode, val)
			at = 3
		case "ouid":
			f.only(&p.ouid, val)
			at = 4
		case "ogid":
			f.only(&p.ogid, val)
			at = 5
		case "rdev":
			at = 6
		case "nametype":
			f.only(&p.kind, val)
			at = 7
		case "objtype": // RHEL 7's word
			f.only(&p.kind, val)
		case "obj":
			at = 8
		case "cap_fp", "cap_fi":
			if n, ok := hexNum(val); ok {
				f.member(item, -1, f.t.tables.textKey(t.Key), f.t.tables.lists.capSet.text(f, n))
			}
		default:
			val = f.value(&t)
		}
		f.member(item, at, t.Key, val)
	}
	f.seen(&w)
	if r.Enriched != "" {
		f.pathNames(p, r.Enriched)
	}
	p.items = len(f.items) - first
	f.paths = append(f.paths, *p)
	if tail > 0 {
		f.learnPath(r, text, tail, first, h)
	}
}

// rightsOf returns the memory for those of an item, empty.
func (f *facts) rightsOf(item int) *rights {
	if item >= len(f.ofPaths) {
		return &rights{}
	}
	f.ofPaths[item] = rights{}
	return &f.ofPaths[item]
}

// addPaths writes the members of the PATH records in their order.
func (f *facts) addPaths() {
	out, items := &f.out, f.items
	for i := range f.paths {
		p := &f.paths[i]
		if p.tail == nil {
			*out, items = append(*out, items[:p.items]...), items[p.items:]
			continue
		}
		names := &f.t.tables.paths[i]
		*out = append(*out, event.NewField(schema.AuditdPaths, names[0], event.String(p.name)))
		if p.inode != "" {
			*out = append(*out, event.NewField(schema.AuditdPaths, names[1], event.String(p.inode)))
		}
		*out = append(*out, p.tail.members...)
	}
}

// only sets a member of a PATH record. Of one that stands twice the first counts.
func (f *facts) only(dst *string, val string) {
	if *dst == "" {
		*dst = val
	} else if *dst != val {
		f.duplicate = true
	}
}

// nothing reports whether a member says that there is nothing: no device number,
// no file capabilities.
func nothing(t *Token) bool {
	switch t.Key {
	case "rdev":
		if t.Val == "00:00" {
			return true
		}
	case "cap_fp", "cap_fi", "cap_fe", "cap_fver", "cap_frootid":
		return strings.Trim(t.Val, "0") == "" || t.Val == "?"
	}
	return t.Form == Bare && none(t.Val)
}

func (f *facts) pathNames(p *path, enriched string) {
	var t Token
	w := NewWalk(enriched)
	for w.next(&t) {
		switch t.Key {
		case "OUID":
			nameOf(&p.owner, t.Val)
		case "OGID":
			nameOf(&p.group, t.Val)
		}
	}
	f.seen(&w)
}

func (f *facts) cwdRecord(r *Record) {
	if f.plainCwd(r) {
		return
	}
	r.partBody()
	f.cur = r.Body
	var t Token
	w := NewWalk(r.Body)
	for w.next(&t) {
		if t.Key == "cwd" {
			f.first(&f.cwd, t.Key, f.text(&t))
		} else {
			f.rest(&t)
		}
	}
	f.seen(&w)
	f.cur = ""
}

// subject returns the paths that the call is about: the first is what is acted
// on, the second the new name of a rename or what a link points to. -1 is none.
func (f *facts) subject() (at, second int) {
	at, second = -1, -1
	if len(f.paths) == 0 {
		return
	}
	c := f.call
	if f.exec || c != nil && c.executes() {
		return 0, -1
	}
	if c != nil && c.two {
		return f.twoPaths(c.action.name == "renamed")
	}
	if at = f.pathOf("CREATE"); at < 0 {
		at = f.pathOf("DELETE")
	}
	if at < 0 {
		at = f.pathOf("NORMAL")
	}
	if at < 0 {
		at = f.pathOf("")
	}
	if at < 0 {
		at = f.pathOf("UNKNOWN")
	}
	// Old kernels give no nametype: the folder comes first, then what is in it.
	if at >= 0 && f.paths[at].kind == "" && len(f.paths) == 2 && strings.HasSuffix(f.paths[0].name, "/") {
		at = 1
	}
	return at, second
}

// twoPaths returns the old and the new name of a rename, or the link and what
// it points to.
func (f *facts) twoPaths(rename bool) (at, second int) {
	created := -1
	for i := range f.paths {
		if f.paths[i].kind == "CREATE" {
			created = i // a rename over a file names it first as deleted, then as created
		}
	}
	old := f.pathOf("DELETE")
	for _, kind := range [...]string{"NORMAL", "UNKNOWN", ""} {
		if old < 0 {
			old = f.pathOf(kind)
		}
	}
	if rename {
		return old, created
	}
	if created < 0 {
		return old, -1 // it failed: the new name may not be there
	}
	return created, old
}

// pathOf returns the first path of a nametype, -1 for none.
func (f *facts) pathOf(kind string) int {
	for i := range f.paths {
		k := f.paths[i].kind
		if len(k) == len(kind) && (k == "" || k[0] == kind[0] && k == kind) { // those that are most often there have one length
			return i
		}
	}
	return -1
}

// resolve makes a path absolute and free of "." and "..". A path that is
// relative to an open directory stays relative: the log does not say which
// directory that is, unless the record of the parent does.
func (f *facts) resolve(name string, dir int8) string {
	if name == "" {
		return ""
	}
	base := f.cwd
	if name[0] != '/' && dir >= 0 && !atCwd(f.arg[dir]) {
		base = ""
		if i := f.pathOf("PARENT"); i >= 0 && strings.HasPrefix(f.paths[i].name, "/") && !strings.Contains(name, "/") {
			base = f.paths[i].name
		}
	}
	if name[0] == '/' {
		if tidy(name) {
			return name
		}
		base = ""
	} else if base == "" || base[0] != '/' {
		return name
	}
	f.buf = clean(f.buf[:0], base, name)
	return f.arena.keep(f.buf)
}

// atCwd reports whether a directory argument is AT_FDCWD, -100.
func atCwd(arg string) bool { return arg == "ffffff9c" || arg == "ffffffffffffff9c" }

// tidy reports whether clean would leave an absolute path as it is.
func tidy(s string) bool {
	if len(s) > 1 && s[len(s)-1] == '/' {
		return false
	}
	const ones, tops, slashes = 0x0101010101010101, 0x8080808080808080, 0x2f2f2f2f2f2f2f2f
	i := 0
	for ; i+9 <= len(s); i += 8 {
		a, b := load(s, i)^slashes, (load(s, i+1)|ones)^slashes // b has a zero for a slash and a full stop
		if (a-ones)&^a&(b-ones)&^b&tops != 0 {
			break
		}
	}
	for ; i+1 < len(s); i++ {
		if s[i] != '/' {
			continue
		}
		if s[i+1] == '/' {
			return false
		}
		if s[i+1] == '.' && (i+2 == len(s) || s[i+2] == '/' || s[i+2] == '.' && (i+3 == len(s) || s[i+3] == '/')) {
			return false
		}
	}
	return true
}

// clean appends base and name as one absolute path.
func clean(dst []byte, base, name string) []byte {
	for _, s := range [...]string{base, name} {
		for s != "" {
			var part string
			part, s, _ = strings.Cut(s, "/")
			switch part {
			case "", ".":
			case "..":
				dst = dst[:max(0, bytes.LastIndexByte(dst, '/'))]
			default:
				dst = append(append(dst, '/'), part...)
			}
		}
	}
	if len(dst) == 0 {
		dst = append(dst, '/')
	}
	return dst
}
