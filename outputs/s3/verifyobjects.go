package s3

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// objects holds what is there against what is listed.
func (c *check) objects(ctx context.Context) error {
	err := c.pages(ctx, c.root, func(key string, size int64) error {
		l, there := c.listed[key]
		if !there {
			c.unlisted(key)
			return nil
		}
		l.seen = true
		c.listed[key] = l
		if size != l.Bytes {
			c.report.say(c.report.Archives[l.archive].Archive, key, false, "it has %d bytes, and %d when it was written (sequences %d to %d)", size, l.Bytes, l.First, l.Last)
		}
		c.at.objects++
		c.tell(!c.Deep)
		return nil
	})
	if err != nil {
		return err
	}
	for _, key := range c.inOrder() {
		if l := c.listed[key]; !l.seen {
			c.report.say(c.report.Archives[l.archive].Archive, key, false, "it is missing: %d events, sequences %d to %d", l.Events, l.First, l.Last)
		}
	}
	return nil
}

func (c *check) inOrder() []string {
	list := make([]string, 0, len(c.listed))
	for key := range c.listed {
		list = append(list, key)
	}
	slices.Sort(list)
	return list
}

// unlisted judges an object that no manifest lists: a newer one waits for the
// next manifest, an older one is not ours, or its manifest is gone.
func (c *check) unlisted(key string) {
	name := path.Base(key)
	for i := range c.report.Archives {
		w := &c.report.Archives[i]
		rest, ours := strings.CutPrefix(name, w.Archive+"-")
		if !ours || len(rest) < 20 {
			continue
		}
		first, err := strconv.ParseUint(rest[:20], 10, 64)
		if err != nil {
			continue
		}
		if first > c.last[w.Archive] {
			w.Newer++
			return
		}
		c.report.say(w.Archive, key, false, "no manifest lists it, and it begins with sequence %d, which a manifest covers", first)
		return
	}
}

// deep reads every object that is there.
func (c *check) deep(ctx context.Context) error {
	for _, key := range c.inOrder() {
		l := c.listed[key]
		if !l.seen {
			continue
		}
		out, err := c.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &c.name, Key: &key})
		if err != nil {
			return wrap(c.place, c.name, "read", key, "s3:GetObject", err)
		}
		h := sha256.New()
		body := io.TeeReader(io.TeeReader(out.Body, counter{c}), h)
		if c.Read != nil {
			if err := c.Read(key, body); err != nil {
				_ = out.Body.Close() // it is of no use
				return fmt.Errorf("s3: s3://%s/%s: %w", c.name, key, err)
			}
		}
		_, err = io.Copy(io.Discard, body)
		_ = out.Body.Close() // it was read
		if err != nil {
			return wrap(c.place, c.name, "read", key, "s3:GetObject", err)
		}
		var sum Sum
		if h.Sum(sum[:0]); sum != l.SHA256 {
			c.report.say(c.report.Archives[l.archive].Archive, key, false, "it was changed: its SHA-256 is %s, and was %s when it was written (sequences %d to %d)",
				sum, l.SHA256, l.First, l.Last)
		}
	}
	return nil
}

// counter counts what is read.
type counter struct{ *check }

func (c counter) Write(b []byte) (int, error) {
	c.at.bytes += int64(len(b))
	c.tell(true)
	return len(b), nil
}

func (c *check) tell(now bool) {
	if now && c.At != nil {
		c.At(c.at.bytes, c.at.total, c.at.objects, c.at.want)
	}
}

// pages calls f with each object below a prefix, in the order of keys.
func (b *Bucket) pages(ctx context.Context, prefix string, f func(key string, size int64) error) error {
	in := &s3.ListObjectsV2Input{Bucket: &b.name, Prefix: text(prefix)}
	for {
		out, err := b.client.ListObjectsV2(ctx, in)
		if err != nil {
			return wrap(b.place, b.name, "list", prefix, "s3:ListBucket", err)
		}
		for i := range out.Contents {
			if err := f(aws.ToString(out.Contents[i].Key), aws.ToInt64(out.Contents[i].Size)); err != nil {
				return err
			}
		}
		if !aws.ToBool(out.IsTruncated) {
			return nil
		}
		in.ContinuationToken = out.NextContinuationToken
	}
}

// read returns a small object.
func (b *Bucket) read(ctx context.Context, key string) ([]byte, error) {
	out, err := b.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &b.name, Key: &key})
	if err != nil {
		return nil, wrap(b.place, b.name, "read", key, "s3:GetObject", err)
	}
	body, err := io.ReadAll(io.LimitReader(out.Body, mostManifest+1))
	_ = out.Body.Close() // it was read
	if err == nil && len(body) > mostManifest {
		err = errors.New("it is too large for a manifest")
	}
	if err != nil {
		return nil, fmt.Errorf("s3: read s3://%s/%s: %w", b.name, key, err)
	}
	return body, nil
}
