package ocsf

// layoutOf numbers the layouts: a class, and for some classes whose objects they
// show.
type layoutOf int

const (
	baseEvent layoutOf = iota
	processActivity
	processTarget // the process that a signal or a tracer is for
	fileActivity
	networkActivity
	authentication
	accountSwitch // su and sudo
	accountChanged
	accountOwn // an account that changed itself
	userAccess
	groupManagement
	apiActivity
	detectionFinding
	applicationLifecycle
	kernelExtension
	kernelActivity
	eventLog
	scheduledJob
	scriptActivity
	deviceConfig
	layoutCount
)

// layout is a class and the objects that its events have.
type layout struct {
	uid    int
	places []place
	anyOf  int // of the bits of places, one is required
}

// place is an object of a class.
type place struct {
	node
	required bool
	bit      int
}

// must and may return a place of an object of the table.
func must(name, kind string) place { return place{node: object(name, kind), required: true} }
func may(name, kind string) place  { return place{node: object(name, kind)} }

// list puts the object of a place into a list of its own.
func (p place) inList() place {
	p.list = true
	return p
}

// either marks a place of which another marked one may stand instead.
func (p place) either() place {
	p.bit = 1
	return p
}

// newLayout returns what a class has: what it requires, in OCSF and here, and
// what it may have.
func newLayout(l layoutOf) layout {
	actor, host := must("actor", "actor"), must("device", "device")
	src, dst := may("src_endpoint", "src_endpoint"), may("dst_endpoint", "dst_endpoint")
	switch l {
	case processActivity:
		return layout{uid: 1007, places: []place{must("actor", "launcher"), host, must("process", "process")}}
	case processTarget:
		return layout{uid: 1007, places: []place{actor, host, must("process", "target")}}
	case fileActivity:
		return layout{uid: 1001, places: []place{actor, host, must("file", "file"), may("file_result", "result")}}
	case networkActivity:
		return layout{uid: 4001, places: []place{actor, host, src.either(), dst.either(), may("connection_info", "connection_info")}, anyOf: 1}
	case authentication:
		return layout{uid: 3002, places: []place{actor, host, must("user", "account"), may("service", "service").either(), src, dst.either()}, anyOf: 1}
	case accountSwitch:
		return layout{uid: 3002, places: []place{actor, host, must("user", "switched"), may("service", "service").either(), src, dst.either()}, anyOf: 1}
	case accountChanged:
		return layout{uid: 3001, places: []place{actor, host, must("user", "changed"), src}}
	case accountOwn:
		return layout{uid: 3001, places: []place{actor, host, must("user", "account"), src}}
	case userAccess:
		return layout{uid: 3005, places: []place{actor, host, must("user", "changed"), src}}
	case groupManagement:
		return layout{uid: 3006, places: []place{actor, host, must("group", "group"), may("user", "changed"), src}}
	case apiActivity:
		return layout{uid: 6003, places: []place{actor, host, must("api", "api"), may("http_request", "http_request"),
			may("resources", "resources").inList(), must("src_endpoint", "src_endpoint"), dst}}
	case detectionFinding:
		return layout{uid: 2004, places: []place{host, must("finding_info", "finding_info"), may("evidences", "evidence").inList()}}
	case applicationLifecycle:
		return layout{uid: 6002, places: []place{actor, must("device", "host"), must("app", "app")}}
	case kernelExtension:
		return layout{uid: 1002, places: []place{actor, host, must("driver", "driver")}}
	case kernelActivity:
		return layout{uid: 1003, places: []place{actor, host, must("kernel", "kernel")}}
	case eventLog:
		return layout{uid: 1008, places: []place{actor, host}}
	case scheduledJob:
		return layout{uid: 1006, places: []place{actor, host, must("job", "job")}}
	case scriptActivity:
		return layout{uid: 1009, places: []place{actor, host, must("script", "script")}}
	case deviceConfig:
		return layout{uid: 5019, places: []place{actor, host}}
	}
	return layout{}
}
