package s3

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"tallyman/pipeline/clienttls"
)

// mostManifest is how large a manifest may be; ours list a few hundred objects.
const mostManifest = 16 << 20

// Bucket is a bucket as verification looks at it.
type Bucket struct {
	name   string
	place  clienttls.Place
	client *s3.Client
	web    *http.Transport
}

// Root is what every key of an output begins with, for Options.Prefix: the text of its
// prefix up to the first value.
func Root(c *Settings) (string, error) {
	p, wrong := compile(c.Prefix)
	if wrong != nil {
		return "", wrong
	}
	return p.root, nil
}

// Open builds the client of a bucket from the settings of an output; relative
// paths start at dir. It connects to nothing.
func Open(c *Settings, dir string) (*Bucket, error) {
	client, web, err := connect(c, dir)
	if err != nil {
		return nil, err
	}
	return &Bucket{c.Bucket, clienttls.Place{Key: "endpoint", Address: c.Endpoint.Value, Plain: "http://"}, client, web}, nil
}

// Close gives back its connections.
func (b *Bucket) Close() { b.web.CloseIdleConnections() }

// Finding is one thing that is wrong with an archive, or worth saying.
type Finding struct {
	Archive string `json:"archive"`
	Key     string `json:"key,omitempty"`
	Text    string `json:"text"`
	Note    bool   `json:"note,omitempty"` // the archive is whole all the same
}

func (f Finding) String() string {
	if f.Key != "" {
		return f.Key + ": " + f.Text
	}
	return f.Archive + ": " + f.Text
}

// Whole is what one archive has: what one output of one host wrote from one
// journal.
type Whole struct {
	Archive   string `json:"archive"`
	Output    string `json:"output"`
	Manifests uint64 `json:"manifests"`
	Objects   uint64 `json:"objects"`
	Events    uint64 `json:"events"`
	Records   uint64 `json:"records"`
	Bytes     int64  `json:"bytes"`
	First     uint64 `json:"first_sequence"`
	Last      uint64 `json:"last_sequence"`
	Newer     uint64 `json:"objects_not_listed_yet"` // that the next manifest will list
}

// Report is what a verification found.
type Report struct {
	Archives []Whole   `json:"archives"`
	Findings []Finding `json:"findings"`
	Unsaid   int       `json:"more_findings"`
	bad      int
}

// OK reports whether every archive is whole.
func (r *Report) OK() bool { return r.bad == 0 && len(r.Archives) > 0 }

// Bad is how many findings are more than notes.
func (r *Report) Bad() int { return r.bad }

// mostFindings bounds the list.
const mostFindings = 1000

func (r *Report) say(archive, key string, note bool, format string, args ...any) {
	if !note {
		r.bad++
	}
	if len(r.Findings) == mostFindings {
		r.Unsaid++
		return
	}
	r.Findings = append(r.Findings, Finding{Archive: archive, Key: key, Text: fmt.Sprintf(format, args...), Note: note})
}

// Options of a verification.
type Options struct {
	Prefix string                                        // what the prefix of the output begins with, up to its first value
	Deep   bool                                          // every object is read and its SHA-256 recomputed
	At     func(done, total int64, objects, want uint64) // told how far it is, in bytes with Deep and objects without

	// Read, with Deep, is given each object that is listed and there, in the order of
	// keys, as it is stored. What it leaves unread is read after it; its error ends the
	// verification.
	Read func(key string, body io.Reader) error
}

// check is one verification.
type check struct {
	*Bucket
	Options
	root   string
	report *Report
	listed map[string]listing // by key
	last   map[string]uint64  // by archive, the last sequence that a manifest covers
	at     struct {
		bytes, total  int64
		objects, want uint64
	}
}

// listing is an object as a manifest has it.
type listing struct {
	Entry
	archive int // in report.Archives
	seen    bool
}

// Verify says whether the archives below a prefix are whole: the manifests of
// each follow each other without a hole and each bears the sum of the one before,
// their sequences are without a hole, and every object that they list is there,
// with its size and, with Deep, its bytes. An error is of the store; what is wrong
// with the archive is in the report.
func (b *Bucket) Verify(ctx context.Context, o Options) (*Report, error) {
	c := &check{Bucket: b, Options: o, report: &Report{Archives: []Whole{}, Findings: []Finding{}}, listed: map[string]listing{}, last: map[string]uint64{}}
	if c.root = strings.Trim(o.Prefix, "/"); c.root != "" {
		c.root += "/"
	}
	if err := c.manifests(ctx); err != nil {
		return nil, err
	}
	if err := c.objects(ctx); err != nil {
		return nil, err
	}
	if o.Deep {
		if err := c.deep(ctx); err != nil {
			return nil, err
		}
	}
	return c.report, nil
}

// manifests reads the chain of every archive.
func (c *check) manifests(ctx context.Context) error {
	var keys []string
	err := c.pages(ctx, c.root+manifestDir, func(key string, _ int64) error {
		if strings.HasSuffix(key, ".json") {
			keys = append(keys, key)
		}
		return nil
	})
	if err != nil {
		return err
	}
	slices.Sort(keys)
	for len(keys) > 0 {
		dir := path.Dir(keys[0])
		n := 0
		for n < len(keys) && path.Dir(keys[n]) == dir {
			n++
		}
		if err := c.chain(ctx, path.Base(dir), keys[:n]); err != nil {
			return err
		}
		keys = keys[n:]
	}
	return nil
}

// chain follows the manifests of one archive.
func (c *check) chain(ctx context.Context, archive string, keys []string) error {
	c.report.Archives = append(c.report.Archives, Whole{Archive: archive})
	w := &c.report.Archives[len(c.report.Archives)-1]
	expect, previous, through := uint64(1), Sum{}, uint64(0)
	for _, key := range keys {
		body, err := c.read(ctx, key)
		if err != nil {
			return err
		}
		number, _ := strconv.ParseUint(strings.TrimSuffix(path.Base(key), ".json"), 10, 64)
		m, err := decodeManifest(body)
		if err != nil {
			c.report.say(archive, key, false, "this manifest cannot be read: %v", err)
			expect, previous = number+1, Sum{}
			continue
		}
		c.link(w, m, key, link{number, expect, previous, through})
		c.take(m, key)
		expect, previous, through = number+1, sha256.Sum256(body), m.Last
	}
	c.last[archive] = through
	return nil
}

// link is what a manifest is held against.
type link struct {
	number, expect uint64 // by its key, and by the one before
	previous       Sum    // of the one before; zeros where that could not be read
	through        uint64
}

func (c *check) link(w *Whole, m *Manifest, key string, l link) {
	bad := func(format string, args ...any) { c.report.say(w.Archive, key, false, format, args...) }
	broken := l.number > l.expect
	switch {
	case l.number == l.expect+1:
		bad("manifest %d is missing before this one", l.expect)
	case broken:
		bad("manifests %d to %d are missing before this one", l.expect, l.number-1)
	case l.number < l.expect:
		bad("it is no manifest of this archive: its name is no number")
	case l.number > 1 && !l.previous.IsZero() && m.Previous != l.previous:
		bad("the manifest before it was changed: it has the SHA-256 %s and this one says %s", l.previous, m.Previous)
	}
	if m.Archive != w.Archive || m.Number != l.number {
		bad("it says that it is number %d of %s", m.Number, m.Archive)
	}
	if !broken && l.number > 1 && m.First != l.through+1 {
		bad("sequences %d to %d are in no manifest", l.through+1, m.First-1)
	}
	if m.Last+1 < m.First {
		bad("it covers the sequences %d to %d", m.First, m.Last)
	}
	for _, g := range m.Gaps {
		why := "were not given to the output: the ledger of tallyman counts what the journal dropped or lost"
		switch {
		case g.Key != "":
			why = "of " + g.Key + " were collected, and it was not at the store after a restart: the ledger of tallyman counts them as dropped; if it does not, the object was deleted"
		case g.Restart:
			why = "lie before a restart and left no trace: they held nothing for the output, or the ledger of tallyman counts them as dropped"
		}
		c.report.say(w.Archive, key, true, "sequences %d to %d %s", g.First, g.Last, why)
	}
	if w.Manifests == 0 {
		w.First = m.First
	}
	w.Manifests, w.Output, w.Last = w.Manifests+1, m.Output, m.Last
}

// take adds what a manifest lists.
func (c *check) take(m *Manifest, key string) {
	i := len(c.report.Archives) - 1
	w := &c.report.Archives[i]
	for _, e := range m.Objects {
		if other, there := c.listed[e.Key]; there {
			c.report.say(w.Archive, key, false, "it lists %s, which %s lists too", e.Key, c.report.Archives[other.archive].Archive)
			continue
		}
		c.listed[e.Key] = listing{Entry: e, archive: i}
		w.Objects, w.Events, w.Records, w.Bytes = w.Objects+1, w.Events+e.Events, w.Records+e.Records, w.Bytes+e.Bytes
		c.at.want++
		c.at.total += e.Bytes
	}
}
