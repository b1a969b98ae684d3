package runtimes

// containerd and CRI-O through the Container Runtime Interface, version 1: the
// lists of containers and pod sandboxes, one look at each, and the stream of
// events where the runtime has one; where it has none, the lists are read often.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// How often the lists are read: where they are all there is, and where the
// stream of events tells of changes anyway. A container that the store is asked
// for in vain has them read at once, but not more often than often.
const (
	often  = 200 * time.Millisecond
	poll   = time.Second
	resync = time.Minute
)

// criSource follows one socket.
type criSource struct {
	*runner
	runtime string
	kick    chan struct{}

	pods  map[string]*Pod // by sandbox
	looks map[string]look // by id: what was asked of a container or sandbox
}

// look is what ContainerStatus was asked about a container.
type look struct {
	state cri.ContainerState
	whole bool // with the process id
	tried uint8
}

// maxTries is how often a container is asked for that does not answer.
const maxTries = 5

func newCRI(r *runner) *criSource {
	return &criSource{runner: r, runtime: r.name, kick: make(chan struct{}, 1), pods: map[string]*Pod{}, looks: map[string]look{}}
}

// ask has the lists read soon.
func (c *criSource) ask(string) {
	select {
	case c.kick <- struct{}{}:
	default:
	}
}

// connect returns a connection that is there: an error of the socket is told as
// such, not as a state of the call.
func (c *criSource) connect(ctx context.Context) (*grpc.ClientConn, error) {
	first, err := dial(ctx, c.path)
	if err != nil {
		return nil, err
	}
	conns := make(chan net.Conn, 1)
	conns <- first
	conn, err := grpc.NewClient("passthrough:///localhost",
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
			select {
			case conn := <-conns:
				return conn, nil
			default:
				return dial(ctx, c.path)
			}
		}),
		grpc.WithNoProxy(), grpc.WithDisableServiceConfig(), grpc.WithDisableRetry(),
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: backoff.DefaultConfig, MinConnectTimeout: askFor}),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxValue)))
	if err != nil {
		_ = first.Close()
		return nil, fmt.Errorf("connect to %s: %w", c.path, err)
	}
	return conn, nil
}

func (c *criSource) follow(ctx context.Context, up func()) error {
	conn, err := c.connect(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	api := cri.NewRuntimeServiceClient(conn)
	if err := c.hello(ctx, api); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	events := make(chan *cri.ContainerEventResponse)
	ended := make(chan error, 1)
	go func() { ended <- listen(ctx, api, events) }()
	defer func() { cancel(); drain(events) }()
	if err := c.list(ctx, api); err != nil {
		return err
	}
	up()
	return c.watch(ctx, api, events, ended)
}

// drain waits for the end of what listens.
func drain(events <-chan *cri.ContainerEventResponse) {
	for range events { //nolint:revive // nobody reads them any more
	}
}

// hello learns which runtime speaks.
func (c *criSource) hello(ctx context.Context, api cri.RuntimeServiceClient) error {
	ctx, cancel := context.WithTimeout(ctx, askFor)
	defer cancel()
	v, err := api.Version(ctx, &cri.VersionRequest{})
	if err != nil {
		return c.wrong("version", err)
	}
	switch v.GetRuntimeName() {
	case "cri-o":
		c.runtime = CRIO
	case "containerd":
		c.runtime = Containerd
	}
	return nil
}

// watch tells what changes until the connection is lost.
func (c *criSource) watch(ctx context.Context, api cri.RuntimeServiceClient, events <-chan *cri.ContainerEventResponse, ended <-chan error) error {
	every := resync
	timer := time.NewTimer(every)
	defer timer.Stop()
	last, told := c.now(), false
	for {
		again := false
		select {
		case <-ctx.Done():
			return ctx.Err()
		case e, ok := <-events:
			if !ok {
				events = nil
				continue
			}
			told = true
			c.events.Inc()
			again = c.take(ctx, api, e)
		case err := <-ended:
			if code := status.Code(err); code == codes.Unavailable || told && errors.Is(err, io.EOF) {
				return c.wrong("events", err)
			}
			every, again, ended = poll, true, nil // it has none; the lists tell
		case <-c.kick:
			if wait := often - c.now().Sub(last); wait > 0 {
				c.pause(ctx, wait)
			}
			again = true
		case <-timer.C:
			again = true
		}
		if !again {
			continue
		}
		if err := c.list(ctx, api); err != nil {
			return err
		}
		last = c.now()
		timer.Reset(every)
	}
}

// listen hands on the stream of events until it ends, and closes events then.
func listen(ctx context.Context, api cri.RuntimeServiceClient, events chan<- *cri.ContainerEventResponse) error {
	defer close(events)
	stream, err := api.GetContainerEvents(ctx, &cri.GetEventsRequest{})
	if err != nil {
		return err
	}
	for {
		e, err := stream.Recv()
		if err != nil {
			return err
		}
		select {
		case events <- e:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// take tells what one event says. It reports whether the lists are to be read
// for it.
func (c *criSource) take(ctx context.Context, api cri.RuntimeServiceClient, e *cri.ContainerEventResponse) bool {
	id := e.GetContainerId()
	if e.GetContainerEventType() == cri.ContainerEventType_CONTAINER_DELETED_EVENT {
		c.gone(id, time.Unix(0, e.GetCreatedAt()))
		delete(c.looks, id)
		delete(c.pods, id)
		return false
	}
	if s := e.GetPodSandboxStatus(); s != nil && c.pods[s.GetId()] == nil {
		pod := c.pod(s.GetMetadata(), s.GetLabels(), s.GetAnnotations())
		c.pods[s.GetId()] = pod
		c.sandbox(s.GetId(), pod, s.GetMetadata().GetName(), s.GetLabels(), s.GetCreatedAt())
	}
	for _, s := range e.GetContainersStatuses() {
		if s.GetId() == id && e.GetPodSandboxStatus() != nil {
			sandbox := e.GetPodSandboxStatus().GetId()
			if c.of(id) == nil { // it may be gone before it can be asked for
				c.put(c.told(&cri.ContainerStatusResponse{Status: s}, sandbox))
			}
			c.inspect(ctx, api, id, sandbox, s.GetState())
			return false
		}
	}
	return c.pods[id] == nil
}

// list tells of everything that is there, and of what is no more.
func (c *criSource) list(ctx context.Context, api cri.RuntimeServiceClient) error {
	ask, cancel := context.WithTimeout(ctx, askFor)
	defer cancel()
	list, err := api.ListContainers(ask, &cri.ListContainersRequest{})
	if err != nil {
		return c.wrong("list of containers", err)
	}
	// A sandbox is made before its containers: one that is listed has its own.
	sandboxes, err := api.ListPodSandbox(ask, &cri.ListPodSandboxRequest{})
	if err != nil {
		return c.wrong("list of pod sandboxes", err)
	}
	ids := make(map[string]bool, len(list.GetContainers())+len(sandboxes.GetItems()))
	for _, s := range sandboxes.GetItems() {
		ids[s.GetId()] = true
		if c.pods[s.GetId()] == nil {
			pod := c.pod(s.GetMetadata(), s.GetLabels(), s.GetAnnotations())
			c.pods[s.GetId()] = pod
			c.sandbox(s.GetId(), pod, s.GetMetadata().GetName(), s.GetLabels(), s.GetCreatedAt())
		}
	}
	for _, l := range list.GetContainers() {
		ids[l.GetId()] = true
		if c.of(l.GetId()) == nil {
			c.put(c.listed(l))
		}
		c.inspect(ctx, api, l.GetId(), l.GetPodSandboxId(), l.GetState())
	}
	maps.DeleteFunc(c.pods, func(id string, _ *Pod) bool { return !ids[id] })
	maps.DeleteFunc(c.looks, func(id string, _ look) bool { return !ids[id] })
	c.only(ids)
	return nil
}

// inspect asks for one container, unless its answer would be the last one.
func (c *criSource) inspect(ctx context.Context, api cri.RuntimeServiceClient, id, sandbox string, state cri.ContainerState) {
	l, known := c.looks[id]
	if known && l.state == state && (l.whole || l.tried >= maxTries) {
		return
	}
	if l.state != state {
		l = look{state: state}
	}
	l.tried++
	ask, cancel := context.WithTimeout(ctx, askFor)
	defer cancel()
	res, err := api.ContainerStatus(ask, &cri.ContainerStatusRequest{ContainerId: id, Verbose: true})
	switch {
	case status.Code(err) == codes.NotFound: // it is gone; what the list said stays
	case err != nil || res.GetStatus().GetId() != id:
		if ctx.Err() == nil {
			c.failures.Inc()
		}
	default:
		told := c.told(res, sandbox)
		l.state = res.GetStatus().GetState()
		l.whole = told.Pod != nil && (told.InitPID > 0 || l.state != cri.ContainerState_CONTAINER_RUNNING)
		c.put(told)
	}
	c.looks[id] = l
}

// wrong wraps what a call returned, with the state that it stands for.
func (c *criSource) wrong(what string, err error) error {
	switch status.Code(err) {
	case codes.PermissionDenied, codes.Unauthenticated:
		err = fmt.Errorf("%w: %w", errDenied, err)
	case codes.Unimplemented:
		err = fmt.Errorf("%w: it does not speak CRI v1: %w", errAbsent, err)
	}
	return fmt.Errorf("ask %s for its %s: %w", c.path, what, err)
}
