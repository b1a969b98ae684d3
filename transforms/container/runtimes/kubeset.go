package runtimes

// Where Kubernetes is asked, and the kubelet where the API server is out of reach.

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"time"
)

// Where a pod finds its account.
const serviceAccount = "/var/run/secrets/kubernetes.io/serviceaccount/"

// Kube says where Kubernetes is asked for the pods of this node, and as whom.
type Kube struct {
	Node      string // as spec.nodeName has it
	URL       string // of the API server, https://…; plain http only on loopback
	TokenFile string // read for every request, because the kubelet renews it; "": none
	CAFile    string // who signed the server's certificate; "": the system's
	CertFile  string // with KeyFile the client's certificate, instead of a token
	KeyFile   string

	// Kubelet is asked where the API server is out of reach:
	// https://NODE:10250, or http://127.0.0.1:10255; "": it is not. KubeletCA is
	// who signed its certificate; "": CAFile.
	Kubelet   string
	KubeletCA string

	Quiet bool // it is no fault when it is not there
}

// InCluster returns what a pod is given to ask the API server with; nil where
// the program does not run in one. The node is NODE_NAME, which the manifest
// sets from spec.nodeName, else the host's name.
func InCluster(getenv func(string) string) *Kube {
	host, port := getenv("KUBERNETES_SERVICE_HOST"), getenv("KUBERNETES_SERVICE_PORT")
	if host == "" || port == "" {
		return nil
	}
	k := &Kube{URL: (&url.URL{Scheme: "https", Host: joinHost(host, port)}).String(), TokenFile: serviceAccount + "token", CAFile: serviceAccount + "ca.crt",
		Node: getenv("NODE_NAME"), Kubelet: getenv("KUBELET_URL")}
	if k.Node == "" {
		k.Node, _ = os.Hostname()
	}
	return k
}

func (k *Kube) where() string {
	if k.URL == "" {
		return k.Kubelet
	}
	return k.URL
}

// Check refuses what cannot be asked, or would be asked in the clear.
func (k *Kube) Check() error {
	for _, u := range []string{k.URL, k.Kubelet} {
		if u == "" {
			continue
		}
		if err := checkURL(u); err != nil {
			return err
		}
	}
	if k.URL == "" && k.Kubelet == "" {
		return errors.New("runtimes: kubernetes: neither the API server nor the kubelet is named")
	}
	if k.Node == "" {
		return errors.New("runtimes: kubernetes: the node is not named; set NODE_NAME from spec.nodeName")
	}
	return nil
}

// followKubelet asks the kubelet again and again, for a while. It returns nil
// at the end of it.
func (k *kubeSource) followKubelet(ctx context.Context, up func()) error {
	ca := k.set.KubeletCA
	if ca == "" {
		ca = k.set.CAFile
	}
	api, err := k.set.client(k.set.Kubelet, ca)
	if err != nil {
		return err
	}
	defer api.http.CloseIdleConnections()
	for n := time.Duration(0); n < kubeletFor && ctx.Err() == nil; n += kubeletEvery {
		if err := k.listKubelet(ctx, api); err != nil {
			return err
		}
		up()
		k.pause(ctx, kubeletEvery)
	}
	return ctx.Err()
}

func (k *kubeSource) listKubelet(ctx context.Context, api *kubeAPI) error {
	ctx, cancel := context.WithTimeout(ctx, askFor)
	defer cancel()
	res, err := api.get(ctx, "/pods", "application/json")
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	seen := map[string]bool{}
	if _, err := eachPod(res.Body, func(p *kubePod) { seen[p.Metadata.UID] = true; k.tell(p) }); err != nil {
		return fmt.Errorf("read the pods of the kubelet: %w", err)
	}
	k.onlyPods(seen)
	return nil
}
