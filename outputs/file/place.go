package file

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/template"
)

// The bounds of a path with places. A name has 255 bytes at most, and a rotated
// file's has a stamp and endings besides.
const (
	mostPlaces = 4
	mostValue  = 48
	mostName   = 255 - len(".20060102T150405.000Z.zst.part")
)

// overflow stands in each place of the path for what is one file too many.
const overflow = "overflow"

const pathHint = `write it as /var/log/tallyman/{{ container.name | host.name }}.jsonl`

// place is where events are written: one file, or one for what each event says.
type place struct {
	text *template.Template
	part template.Rule
	dir  string // what a relative path starts at
	root string // the folder that must exist; those below it are made
	buf  []byte

	rest template.Rule // for the path of events whose own would be one too many
}

// compile reads the path.
func compile(t plugin.Text) (*template.Template, plugin.Problems) {
	text, wrong := template.Parse(t, "path", template.Options{Places: mostPlaces})
	if wrong == nil && !text.Fixed() {
		if err := confined(text); err != nil {
			wrong = plugin.Problems{{Pos: t.Pos, Width: len(t.Value), Key: "path", Text: "path: " + err.Error()}}
		}
	}
	for i := range wrong {
		wrong[i].Hint = pathHint
	}
	return text, wrong
}

// confined refuses a path with places that would lead out of its folder, or
// whose values could choose a whole name: that of a file which is not ours.
func confined(text *template.Template) error {
	for t := range text.Texts {
		if strings.ContainsFunc(t, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			return fmt.Errorf("%q holds a control character", t)
		}
	}
	whole := text.Example(strings.Repeat("x", mostValue))
	parts := strings.Split(strings.TrimPrefix(whole, "/"), "/")
	for _, part := range parts {
		switch {
		case part == "" || part == "." || part == "..":
			return fmt.Errorf("it has a part %q between slashes", part)
		case len(part) > mostName:
			return fmt.Errorf("its name may become %d bytes long, and %d are the most", len(part), mostName)
		}
	}
	short, _ := lastPart(text.Example("\x00"))
	if strings.Trim(short, "\x00") == "" {
		return errors.New("the file's name is nothing but a value, so that an event could choose any file of the folder")
	}
	return nil
}

func lastPart(path string) (name, dir string) {
	at := strings.LastIndexByte(path, '/') + 1
	return path[at:], path[:at]
}

// newPlace resolves the path of the settings.
func newPlace(c *Settings, dir string) (*place, error) {
	text, wrong := compile(c.Path)
	if wrong != nil {
		return nil, wrong
	}
	p := &place{text: text, part: template.Part(mostValue), rest: template.Part(mostValue)}
	p.rest.Absent = overflow
	if text.Fixed() {
		p.root = filepath.Dir(absolute(c.Path.Value, dir))
		return p, nil
	}
	_, head := lastPart(text.Head())
	p.root = absolute(head, dir)
	if !filepath.IsAbs(c.Path.Value) {
		p.dir = filepath.Clean(dir) + "/"
	}
	return p, nil
}

// of returns the path for an event; the bytes are good until the next call.
func (p *place) of(e *event.Event) []byte { return p.fill(e, &p.part) }

// overflow is the path of events whose own would be one too many; the bytes are good
// until the next call.
func (p *place) overflow(now time.Time) []byte { return p.fill(&event.Event{Time: now}, &p.rest) }

func (p *place) fill(e *event.Event, rule *template.Rule) []byte {
	p.buf, _ = p.text.Append(append(p.buf[:0], p.dir...), e, rule)
	if bytes.IndexByte(p.buf, 'Z') >= 0 { // every stamp has one
		name, _ := lastPart(string(p.buf))
		if _, ok := split(name); ok { // it would be taken for a rotated file of another
			p.buf = append(p.buf, '_')
		}
	}
	return p.buf
}

// folders makes the folders of path that are missing below the root. A link
// among them is refused: what an event says must not lead elsewhere.
func (p *place) folders(path string, own owner, sync bool) error {
	rest, ok := strings.CutPrefix(filepath.Dir(path), p.root)
	if !ok || rest == "" {
		return nil
	}
	at := p.root
	for _, part := range strings.Split(strings.Trim(rest, "/"), "/") {
		above := at
		at = filepath.Join(at, part)
		info, err := os.Lstat(at)
		switch {
		case err == nil && !info.IsDir():
			return fmt.Errorf("%s is %s and no folder", at, kind(info.Mode()))
		case err == nil:
			continue
		case !errors.Is(err, fs.ErrNotExist):
			return err
		}
		if err := makeFolder(at, above, own, sync); err != nil {
			return err
		}
	}
	return nil
}

// makeFolder makes a folder that those may enter who may read its files.
func makeFolder(path, above string, own owner, sync bool) error {
	mode := own.mode | own.mode&0o444>>2 | 0o700
	if err := os.Mkdir(path, mode); err != nil {
		return err
	}
	if err := os.Chmod(path, mode); err != nil {
		return err
	}
	if own.uid >= 0 || own.gid >= 0 {
		if err := os.Lchown(path, own.uid, own.gid); err != nil {
			return err
		}
	}
	if sync {
		return syncDir(above)
	}
	return nil
}
