package s3

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/logging"

	"tallyman/pipeline/clienttls"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/tunnel"
)

// connecting is how long a connection may take, and after that the handshake of TLS.
const connecting = 10 * time.Second

// connect builds the client of a store. It connects to nothing.
func connect(c *Settings, dir string) (*s3.Client, *http.Transport, error) {
	certs, err := clienttls.New(c.TLS, dir, "")
	if err != nil {
		return nil, nil, err
	}
	tlsConfig, err := certs.Config()
	if err != nil {
		return nil, nil, err
	}
	way, err := tunnel.NewWeb(c.Proxy, c.ProxyAuth)
	if err != nil {
		return nil, nil, err
	}
	web := &http.Transport{
		TLSClientConfig: tlsConfig, // through an HTTP proxy; all else reads the files anew
		MaxIdleConns:    4, IdleConnTimeout: time.Minute, ExpectContinueTimeout: time.Second, TLSHandshakeTimeout: connecting,
	}
	way.Through(web, connecting)
	secured := certs.Over(web.DialContext)
	web.DialTLSContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		ctx, cancel := context.WithTimeout(ctx, 2*connecting) // package http limits no handshake that it does not make
		defer cancel()
		return secured(ctx, network, addr)
	}
	cfg, err := load(c)
	if err != nil {
		return nil, nil, err
	}
	client := s3.NewFromConfig(cfg, func(o *s3.Options) {
		// A redirect would take the signature, and what is uploaded, to another host.
		o.HTTPClient = &http.Client{Transport: noPages{web}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		o.Logger = logging.Nop{}                            // what it logs by itself would stand among our lines; what counts is in errors
		o.Retryer, o.RetryMaxAttempts = aws.NopRetryer{}, 1 // the engine tries again
		o.UsePathStyle = c.Addressing == "path" || (c.Addressing == "" && c.Endpoint.Value != "")
		// The sums that we know are sent as headers: trailing ones are what other stores refuse.
		o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
		o.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
		if c.Endpoint.Value != "" {
			o.BaseEndpoint = aws.String(c.Endpoint.Value)
		}
	})
	return client, web, nil
}

// noPages takes no page for an answer, and no answer without an end: a proxy or a portal between that says 200 has
// stored nothing, and no answer of a store, and no object of ours, is HTML.
type noPages struct{ *http.Transport }

var errPage = errors.New("a page came back, which is no answer of a store: look at endpoint, and at what is between this host and the store")

// mostAnswer is how much is read of an answer that is no object. A list of a thousand
// keys has a megabyte at most; the SDK itself reads an error to its end.
const mostAnswer = 4 << 20

// RoundTrip implements http.RoundTripper.
func (n noPages) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := n.Transport.RoundTrip(r)
	switch {
	case err != nil:
		return nil, err
	case resp.StatusCode/100 == 2 && strings.HasPrefix(resp.Header.Get("Content-Type"), "text/html"):
		_ = resp.Body.Close() // nothing of it is read
		return nil, errPage
	case resp.StatusCode/100 != 2 || r.URL.Query().Get("x-id") != "GetObject":
		resp.Body = &limitedBody{io.LimitReader(resp.Body, mostAnswer), resp.Body}
	}
	return resp, nil
}

// limitedBody ends where its limit is.
type limitedBody struct {
	io.Reader
	io.Closer
}

// load finds region and credentials as every AWS client does.
func load(c *Settings) (aws.Config, error) {
	var options []func(*config.LoadOptions) error
	if c.Region != "" {
		options = append(options, config.WithRegion(c.Region))
	}
	if c.Profile != "" {
		options = append(options, config.WithSharedConfigProfile(c.Profile))
	}
	if c.AccessKeyID != "" {
		options = append(options, config.WithCredentialsProvider(keyPair(c)))
	}
	cfg, err := config.LoadDefaultConfig(context.Background(), options...)
	if err != nil {
		key := "region"
		if c.Profile != "" {
			key = "profile"
		}
		return cfg, plugin.Problems{{Key: key, Text: "the configuration of AWS cannot be loaded: " + err.Error()}}
	}
	if cfg.Region == "" && c.Endpoint.Value != "" {
		cfg.Region = "us-east-1" // what stores that know no regions expect in a signature
	}
	if cfg.Region == "" {
		return cfg, plugin.Problems{{Key: "region", Text: "the bucket's region is not known",
			Hint: "set region, or AWS_REGION in the environment"}}
	}
	return cfg, nil
}

// rereads is how often the secret of a key is read again.
const rereads = 15 * time.Minute

// keyPair gives the key of the settings.
func keyPair(c *Settings) aws.CredentialsProvider {
	return aws.NewCredentialsCache(aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		secret, err := c.SecretAccessKey.Read()
		if err == nil && strings.TrimSpace(secret) == "" {
			err = errors.New("the secret is empty")
		}
		if err != nil {
			return aws.Credentials{}, err
		}
		return aws.Credentials{AccessKeyID: c.AccessKeyID, SecretAccessKey: secret, Source: "settings", CanExpire: true, Expires: time.Now().Add(rereads)}, nil
	}))
}

// limited gives one request its time.
func (o *output) limited(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, o.c.Timeout)
}

// steady is a ctx for the reading of an answer of any length: it ends when nothing was
// read for a time. Read wraps what is read; stop is to be called at the end.
func steady(ctx context.Context, within time.Duration) (_ context.Context, read func(io.Reader) io.Reader, stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	timer := time.AfterFunc(within, cancel)
	read = func(r io.Reader) io.Reader { return &watched{r, timer, within} }
	return ctx, read, func() { timer.Stop(); cancel() }
}

// watched is a reader that puts a timer off with each piece.
type watched struct {
	r      io.Reader
	timer  *time.Timer
	within time.Duration
}

func (w *watched) Read(b []byte) (int, error) {
	n, err := w.r.Read(b)
	if n > 0 {
		w.timer.Reset(w.within)
	}
	return n, err
}
