package s3

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"tallyman/pipeline/plugin"
)

// sumName is the metadata that an object of one request has: the SHA-256 of its
// bytes, in hexadecimal. One of several parts is begun before its sum is known.
const sumName = "tallyman-sha256"

// put uploads an object in one request.
func (o *output) put(ctx context.Context, one *object) error {
	e := &one.entry
	err := o.putObject(ctx, e.Key, one.buf, e.SHA256, o.c.contentType(one.zip.kind), true)
	switch {
	case err == nil:
		o.meters.bytes.Add(uint64(len(one.buf)))
		return nil
	case is(err, http.StatusPreconditionFailed, "PreconditionFailed"):
		return o.found(ctx, e)
	}
	return o.wrap(ctx, "write", e.Key, "s3:PutObject", err)
}

// putObject writes bytes under a key that has none.
func (o *output) putObject(ctx context.Context, key string, body []byte, sum Sum, contentType string, class bool) error {
	ctx, cancel := o.limited(ctx)
	defer cancel()
	in := &s3.PutObjectInput{
		Bucket: &o.c.Bucket, Key: &key, Body: bytes.NewReader(body), ContentType: &contentType, IfNoneMatch: o.absent(),
		Metadata: map[string]string{sumName: sum.String()}, ServerSideEncryption: o.encryption(), SSEKMSKeyId: text(o.c.KMSKey),
		ChecksumSHA256: o.checksum(sum),
	}
	if class {
		in.StorageClass = types.StorageClass(o.c.StorageClass)
	}
	if l := o.c.ObjectLock; l != nil {
		in.ObjectLockMode, in.ObjectLockRetainUntilDate = types.ObjectLockMode(strings.ToUpper(l.Mode)), aws.Time(o.now().Add(l.Retain))
	}
	out, err := o.client.PutObject(ctx, in)
	if err != nil {
		return err
	}
	return tagged(out.ETag)
}

// errNoAnswer says that an answer of success is none of a store.
var errNoAnswer = errors.New("the answer says that all is well and names nothing: it is none of a store")

// tagged holds an answer of success against what every store gives with it.
func tagged(name *string) error {
	if aws.ToString(name) == "" {
		return errNoAnswer
	}
	return nil
}

// part begins the multipart upload of an object, or uploads one part of it.
func (o *output) part(ctx context.Context, one *object) error {
	if one.upload == "" {
		return o.begin(ctx, one)
	}
	limit, cancel := o.limited(ctx)
	defer cancel()
	n := min(len(one.buf), int(o.c.PartSize))
	number := int32(len(one.parts) + 1)
	sum := o.checksum(sha256.Sum256(one.buf[:n]))
	out, err := o.client.UploadPart(limit, &s3.UploadPartInput{
		Bucket: &o.c.Bucket, Key: &one.entry.Key, UploadId: &one.upload, PartNumber: &number, Body: bytes.NewReader(one.buf[:n]), ChecksumSHA256: sum,
	})
	if err == nil {
		err = tagged(out.ETag)
	}
	if err != nil {
		return o.gone(ctx, one, o.wrap(ctx, "upload a part of", one.entry.Key, "s3:PutObject", err))
	}
	one.parts = append(one.parts, types.CompletedPart{PartNumber: &number, ETag: out.ETag, ChecksumSHA256: sum})
	one.uploaded(n)
	o.held -= n
	o.meters.parts.Inc()
	o.meters.bytes.Add(uint64(n))
	return nil
}

func (o *output) begin(ctx context.Context, one *object) error {
	limit, cancel := o.limited(ctx)
	defer cancel()
	in := &s3.CreateMultipartUploadInput{
		Bucket: &o.c.Bucket, Key: &one.entry.Key, ContentType: text(o.c.contentType(one.zip.kind)), StorageClass: types.StorageClass(o.c.StorageClass),
		ServerSideEncryption: o.encryption(), SSEKMSKeyId: text(o.c.KMSKey),
	}
	if o.c.Checksum == "sha256" {
		in.ChecksumAlgorithm = types.ChecksumAlgorithmSha256
	}
	if l := o.c.ObjectLock; l != nil {
		in.ObjectLockMode, in.ObjectLockRetainUntilDate = types.ObjectLockMode(strings.ToUpper(l.Mode)), aws.Time(o.now().Add(l.Retain))
	}
	out, err := o.client.CreateMultipartUpload(limit, in)
	if err == nil {
		err = tagged(out.UploadId)
	}
	if err != nil {
		return o.wrap(ctx, "begin to upload", one.entry.Key, "s3:PutObject", err)
	}
	one.upload = aws.ToString(out.UploadId)
	return nil
}

// complete makes an object of its parts.
func (o *output) complete(ctx context.Context, one *object) error {
	limit, cancel := o.limited(ctx)
	defer cancel()
	out, err := o.client.CompleteMultipartUpload(limit, &s3.CompleteMultipartUploadInput{
		Bucket: &o.c.Bucket, Key: &one.entry.Key, UploadId: &one.upload, IfNoneMatch: o.absent(),
		MultipartUpload: &types.CompletedMultipartUpload{Parts: one.parts},
	})
	if err == nil {
		err = tagged(out.ETag)
	}
	switch {
	case err == nil:
		return nil
	case is(err, http.StatusPreconditionFailed, "PreconditionFailed"):
		if err := o.found(ctx, &one.entry); err != nil {
			return err
		}
		o.abort(ctx, one.entry.Key, one.upload) // a leftover costs money, no more
		return nil
	}
	return o.gone(ctx, one, o.wrap(ctx, "complete", one.entry.Key, "s3:PutObject", err))
}

// gone looks closer at an error that says that there is no such upload: its
// object may be whole, because an answer was lost.
func (o *output) gone(ctx context.Context, one *object, err error) error {
	if code(err) != "NoSuchUpload" {
		return err
	}
	if one.cut && len(one.buf) == 0 {
		there, perr := o.present(ctx, &one.entry, o.state.former(one.entry.Key))
		switch {
		case perr != nil:
			return perr
		case there:
			o.meters.present.Inc()
			return nil
		}
	}
	o.meters.lost.Inc()
	o.forget()
	return plugin.Retry(fmt.Errorf("s3: upload %s: %w: %w, from the journal (a lifecycle rule that aborts uploads should wait longer than max_age and any outage)",
		one.entry.Key, errLost, plugin.ErrCollectAgain))
}

// forget lets go of all that is not at the store, as a restart does: it comes again.
// Boundaries that were saved stay, and so do the keys.
func (o *output) forget() {
	o.state.Confirmed, o.state.Seen = max(o.state.Confirmed, o.confirmed()), max(o.state.Seen, o.seq)
	clear(o.open)
	o.closing, o.held = nil, 0
	o.seq, o.begun, o.offered, o.sealed, o.calm = 0, 0, 0, false, false
	o.ready = false // other uploads that were under way are looked for and aborted
	o.gauges()
}

// found compares what is at the store with what was to be written.
func (o *output) found(ctx context.Context, e *Entry) error {
	there, err := o.present(ctx, e, o.state.former(e.Key))
	switch {
	case err != nil:
		return err
	case !there:
		return plugin.Retry(fmt.Errorf("s3: write %s: the store said that an object is there, and it is not", e.Key))
	}
	o.meters.present.Inc()
	return nil
}

// present reports whether an object is at the store with the bytes of an entry, or
// of one of an attempt before that holds the same and was on its way for longer: then
// the entry becomes that one. Another object under its key is an error.
func (o *output) present(ctx context.Context, e *Entry, former []Entry) (bool, error) {
	limit, cancel := o.limited(ctx)
	defer cancel()
	head, err := o.client.HeadObject(limit, &s3.HeadObjectInput{Bucket: &o.c.Bucket, Key: &e.Key})
	if is(err, http.StatusNotFound, "NotFound", "NoSuchKey") && code(err) != "NoSuchBucket" {
		return false, nil
	}
	if err != nil {
		return false, o.wrap(ctx, "look at", e.Key, "s3:GetObject, and s3:ListBucket on the bucket,", err)
	}
	size, sum := aws.ToInt64(head.ContentLength), head.Metadata[sumName]
	if sum == "" && mayBe(size, e, former) {
		if sum, err = o.hash(ctx, e.Key); err != nil {
			return false, err
		}
	}
	if size == e.Bytes && sum == e.SHA256.String() {
		return true, nil
	}
	for i := range former {
		if f := &former[i]; size == f.Bytes && sum == f.SHA256.String() && f.First == e.First && f.Last >= e.Last {
			*e = *f
			o.state.adopt(f)
			o.horizon = max(o.horizon, f.Last)
			return true, nil
		}
	}
	o.meters.conflicts.Inc()
	return false, plugin.After(fmt.Errorf("s3: write %s: %w: it has %d bytes and the SHA-256 %q, ours %d and %s (look who writes there; move that object away)",
		e.Key, ErrConflict, size, sum, e.Bytes, e.SHA256), patient)
}

// mayBe reports whether an object of a size can be an entry's or a former one's.
func mayBe(size int64, e *Entry, former []Entry) bool {
	return size == e.Bytes || slices.ContainsFunc(former, func(f Entry) bool { return size == f.Bytes })
}

// hash reads an object, which may be large, and returns its SHA-256.
func (o *output) hash(ctx context.Context, key string) (string, error) {
	limit, read, stop := steady(ctx, o.c.Timeout)
	defer stop()
	h := sha256.New()
	out, err := o.client.GetObject(limit, &s3.GetObjectInput{Bucket: &o.c.Bucket, Key: &key})
	if err == nil {
		_, err = io.Copy(h, read(out.Body))
		_ = out.Body.Close() // it was read
	}
	if err != nil {
		return "", o.wrap(ctx, "read", key, "s3:GetObject", err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// putManifest writes the manifest that is settled.
func (o *output) putManifest(ctx context.Context) error {
	if !o.frozen {
		if err := o.save(); err != nil {
			return plugin.Retry(err)
		}
	}
	body, err := o.state.pendingManifest(o.archive(), o.name).encode()
	if err != nil {
		return plugin.Retry(err)
	}
	e := Entry{Key: manifestKey(o.prefix.root, o.archive(), o.state.Manifest+1), Bytes: int64(len(body)), SHA256: sha256.Sum256(body)}
	err = o.putObject(ctx, e.Key, body, e.SHA256, "application/json", false)
	switch {
	case is(err, http.StatusPreconditionFailed, "PreconditionFailed"):
		err = o.found(ctx, &e)
	case err != nil:
		err = o.wrap(ctx, "write", e.Key, "s3:PutObject", err)
	}
	if err != nil {
		return err
	}
	o.state.listed(e.SHA256)
	o.meters.manifests.Inc()
	if err := o.save(); err != nil {
		o.log.Warn("the state is saved later; a restart before that finds the manifest there", "error", err)
	}
	return nil
}

func (o *output) absent() *string {
	if !o.c.Conditional {
		return nil
	}
	return aws.String("*")
}

func (o *output) checksum(sum Sum) *string {
	if o.c.Checksum != "sha256" {
		return nil
	}
	return aws.String(base64.StdEncoding.EncodeToString(sum[:]))
}

func (o *output) encryption() types.ServerSideEncryption {
	switch o.c.Encryption {
	case "s3":
		return types.ServerSideEncryptionAes256
	case "kms":
		return types.ServerSideEncryptionAwsKms
	}
	return ""
}

func text(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
