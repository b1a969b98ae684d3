package docker

import (
	"encoding/binary"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// box is a container of the fake engine, and what it printed.
type box struct {
	id, name, driver string
	tty, running     bool
	log              []said
}

// said is what the engine read of a container at once.
type said struct {
	stream int // 1 stdout, 2 stderr
	nano   int64
	text   string // with its line end, unless it is a piece
}

// stampForm is that of the engine: always nine digits.
const stampForm = "2006-01-02T15:04:05.000000000Z07:00"

// bytes is what the engine sends of it.
func (s said) bytes(tty bool) []byte {
	text := time.Unix(0, s.nano).UTC().Format(stampForm) + " " + s.text
	if tty {
		return []byte(text)
	}
	head := make([]byte, frameHead, frameHead+len(text))
	head[0] = byte(s.stream)
	binary.BigEndian.PutUint32(head[4:], uint32(len(text)))
	return append(head, text...)
}

// change changes the containers, and wakes who waits.
func (f *fakeEngine) change(how func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	how()
	close(f.changed)
	f.changed = make(chan struct{})
}

// put adds a container.
func (f *fakeEngine) put(b *box) *box {
	f.change(func() {
		if f.boxes == nil {
			f.boxes = map[string]*box{}
		}
		f.boxes[b.id] = b
	})
	return b
}

// print has a container print.
func (f *fakeEngine) print(b *box, list ...said) {
	f.change(func() { b.log = append(b.log, list...) })
}

// box answers what is asked of containers that print.
func (f *fakeEngine) box(w http.ResponseWriter, r *http.Request) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	w.Header().Set("Date", time.Unix(0, begun+f.clock).UTC().Format(http.TimeFormat))
	if r.URL.Path == "/containers/json" {
		list := []string{}
		for id := range f.boxes {
			list = append(list, `{"Id":"`+id+`"}`)
		}
		_, _ = fmt.Fprintf(w, "[%s]", strings.Join(list, ","))
		return true
	}
	part := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	if len(part) != 3 || part[0] != "containers" || f.boxes[part[1]] == nil {
		return false
	}
	b := f.boxes[part[1]]
	if part[2] == "json" {
		_, _ = fmt.Fprintf(w, `{"Id":%q,"Name":"/%s","State":{"Running":%v},"HostConfig":{"LogConfig":{"Type":%q}},"Config":{"Tty":%v}}`, b.id, b.name, b.running, b.driver, b.tty)
		return true
	}
	f.serveLog(w, r, b)
	return true
}

// serveLog sends what a container printed since a time, and what it prints; f.mu
// is held, but while it writes and waits.
func (f *fakeEngine) serveLog(w http.ResponseWriter, r *http.Request, b *box) {
	since := nanoOf(r.URL.Query().Get("since"))
	follow := r.URL.Query().Get("follow") == "1"
	out := http.NewResponseController(w)
	for at := 0; ; {
		list, tty, cut := b.log[min(at, len(b.log)):], b.tty, f.cutAt
		at = len(b.log)
		more, changed, quit := follow && b.running && f.boxes[b.id] == b, f.changed, f.quit
		f.mu.Unlock()
		broke := f.sendLog(w, out, list, since, tty, cut)
		if more && !broke {
			select {
			case <-changed:
			case <-quit:
				broke = true
			case <-r.Context().Done():
				broke = true
			}
		}
		f.mu.Lock()
		if broke || !more {
			return
		}
	}
}

// sendLog reports whether the connection broke: because the client went away, or
// because it is to be cut within the first that is longer than cut.
func (f *fakeEngine) sendLog(w http.ResponseWriter, out *http.ResponseController, list []said, since int64, tty bool, cut int) bool {
	for _, s := range list {
		if s.nano < since {
			continue
		}
		text := s.bytes(tty)
		if cut > 0 && len(text) > cut {
			_, _ = w.Write(text[:cut])
			_ = out.Flush()
			f.mu.Lock()
			f.cutAt = 0
			f.mu.Unlock()
			if conn, _, err := out.Hijack(); err == nil {
				_ = conn.Close()
			}
			return true
		}
		if _, err := w.Write(text); err != nil {
			return true
		}
	}
	return out.Flush() != nil
}
