package s3

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"tallyman/outputs/format"
	"tallyman/pipeline/clienttls"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/tunnel"
)

// The words of `compression`.
const (
	compressGzip = "gzip"
	compressZstd = "zstd"
	compressNone = "none"
)

// S3's own limits of a multipart upload.
const (
	leastPart = 5 << 20
	mostParts = 10_000
)

// Settings are the keys of an s3 output.
type Settings struct {
	Bucket          string      `yaml:"bucket" doc:"The bucket. It must exist." example:"audit-archive" required:"true"`
	Prefix          plugin.Text `yaml:"prefix" doc:"What the keys begin with: text, expressions over the event and its time, in UTC, by a Go layout. What an expression gives becomes one part of the key, without a slash and without what keys should not have." example:"{{ event.dataset }}/{{ time \"2006/01/02\" }}"`
	format.Settings `yaml:",inline"`
	Compression     string              `yaml:"compression" doc:"How objects are compressed. They consist of members (gzip) or frames (zstd) of about 1 MiB of events, one after the other, which every reader takes as one." enum:"gzip,zstd,none"`
	Region          string              `yaml:"region" doc:"The bucket's region. The environment, the profile, and us-east-1 where endpoint is set, are asked where it is not set." example:"eu-central-1"`
	Endpoint        plugin.Text         `yaml:"endpoint" doc:"The URL of a store that speaks S3, in place of Amazon's." example:"https://minio.example:9000"`
	Addressing      string              `yaml:"addressing" doc:"Where the bucket's name stands in requests: in the path (where endpoint is set, unless this says otherwise) or before the host's name." enum:"path,virtual"`
	TLS             *clienttls.Settings `yaml:"tls" doc:"Certificates for an https endpoint. The store's certificate is always verified."`
	Proxy           plugin.Text         `yaml:"proxy" doc:"The URL of a proxy, http://, https:// or socks5://, or none. Where it is not set, the environment counts: HTTPS_PROXY, HTTP_PROXY and NO_PROXY. The proxy looks the store's name up." example:"http://proxy.example:3128"`
	ProxyAuth       plugin.Secret       `yaml:"proxy_auth" doc:"The user and the password for the proxy, as user:password. It is read again for each connection."`
	Profile         string              `yaml:"profile" doc:"The profile in the shared configuration files of AWS."`
	AccessKeyID     string              `yaml:"access_key_id" doc:"The id of an access key. Where it is not set, credentials come as every AWS client finds them: environment, shared files, web identity, container, instance."`
	SecretAccessKey plugin.Secret       `yaml:"secret_access_key" doc:"The secret of access_key_id. It is read anew every quarter of an hour."`
	MaxSize         plugin.Size         `yaml:"max_size" doc:"About how large an object becomes, compressed, before the next one begins."`
	MaxAge          time.Duration       `yaml:"max_age" doc:"How long an object stays open at most. Events count as delivered when their object is whole, so this is also how long they wait."`
	PartSize        plugin.Size         `yaml:"part_size" doc:"The parts that a larger object is uploaded in while it grows; 5MiB at least."`
	Buffer          plugin.Size         `yaml:"buffer" doc:"How many bytes of open objects are held in memory. Where more partitions are open, the oldest object ends early."`
	Open            int                 `yaml:"open" doc:"How many objects are open at a time, one for each value of prefix; beyond that the oldest one ends early."`
	ManifestEvery   time.Duration       `yaml:"manifest_every" doc:"How often a manifest is written that lists the objects since the last one, for tallyman verify. 0s: never."`
	Encryption      string              `yaml:"encryption" doc:"Encryption at the store that is asked for: s3 (SSE-S3) or kms (SSE-KMS). The bucket's own default counts where it is not set." enum:"s3,kms"`
	KMSKey          string              `yaml:"kms_key" doc:"The key of encryption kms, its id or ARN; the account's own for S3 where it is not set."`
	ObjectLock      *ObjectLock         `yaml:"object_lock" doc:"Objects and manifests that nobody may delete for a while; the bucket must have object lock. A default retention of the bucket needs nothing here."`
	StorageClass    string              `yaml:"storage_class" doc:"The storage class of objects, the bucket's default where it is not set." example:"STANDARD_IA"`
	Checksum        string              `yaml:"checksum" doc:"The checksum that the store verifies: sha256, sent as a header, or none for a store that refuses it. Object lock needs one." enum:"sha256,none"`
	Conditional     bool                `yaml:"conditional" doc:"Objects are written with If-None-Match, so that none is ever overwritten. False is for a store that does not know it; then a crash at the wrong moment writes the same bytes once more."`
	Timeout         time.Duration       `yaml:"timeout" doc:"How long one request may take, a part's upload among them."`
}

// ObjectLock is how long objects are kept from being deleted.
type ObjectLock struct {
	Mode   string        `yaml:"mode" doc:"Whether those with a permission for it may still delete (governance) or nobody (compliance)." enum:"governance,compliance" required:"true"`
	Retain time.Duration `yaml:"retain" doc:"For how long, from the upload on, in hours." example:"8760h" required:"true"`
}

// Default returns the settings with their defaults.
func Default() Settings {
	return Settings{
		Prefix: plugin.Text{Value: `{{ event.dataset }}/{{ time "2006/01/02" }}`}, Settings: format.Settings{Format: format.JSON},
		Compression: compressGzip, MaxSize: 64 << 20, MaxAge: 5 * time.Minute, PartSize: 8 << 20, Buffer: 32 << 20, Open: 16,
		ManifestEvery: time.Hour, Checksum: "sha256", Conditional: true, Timeout: time.Minute,
	}
}

// Check implements the check of settings.
func (c *Settings) Check() plugin.Problems {
	p := append(c.Settings.Check(), c.TLS.Check()...)
	add := func(key, text, hint string) { p = append(p, plugin.Problem{Key: key, Text: text, Hint: hint}) }
	if c.Bucket == "" {
		add("bucket", "bucket is empty", "name the bucket that objects are written to")
	}
	if _, found := compile(c.Prefix); found != nil {
		p = append(p, found...)
	}
	p = append(p, c.checkEndpoint()...)
	p = append(p, tunnel.CheckWeb(c.Proxy, c.ProxyAuth)...)
	if (c.AccessKeyID == "") != c.SecretAccessKey.IsZero() {
		add("access_key_id", "access_key_id and secret_access_key come together, and one is missing", "leave both out for the environment, a profile or the instance's role")
	}
	if c.KMSKey != "" && c.Encryption != "kms" {
		add("kms_key", "kms_key is for encryption kms", "set encryption: kms, or remove kms_key")
	}
	if l := c.ObjectLock; l != nil && l.Retain <= 0 {
		add("object_lock.retain", "object_lock.retain must be more than nothing", "a year is 8760h")
	}
	if c.ObjectLock != nil && c.Checksum == "none" {
		add("checksum", "checksum is none, and object lock needs one", "remove checksum")
	}
	return append(p, c.checkSizes()...)
}

func (c *Settings) checkEndpoint() plugin.Problems {
	at := c.Endpoint.Value
	if at == "" {
		return nil
	}
	bad := func(text, hint string) plugin.Problems {
		return plugin.Problems{{Pos: c.Endpoint.Pos, Width: len(at), Text: text, Hint: hint}}
	}
	u, err := url.Parse(at)
	switch {
	case strings.ContainsAny(at, "@?#"): // before the text is shown, in which they may be a secret
		return bad("endpoint has parts that have no place there", "credentials go into access_key_id and secret_access_key")
	case err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https"):
		return bad("endpoint "+strconv.Quote(at)+" is no URL of a store", "write it as https://host:9000")
	case u.Scheme == "http" && c.TLS != nil:
		return bad("tls is set, but an http:// endpoint is not encrypted", "use https://, or remove tls")
	}
	return nil
}

func (c *Settings) checkSizes() plugin.Problems {
	var p plugin.Problems
	add := func(key, text, hint string) { p = append(p, plugin.Problem{Key: key, Text: text, Hint: hint}) }
	if c.PartSize < leastPart {
		add("part_size", fmt.Sprintf("part_size is %d bytes, and S3 takes no part below %d", c.PartSize, leastPart), "the default is 8MiB")
	}
	if c.MaxSize <= 0 || c.MaxSize > c.PartSize*mostParts/2 {
		add("max_size", fmt.Sprintf("max_size is %d bytes, and must be between 1 and 5,000 times part_size", c.MaxSize), "the default is 64MiB")
	}
	if c.Buffer < 2*c.PartSize {
		add("buffer", "buffer is less than two parts", "the default is 32MiB")
	}
	if c.Open < 1 || c.Open > 256 {
		add("open", fmt.Sprintf("open is %d, and must be between 1 and 256", c.Open), "the default is 16")
	}
	for _, d := range []struct {
		key   string
		value time.Duration
		least time.Duration
	}{{"max_age", c.MaxAge, time.Second}, {"timeout", c.Timeout, time.Second}, {"manifest_every", c.ManifestEvery, 0}} {
		if d.value < d.least {
			add(d.key, fmt.Sprintf("%s is %v, and must be %v at least", d.key, d.value, d.least), "")
		}
	}
	return p
}
