package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"strings"

	"tallyman/transforms/container"
)

// serviceAccount is where Kubernetes mounts what a pod proves itself with.
const serviceAccount = "/var/run/secrets/kubernetes.io/serviceaccount"

// apiServer is how the API server is asked.
type apiServer struct {
	url, token string
	client     *http.Client
}

// kubernetes asks the API server, from within a pod, what the pod may do.
func (d *checkup) kubernetes() []container.Finding {
	api, err := inCluster(os.Getenv, serviceAccount)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return []container.Finding{{Name: "kubernetes", Good: true, Text: "this is no pod with a service account"}}
	case err != nil:
		return []container.Finding{{Name: "kubernetes", Text: err.Error(), Hint: "give the pod a service account with its token mounted: configs/deploy/kubernetes/rbac.yaml"}}
	}
	ctx, cancel := d.within()
	defer cancel()
	return api.rights(ctx)
}

// inCluster is the API server of a pod; fs.ErrNotExist outside of one.
func inCluster(getenv func(string) string, dir string) (*apiServer, error) {
	host, port := getenv("KUBERNETES_SERVICE_HOST"), getenv("KUBERNETES_SERVICE_PORT")
	if host == "" || port == "" {
		return nil, fs.ErrNotExist
	}
	token, err := os.ReadFile(dir + "/token")
	if err != nil {
		return nil, fmt.Errorf("the token of the service account: %w", hideAbsence(err))
	}
	ca, err := os.ReadFile(dir + "/ca.crt")
	if err != nil {
		return nil, fmt.Errorf("the authority of the API server: %w", hideAbsence(err))
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(ca) {
		return nil, fmt.Errorf("%s/ca.crt holds no certificate", dir)
	}
	return &apiServer{url: "https://" + net.JoinHostPort(host, port), token: strings.TrimSpace(string(token)),
		client: &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}}}, nil
}

// hideAbsence is an error whose being fs.ErrNotExist is no longer told: in a pod a
// token that is missing is a fault.
func hideAbsence(err error) error { return errors.New(err.Error()) }

// rights asks for each verb that following pods takes.
func (a *apiServer) rights(ctx context.Context) []container.Finding {
	var denied []string
	for _, verb := range []string{"get", "list", "watch"} {
		ok, err := a.may(ctx, verb)
		if err != nil {
			return []container.Finding{{Name: "API server", Text: err.Error(), Hint: "a NetworkPolicy may be in the way, or the token has expired; pods are then known by what the runtime keeps alone"}}
		}
		if !ok {
			denied = append(denied, verb)
		}
	}
	if len(denied) > 0 {
		return []container.Finding{{Name: "pods", Text: fmt.Sprintf("the service account may not %s pods", strings.Join(denied, ", ")), Hint: "bind the role of configs/deploy/kubernetes/rbac.yaml to it"}}
	}
	return []container.Finding{{Name: "pods", Good: true, Text: "the service account may get, list and watch pods"}}
}

// may asks with a SelfSubjectAccessReview, which everybody may do.
func (a *apiServer) may(ctx context.Context, verb string) (bool, error) {
	body := fmt.Sprintf(`{"apiVersion":"authorization.k8s.io/v1","kind":"SelfSubjectAccessReview","spec":{"resourceAttributes":{"resource":"pods","verb":%q}}}`, verb)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.url+"/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", bytes.NewBufferString(body))
	if err != nil {
		return false, err
	}
	req.Header.Set("Authorization", "Bearer "+a.token)
	req.Header.Set("Content-Type", "application/json")
	resp, err := a.client.Do(req)
	if err != nil {
		return false, fmt.Errorf("ask %s: %w", a.url, err)
	}
	defer func() { _ = resp.Body.Close() }() // it is read
	if resp.StatusCode/100 != 2 {
		return false, fmt.Errorf("%s answers %s", a.url, resp.Status)
	}
	var review struct {
		Status struct {
			Allowed bool `json:"allowed"`
		} `json:"status"`
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(&review); err != nil {
		return false, fmt.Errorf("what %s answers is not understood: %w", a.url, err)
	}
	return review.Status.Allowed, nil
}
