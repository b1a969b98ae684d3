package s3

import (
	"context"
	"path"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// mostPages bounds the listing of uploads, a thousand on a page; what is beyond
// is for the bucket's lifecycle rule.
const mostPages = 100

// abortLeftovers aborts the multipart uploads that a former process had begun and
// not completed: their events come again. A store that refuses the listing is no
// obstacle.
func (o *output) abortLeftovers(ctx context.Context) error {
	in := &s3.ListMultipartUploadsInput{Bucket: &o.c.Bucket, Prefix: text(o.prefix.root)}
	for range mostPages {
		out, err := o.listUploads(ctx, in)
		if err != nil {
			err = o.wrap(ctx, "list the multipart uploads of", o.prefix.root, "s3:ListBucketMultipartUploads", err)
			switch st := status(err); {
			case st == 403 && code(err) == "AccessDenied", st == 405, st == 501:
				o.log.Warn("uploads that a former process left are not aborted; let a lifecycle rule of the bucket do that", "error", err)
				return nil
			}
			return err
		}
		for _, u := range out.Uploads {
			if key := aws.ToString(u.Key); strings.HasPrefix(path.Base(key), o.archive()+"-") {
				o.abort(ctx, key, aws.ToString(u.UploadId))
			}
		}
		if !aws.ToBool(out.IsTruncated) {
			return nil
		}
		in.KeyMarker, in.UploadIdMarker = out.NextKeyMarker, out.NextUploadIdMarker
	}
	return nil
}

func (o *output) listUploads(ctx context.Context, in *s3.ListMultipartUploadsInput) (*s3.ListMultipartUploadsOutput, error) {
	ctx, cancel := o.limited(ctx)
	defer cancel()
	return o.client.ListMultipartUploads(ctx, in)
}

// abort gives back the parts of an upload. A failure is no obstacle.
func (o *output) abort(ctx context.Context, key, upload string) {
	ctx, cancel := o.limited(ctx)
	defer cancel()
	_, err := o.client.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: &o.c.Bucket, Key: &key, UploadId: &upload})
	if err != nil {
		o.log.Warn("a multipart upload is not aborted; let a lifecycle rule of the bucket do that", "key", key, "error", err)
		return
	}
	o.meters.aborted.Inc()
}

// probe connects as an upload would.
func (o *output) probe(ctx context.Context) error {
	limit, cancel := o.limited(ctx)
	defer cancel()
	if _, err := o.client.HeadBucket(limit, &s3.HeadBucketInput{Bucket: &o.c.Bucket}); err != nil {
		return o.wrap(ctx, "look at the bucket", "", "s3:ListBucket", err)
	}
	return nil
}
