// Package s3test is a store that speaks enough of S3 to test an output against,
// in memory, and that fails as real ones do. It checks checksums and conditions,
// and no signatures; it knows nothing of what is in an object.
package s3test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// Op is what a request asks for.
type Op string

// The operations.
const (
	Put      Op = "PutObject"
	Get      Op = "GetObject"
	Head     Op = "HeadObject"
	Create   Op = "CreateMultipartUpload"
	Part     Op = "UploadPart"
	Complete Op = "CompleteMultipartUpload"
	Abort    Op = "AbortMultipartUpload"
	Uploads  Op = "ListMultipartUploads"
	List     Op = "ListObjectsV2"
	Bucket   Op = "HeadBucket"
)

// Request is one request as a Fault sees it.
type Request struct {
	Op     Op
	Key    string
	Header http.Header
	N      int // how many requests of this operation came before
}

// Fault is what a store does wrong with one request. The zero Fault is nothing.
type Fault struct {
	Status  int                         // answer with this status and Code, and do nothing
	Code    string                      // of the XML error
	Header  http.Header                 // beside a Status
	Body    string                      // answer 200 with this body, and do nothing
	After   bool                        // do it, and answer with Status, or cut the connection, all the same
	Cut     bool                        // cut the connection, after half of the body was read unless After
	Wait    chan struct{}               // answer when it is closed, or the client has gone
	Replace func(w http.ResponseWriter) // read the body, and answer this
}

// Object is one object.
type Object struct {
	Body   []byte
	Header http.Header // of the request that began it
}

// Store is one bucket.
type Store struct {
	URL  string
	Name string

	mu      sync.Mutex // guards what follows
	objects map[string]Object
	uploads map[string]*upload
	serial  int
	counts  map[Op]int
	fault   func(Request) Fault
	rewrote []string // keys that were written twice
}

type upload struct {
	key    string
	header http.Header
	parts  map[int][]byte
}

// New starts a store; it ends with the test.
func New(t testing.TB) *Store {
	s := &Store{Name: "audit", objects: map[string]Object{}, uploads: map[string]*upload{}, counts: map[Op]int{}}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	s.URL = server.URL
	return s
}

// Fail has the store ask f what to do wrong with each request; nil for nothing.
func (s *Store) Fail(f func(Request) Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = f
}

// Objects returns the objects by their keys.
func (s *Store) Objects() map[string]Object {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := map[string]Object{}
	for k, o := range s.objects {
		m[k] = o
	}
	return m
}

// Keys returns the keys in their order.
func (s *Store) Keys() []string {
	var list []string
	for k := range s.Objects() {
		list = append(list, k)
	}
	slices.Sort(list)
	return list
}

// Change puts, or with nil removes, an object behind everybody's back.
func (s *Store) Change(key string, body []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if body == nil {
		delete(s.objects, key)
		return
	}
	s.objects[key] = Object{Body: body, Header: s.objects[key].Header}
}

// Late has a request arrive that nobody waits for any more: an object is written under
// a key that has none. It reports whether it was.
func (s *Store) Late(key string, o Object) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, there := s.objects[key]; there {
		return false
	}
	s.objects[key] = o
	return true
}

// Open is how many multipart uploads are neither completed nor aborted; drop
// forgets them, as a lifecycle rule does.
func (s *Store) Open(drop bool) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.uploads)
	if drop {
		clear(s.uploads)
	}
	return n
}

// Count is how many requests of an operation came.
func (s *Store) Count(op Op) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.counts[op]
}

// Rewrote are the keys that were written although they were there.
func (s *Store) Rewrote() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.rewrote)
}

// opOf says what a request asks for.
func opOf(r *http.Request, key string) Op {
	q := r.URL.Query()
	switch {
	case key == "" && r.Method == http.MethodHead:
		return Bucket
	case key == "" && q.Has("uploads"):
		return Uploads
	case key == "":
		return List
	case r.Method == http.MethodPost && q.Has("uploads"):
		return Create
	case r.Method == http.MethodPost:
		return Complete
	case r.Method == http.MethodPut && q.Has("uploadId"):
		return Part
	case r.Method == http.MethodPut:
		return Put
	case r.Method == http.MethodDelete:
		return Abort
	case r.Method == http.MethodHead:
		return Head
	}
	return Get
}

// ServeHTTP implements http.Handler.
func (s *Store) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	bucket, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	op := opOf(r, key)
	s.mu.Lock()
	n, fault := s.counts[op], s.fault
	s.counts[op]++
	s.mu.Unlock()
	var f Fault
	if fault != nil {
		f = fault(Request{Op: op, Key: key, Header: r.Header, N: n})
	}
	if f.Wait != nil {
		select {
		case <-f.Wait:
		case <-r.Context().Done():
			return
		}
	}
	if bucket != s.Name {
		refuse(w, http.StatusNotFound, "NoSuchBucket")
		return
	}
	if s.broken(w, r, op, key, f) {
		return
	}
	s.answer(w, r, op, key)
}

// broken does what a fault says, and reports whether that was all.
func (s *Store) broken(w http.ResponseWriter, r *http.Request, op Op, key string, f Fault) bool {
	for k, v := range f.Header {
		w.Header()[k] = v
	}
	switch {
	case f.After:
		s.answer(httptest.NewRecorder(), r, op, key)
	case f.Cut:
		_, _ = io.CopyN(io.Discard, r.Body, r.ContentLength/2)
	}
	switch {
	case f.Replace != nil:
		_, _ = io.Copy(io.Discard, r.Body)
		f.Replace(w)
	case f.Cut:
		panic(http.ErrAbortHandler)
	case f.Body != "":
		w.Header().Set("Content-Type", "application/xml")
		_, _ = io.WriteString(w, f.Body)
	case f.Status != 0:
		refuse(w, f.Status, f.Code)
	default:
		return false
	}
	return true
}

func refuse(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, `<?xml version="1.0" encoding="UTF-8"?><Error><Code>%s</Code><Message>made by the test</Message></Error>`, code)
}

func write(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/xml")
	_, _ = io.WriteString(w, xml.Header)
	_ = xml.NewEncoder(w).Encode(v)
}

func etag(body []byte) string {
	sum := sha256.Sum256(body)
	return `"` + hex.EncodeToString(sum[:16]) + `"`
}

// body reads what was sent and holds it against its checksum.
func body(w http.ResponseWriter, r *http.Request) ([]byte, bool) {
	b, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, false
	}
	if want := r.Header.Get("X-Amz-Checksum-Sha256"); want != "" {
		sum := sha256.Sum256(b)
		if base64.StdEncoding.EncodeToString(sum[:]) != want {
			refuse(w, http.StatusBadRequest, "BadDigest")
			return nil, false
		}
	}
	if strings.Contains(r.Header.Get("X-Amz-Content-Sha256"), "STREAMING") {
		refuse(w, http.StatusNotImplemented, "NotImplemented") // as stores that know no trailing checksums do
		return nil, false
	}
	return b, true
}

func (s *Store) taken(w http.ResponseWriter, r *http.Request, key string) bool {
	if _, there := s.objects[key]; !there {
		return false
	}
	if r.Header.Get("If-None-Match") != "*" {
		s.rewrote = append(s.rewrote, key)
		return false
	}
	refuse(w, http.StatusPreconditionFailed, "PreconditionFailed")
	return true
}

func partNumber(r *http.Request) int {
	n, _ := strconv.Atoi(r.URL.Query().Get("partNumber"))
	return n
}
