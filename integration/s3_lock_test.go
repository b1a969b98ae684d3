//go:build integration

package integration

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
)

const lockConf = `journal: {dir: %[1]s/journal}
admin: {listen: off}
grace: 15s
inputs:
  app: {type: file, path: [%[1]s/app.log], start_at: beginning}
outputs:
  archive: {type: s3, bucket: %[2]s, prefix: logs, endpoint: %[3]s, access_key_id: tallyman, secret_access_key: {env: S3_SECRET}, max_size: 100KiB,
    manifest_every: 5s, object_lock: {mode: compliance, retain: 48h}}
`

// TestS3ObjectLock writes into a bucket of a real store that was made with object lock:
// each object and manifest is kept until then, and nobody deletes it. A bucket without
// it is told of, with what to do, and nothing is lost by it.
func TestS3ObjectLock(t *testing.T) {
	g := newGateway(t, goProgram(t, "versitygw", versityGW), false)
	t.Setenv("S3_SECRET", "tallymansecret")
	client := s3.New(s3.Options{BaseEndpoint: aws.String(g.url), Region: "us-east-1", UsePathStyle: true,
		Credentials: credentials.NewStaticCredentialsProvider("tallyman", "tallymansecret", "")})
	if _, err := client.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String("locked"), ObjectLockEnabledForBucket: aws.Bool(true)}); err != nil {
		t.Fatal(err)
	}
	dir, from := t.TempDir(), time.Now()
	write(t, filepath.Join(dir, "app.log"), strings.Repeat("a line that has to stay\n", 2000))
	conf := write(t, filepath.Join(dir, "tallyman.yaml"), fmt.Sprintf(lockConf, dir, "locked", g.url))
	if out, err := exec.Command(program(t), "run", "--once", "-c", conf).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, tail(out))
	}
	g.locked(t, client, from)

	open := t.TempDir()
	write(t, filepath.Join(open, "app.log"), "a line\n")
	conf = write(t, filepath.Join(open, "tallyman.yaml"), fmt.Sprintf(lockConf, open, "audit", g.url))
	out, err := exec.Command(program(t), "run", "--once", "-c", conf).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "if the bucket has no object lock, remove object_lock") || !strings.Contains(string(out), "events are left in the journal") {
		t.Errorf("a bucket without object lock: %v\n%s", err, tail(out))
	}
}

// locked holds that every object is kept for 48 hours, and cannot be deleted.
func (g *gateway) locked(t *testing.T, client *s3.Client, from time.Time) {
	t.Helper()
	ctx := context.Background()
	list, err := client.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: aws.String("locked")})
	if err != nil {
		t.Fatal(err)
	}
	objects, manifests := 0, 0
	for _, o := range list.Contents {
		if strings.HasSuffix(*o.Key, ".json.gz") {
			objects++
		} else {
			manifests++
		}
		r, err := client.GetObjectRetention(ctx, &s3.GetObjectRetentionInput{Bucket: aws.String("locked"), Key: o.Key})
		if err != nil {
			t.Errorf("%s: %v", *o.Key, err)
			continue
		}
		until := aws.ToTime(r.Retention.RetainUntilDate)
		if r.Retention.Mode != "COMPLIANCE" || until.Before(from.Add(47*time.Hour)) || until.After(time.Now().Add(49*time.Hour)) {
			t.Errorf("%s is kept as %s until %s", *o.Key, r.Retention.Mode, until)
		}
		_, err = client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: aws.String("locked"), Key: o.Key})
		var refused smithy.APIError
		if !errors.As(err, &refused) || refused.ErrorCode() != "AccessDenied" {
			t.Errorf("%s can be deleted: %v", *o.Key, err)
		}
	}
	if objects == 0 || manifests == 0 {
		t.Errorf("%d objects and %d manifests are locked", objects, manifests)
	}
}
