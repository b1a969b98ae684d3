package s3

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"

	"tallyman/pipeline/clienttls"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/webclient"
)

// patient is the pause after what only a person can mend.
const patient = 30 * time.Second

// mostPause bounds what a store may ask for in Retry-After.
const mostPause = 5 * time.Minute

// ErrConflict says that another object is where one of ours is to be.
var ErrConflict = errors.New("another object is there, and it is not overwritten")

// errLost says that parts that were uploaded are gone before their object was
// whole.
var errLost = errors.New("the multipart upload is gone at the store, and its parts with it")

// code returns the error code of S3's protocol, "" where there is none.
func code(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return ""
}

// status returns the status of the answer, 0 where there was none.
func status(err error) int {
	var answer *awshttp.ResponseError
	if errors.As(err, &answer) && answer.Response != nil {
		return answer.HTTPStatusCode()
	}
	return 0
}

// is reports whether an error has a status or one of the codes.
func is(err error, httpStatus int, codes ...string) bool {
	if status(err) == httpStatus {
		return true
	}
	c := code(err)
	for _, one := range codes {
		if c == one {
			return true
		}
	}
	return false
}

// hints are what a person can do about an error code.
var hints = map[string]string{
	"AccessDenied":                         "let the policy of these credentials allow %[2]s on arn:aws:s3:::%[1]s",
	"AllAccessDisabled":                    "the owner has switched off access to the bucket",
	"AccountProblem":                       "the account of the bucket has a problem; ask its owner",
	"NoSuchBucket":                         "create the bucket, or mend bucket, region or endpoint",
	"InvalidBucketName":                    "mend bucket",
	"PermanentRedirect":                    "the bucket is in another region: mend region",
	"AuthorizationHeaderMalformed":         "the bucket is in another region: mend region",
	"IllegalLocationConstraintException":   "the bucket is in another region: mend region",
	"TemporaryRedirect":                    "the bucket is in another region: mend region",
	"InvalidAccessKeyId":                   "the access key is not known there: mend access_key_id, the profile or the environment",
	"XAdminUserNotFound":                   "the access key is not known there: mend access_key_id, the profile or the environment",
	"SignatureDoesNotMatch":                "the secret does not belong to the access key: mend secret_access_key, the profile or the environment",
	"ExpiredToken":                         "the session token has expired: renew the credentials",
	"InvalidToken":                         "the session token is not valid: renew the credentials",
	"RequestTimeTooSkewed":                 "clock_skew: this host's clock is wrong by more than the store allows; set it (chrony, systemd-timesyncd)",
	"RequestExpired":                       "clock_skew: this host's clock is wrong by more than the store allows; set it (chrony, systemd-timesyncd)",
	"NotImplemented":                       "the store does not know what was asked for: try conditional: false, or remove encryption, object_lock or storage_class",
	"InvalidStorageClass":                  "mend storage_class",
	"KMS.NotFoundException":                "mend kms_key",
	"KMS.DisabledException":                "enable the key of kms_key",
	"KMS.AccessDeniedException":            "let these credentials use the key: kms:GenerateDataKey and kms:Decrypt",
	"InvalidRequest":                       "if the bucket has no object lock, remove object_lock; if the store refuses the checksum, set checksum: none",
	"ObjectLockConfigurationNotFoundError": "the bucket has no object lock: remove object_lock, or create the bucket with it",
	"BadDigest":                            "what arrived is not what was sent; if it stays so, look at what is between this host and the store",
	"XAmzContentSHA256Mismatch":            "what arrived is not what was sent; if it stays so, look at what is between this host and the store",
	"EntityTooLarge":                       "the store takes no objects of that size: lower max_size",
	"QuotaExceeded":                        "the store is full: make room there, or raise the quota",
	"XMinioStorageFull":                    "the store is full: make room there",
}

// wrap makes of an error of the store one that says what was done, what a person
// can do about it, and when it is tried again. Needs is the permission it takes.
func (o *output) wrap(ctx context.Context, op, key, needs string, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	o.meters.failures.Inc()
	return wrap(o.place, o.c.Bucket, op, key, needs, err)
}

func wrap(place clienttls.Place, bucket, op, key, needs string, err error) error {
	at := "s3://" + bucket
	if key != "" {
		at += "/" + key
	}
	c, st := code(err), status(err)
	var opErr *smithy.OperationError
	if errors.As(err, &opErr) {
		err = opErr.Err // the operation is said in our words
	}
	err = brief{err}
	if c == "" && st == 0 {
		return plugin.Retry(fmt.Errorf("s3: %s %s: %w", op, at, place.Explain(err)))
	}
	hint, known := hints[c]
	switch {
	case !known && st == http.StatusForbidden: // also for HEAD, whose answer has no body
		hint, known = hints["AccessDenied"], true
	case !known && (st == http.StatusMovedPermanently || st == http.StatusTemporaryRedirect || st == http.StatusBadRequest && needs == "s3:ListBucket"):
		hint, known = hints["PermanentRedirect"], true
	}
	full := fmt.Errorf("s3: %s %s: %w", op, at, err)
	if known {
		if c == "AccessDenied" || st == http.StatusForbidden {
			hint = forbidden(hint, bucket, needs)
		}
		return plugin.After(fmt.Errorf("%w (%s)", full, hint), patient)
	}
	if d := retryAfter(err); d > 0 {
		return plugin.After(full, d)
	}
	return plugin.Retry(full)
}

// mostText is how much of what a store says stands in an error, in bytes.
const mostText = 600

// brief is an error of which people see no more than its beginning.
type brief struct{ err error }

func (b brief) Error() string {
	text := b.err.Error()
	if len(text) > mostText {
		return strings.ToValidUTF8(text[:mostText], "") + "…"
	}
	return text
}

func (b brief) Unwrap() error { return b.err }

// forbidden fills the hint about a permission; other hints stay as they are.
func forbidden(hint, bucket, needs string) string {
	if hint != hints["AccessDenied"] {
		return hint
	}
	on := bucket + "/*"
	if needs == "s3:ListBucket" || needs == "s3:ListBucketMultipartUploads" {
		on = bucket
	}
	return fmt.Sprintf(hint, on, needs)
}

// retryAfter is the pause that the store asks for, 0 for none.
func retryAfter(err error) time.Duration {
	var answer *awshttp.ResponseError
	if !errors.As(err, &answer) || answer.Response == nil {
		return 0
	}
	d, _ := webclient.RetryAfter(answer.Response.Header.Get("Retry-After"), time.Now())
	return min(d, mostPause)
}
