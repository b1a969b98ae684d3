package s3test

import (
	"encoding/xml"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// leastPart is the least size of a part that is not the last.
const leastPart = 5 << 20

// page is how many keys one listing gives, so that listings have pages.
const page = 50

// answer does what a request asks for.
func (s *Store) answer(w http.ResponseWriter, r *http.Request, op Op, key string) {
	content, ok := body(w, r)
	if !ok {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch op {
	case Bucket:
	case Put:
		if !s.taken(w, r, key) {
			s.objects[key] = Object{content, r.Header.Clone()}
			w.Header().Set("ETag", etag(content))
		}
	case Get, Head:
		s.get(w, key, op == Get)
	case Create:
		s.serial++
		id := fmt.Sprintf("upload-%d", s.serial)
		s.uploads[id] = &upload{key, r.Header.Clone(), map[int][]byte{}}
		write(w, struct {
			XMLName  xml.Name `xml:"InitiateMultipartUploadResult"`
			Bucket   string
			Key      string
			UploadId string //nolint:revive // as it is on the wire
		}{Bucket: s.Name, Key: key, UploadId: id})
	case Part, Complete, Abort:
		s.multipart(w, r, op, key, content)
	case Uploads:
		s.listUploads(w, r.URL.Query().Get("prefix"))
	case List:
		s.list(w, r.URL.Query().Get("prefix"), r.URL.Query().Get("continuation-token"))
	}
}

func (s *Store) get(w http.ResponseWriter, key string, whole bool) {
	o, there := s.objects[key]
	if !there {
		refuse(w, http.StatusNotFound, "NoSuchKey")
		return
	}
	for k, v := range o.Header {
		if strings.HasPrefix(k, "X-Amz-Meta-") {
			w.Header()[k] = v
		}
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(o.Body)))
	w.Header().Set("ETag", etag(o.Body))
	if whole {
		_, _ = w.Write(o.Body)
	}
}

func (s *Store) multipart(w http.ResponseWriter, r *http.Request, op Op, key string, content []byte) {
	id := r.URL.Query().Get("uploadId")
	u := s.uploads[id]
	if u == nil || u.key != key {
		refuse(w, http.StatusNotFound, "NoSuchUpload")
		return
	}
	switch op {
	case Part:
		u.parts[partNumber(r)] = content
		w.Header().Set("ETag", etag(content))
	case Abort:
		delete(s.uploads, id)
		w.WriteHeader(http.StatusNoContent)
	case Complete:
		s.complete(w, r, id, u, content)
	}
}

func (s *Store) complete(w http.ResponseWriter, r *http.Request, id string, u *upload, content []byte) {
	var asked struct {
		Part []struct {
			PartNumber int
			ETag       string
		}
	}
	if err := xml.Unmarshal(content, &asked); err != nil || len(asked.Part) == 0 {
		refuse(w, http.StatusBadRequest, "MalformedXML")
		return
	}
	var whole []byte
	for i, p := range asked.Part {
		part := u.parts[p.PartNumber]
		switch {
		case part == nil || etag(part) != p.ETag:
			refuse(w, http.StatusBadRequest, "InvalidPart")
			return
		case len(part) < leastPart && i < len(asked.Part)-1:
			refuse(w, http.StatusBadRequest, "EntityTooSmall")
			return
		}
		whole = append(whole, part...)
	}
	if s.taken(w, r, u.key) {
		return
	}
	s.objects[u.key] = Object{whole, u.header}
	delete(s.uploads, id)
	write(w, struct {
		XMLName xml.Name `xml:"CompleteMultipartUploadResult"`
		Key     string
		ETag    string
	}{Key: u.key, ETag: etag(whole)})
}

func (s *Store) listUploads(w http.ResponseWriter, prefix string) {
	type one struct {
		Key      string
		UploadId string //nolint:revive // as it is on the wire
	}
	var list []one
	for _, id := range slices.Sorted(maps.Keys(s.uploads)) {
		if strings.HasPrefix(s.uploads[id].key, prefix) {
			list = append(list, one{s.uploads[id].key, id})
		}
	}
	write(w, struct {
		XMLName     xml.Name `xml:"ListMultipartUploadsResult"`
		IsTruncated bool
		Upload      []one
	}{Upload: list})
}

func (s *Store) list(w http.ResponseWriter, prefix, after string) {
	type one struct {
		Key  string
		Size int
	}
	var list []one
	more := false
	for _, key := range slices.Sorted(maps.Keys(s.objects)) {
		if !strings.HasPrefix(key, prefix) || key <= after {
			continue
		}
		if more = len(list) == page; more {
			break
		}
		list = append(list, one{key, len(s.objects[key].Body)})
	}
	next := ""
	if more {
		next = list[len(list)-1].Key
	}
	write(w, struct {
		XMLName               xml.Name `xml:"ListBucketResult"`
		IsTruncated           bool
		NextContinuationToken string
		Contents              []one
	}{IsTruncated: more, NextContinuationToken: next, Contents: list})
}
