package main

import (
	"crypto/tls"
	"fmt"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"tallyman/outputs/s3/s3test"
	"tallyman/pipeline/plugintest"
)

// TestVerifyAnOutput: with the name of an output, verify goes to the store that the
// output writes to, with its certificates and credentials, below its prefix; nothing of
// the environment is needed.
func TestVerifyAnOutput(t *testing.T) {
	dir := t.TempDir()
	ca := plugintest.NewAuthority(t, "ours")
	store := s3test.New(t)
	front := httptest.NewUnstartedServer(store)
	front.TLS = &tls.Config{Certificates: []tls.Certificate{ca.Sign(t, dir, "store", nil)}}
	front.StartTLS()
	defer front.Close()
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	t.Setenv("VERIFY_TEST_SECRET", "not a secret")
	write(t, filepath.Join(dir, "app.log"), strings.Repeat("something happened\n", 50))
	text := `journal: {dir: journal}
admin: {listen: off}
inputs:
  app: {type: file, path: [%[1]s/app.log], start_at: beginning}
outputs:
  local: {type: file, path: %[1]s/out.json}
  archive: {type: s3, bucket: %[2]s, prefix: 'audit/{{ event.dataset }}', endpoint: %[3]q, region: eu-test-1, format: json,
    access_key_id: key, secret_access_key: {env: VERIFY_TEST_SECRET}, tls: {ca: %[4]s}}
%[5]s`
	whole := fmt.Sprintf(text, dir, store.Name, front.URL, ca.File, "")
	path := conf(t, dir, whole)
	expect(t, exitOK, "run", "--once", "--config", path)
	for _, more := range [][]string{nil, {"--deep"}} {
		out, _ := expect(t, exitOK, append([]string{"verify", "--output", "archive", "--config", path}, more...)...)
		if !strings.Contains(out, "whole: ") || !strings.Contains(out, "50 events") {
			t.Errorf("%v: it says %s", more, out)
		}
	}
	// What is wrong elsewhere in the file is no matter.
	path = conf(t, dir, fmt.Sprintf(text, dir, store.Name, front.URL, ca.File, "transforms:\n  - {type: nonsense}\n"))
	expect(t, exitOK, "verify", "--output", "archive", "--config", path)
	path = conf(t, dir, whole)

	for _, c := range []struct {
		code int
		want string
		args []string
	}{
		{exitUsage, "which archive?", []string{"verify"}},
		{exitUsage, "two archives", []string{"verify", "--output", "archive", "--config", path, "s3://audit"}},
		{exitUsage, "is of type file", []string{"verify", "--output", "local", "--config", path}},
		{exitConfig, "those of type s3 are archive", []string{"verify", "--output", "another", "--config", path}},
		{exitConfig, "write s3://BUCKET/PREFIX", []string{"verify", "--output", "archive", "--config", filepath.Join(dir, "none.yaml")}},
		{exitUsage, "[ca output]", []string{"verify", "--output", "archive", "--config", path, "--ca", ca.File}},
	} {
		answers(t, c.code, []string{c.want}, c.args...)
	}
	for _, key := range store.Keys() {
		if strings.HasSuffix(key, ".gz") {
			store.Change(key, []byte("something else"))
		}
	}
	answers(t, exitCheck, []string{"wrong: audit/", "NOT WHOLE"}, "verify", "--output", "archive", "--config", path)
}

// TestVerifyAnOutputWithoutItsSecret: what the output refers to and is not there is
// named, and no request is made.
func TestVerifyAnOutputWithoutItsSecret(t *testing.T) {
	dir, store := t.TempDir(), s3test.New(t)
	path := conf(t, dir, fmt.Sprintf(`journal: {dir: journal}
inputs:
  audit: {type: auditd}
outputs:
  archive: {type: s3, bucket: %s, endpoint: %q, access_key_id: key, secret_access_key: {file: secret}}
`, store.Name, store.URL))
	code, text := said(t, "", "verify", "--output", "archive", "--config", path)
	if code == exitOK || !strings.Contains(text, "secret") || store.Count(s3test.List) > 0 {
		t.Errorf("exit %d: %s", code, text)
	}
}
