package container

import (
	"context"
	"testing"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// podInspect is how the engine tells of a container that the kubelet made.
const podInspect = `{"Id":"%s","Name":"/%s","State":{"Running":true,"Pid":9},"HostConfig":{"CgroupParent":"/kubepods/burstable/podu-1"},
"Config":{"Image":"reg.example/bb:1","Labels":{"io.kubernetes.container.name":"api","io.kubernetes.pod.name":"api-7d9f",
"io.kubernetes.pod.namespace":"shop","io.kubernetes.pod.uid":"u-1","io.kubernetes.docker.type":"container"}}}`

// podLine is a line of a pod's log, as the input containers makes it.
func podLine(path, uid string) event.Event {
	e := event.Event{Dataset: "container.log", Time: time.Now(), Shared: event.Fields{event.NewField(schema.LogFilePath, "", event.String(path))}}
	e.Fields.AddString(schema.KubernetesPodUID, uid)
	e.Fields.AddString(schema.KubernetesContainerName, "api")
	return e
}

// TestLinesOfPods: the pod's uid, the container's name and the number of its start
// are together one container, and no other start and no other pod is.
func TestLinesOfPods(t *testing.T) {
	tr, f := listening(t, 0)
	f.name(idA, "k8s_api_api-7d9f_shop_u-1_2")
	stage := tr.Lane("x")
	for _, c := range []struct{ name, path, uid, id string }{
		{"the third start", "/var/log/pods/shop_api-7d9f_u-1/api/2.log", "u-1", idA},
		{"again", "/var/log/pods/shop_api-7d9f_u-1/api/2.log", "u-1", idA},
		{"the start before", "/var/log/pods/shop_api-7d9f_u-1/api/1.log", "u-1", ""},
		{"another pod", "/var/log/pods/shop_api-7d9f_u-2/api/2.log", "u-2", ""},
		{"another file", "/var/log/pods/shop_api-7d9f_u-1/other/2.log", "u-1", ""},
		{"no number", "/var/log/pods/shop_api-7d9f_u-1/api/x.log", "u-1", ""},
	} {
		var in, out event.Batch
		in.Add(podLine(c.path, c.uid))
		if err := stage.Apply(context.Background(), &in, &out); err != nil {
			t.Fatal(err)
		}
		got := out.Events[0].Fields
		if id := got.Get(schema.ContainerID).Str(); id != c.id {
			t.Errorf("%s: container %q, want %q", c.name, id, c.id)
		}
		if c.id != "" && (got.Get(schema.ContainerImageTag).Str() != "1" || got.Get(schema.TallymanContainerMethod).Str() != "source" ||
			got.Get(schema.KubernetesPodUID).Str() != "u-1") {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

// TestLinesOfPodsComeToBeKnown: what the engine does not know yet is looked for
// again once it told something.
func TestLinesOfPodsComeToBeKnown(t *testing.T) {
	tr, f := listening(t, 0)
	stage := tr.Lane("x")
	pass := func() string {
		var in, out event.Batch
		in.Add(podLine("/var/log/pods/shop_api-7d9f_u-1/api/0.log", "u-1"))
		if err := stage.Apply(context.Background(), &in, &out); err != nil {
			t.Fatal(err)
		}
		return out.Events[0].Fields.Get(schema.ContainerID).Str()
	}
	if id := pass(); id != "" {
		t.Fatalf("it is known before it is told of: %s", id)
	}
	changed := tr.lore.store.Changed()
	f.name(idB, "k8s_api_api-7d9f_shop_u-1_0")
	stream := <-f.streams
	stream <- `{"Type":"container","Action":"start","Actor":{"ID":"` + idB + `"},"time":1,"timeNano":1000000000}` + "\n"
	for id := ""; id != idB; id = pass() {
		select {
		case <-changed:
			changed = tr.lore.store.Changed()
		case <-time.After(10 * time.Second):
			t.Fatal("the container does not come to be known")
		}
	}
}
