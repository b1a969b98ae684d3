package docker

import (
	"encoding/pem"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tallyman/pipeline/plugin"
)

// TestOverTLS: an engine on tcp is asked over TLS; one whose certificate is of
// another authority is not believed.
func TestOverTLS(t *testing.T) {
	dir := t.TempDir()
	f := engineAt(t, filepath.Join(dir, "s"))
	server := httptest.NewTLSServer(f)
	t.Cleanup(server.Close)
	ca := filepath.Join(dir, "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	f.tell(happened(1, base))
	s := settings(t, "/x")
	s.Host, s.TLS = "tcp://"+server.Listener.Addr().String(), &TLS{CA: plugin.Text{Value: ca}}
	r := open(t, s, nil)
	r.until(1)
	r.want(happened(1, base))
	r.close()
	s.TLS = &TLS{}
	err := open(t, s, nil).read()
	if kind, _ := plugin.KindOf(err); err == nil || kind != plugin.KindRetry || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("%v", err)
	}
	s.TLS = &TLS{CA: plugin.Text{Value: filepath.Join(dir, "s.none")}}
	if _, err := build(s, plugin.Env{}); err == nil {
		t.Error("a missing authority is taken")
	}
}
