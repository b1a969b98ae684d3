package setup

// preset is a purpose that a configuration is written for.
type preset struct {
	name, about string
	inputs      []string // written whether they can be read now or not
	journal     string   // bounds of the journal
	outputs     string   // as YAML
}

// Presets are the names of what Plan.Preset may say.
func Presets() []string {
	var names []string
	for _, p := range presets()[1:] {
		names = append(names, p.name)
	}
	return names
}

// presets are all of them; the first is that of no name, which prints events.
func presets() []preset {
	return []preset{
		{about: "Written by `tallyman init` from what it found on this host. It prints every event: that\nis for looking. An output for keeping is below.",
			journal: "max_size: 2GiB",
			outputs: `  # One line for each event, for people; format: json prints all that is known.
  screen: {type: stdout, format: text}
  # Every event into a file:
  # events: {type: file, path: /var/log/tallyman/events.json, format: json}
  # Alerts to a SIEM:
  # siem: {type: syslog, address: "tls://siem.example:6514", format: cef, when: event.kind == "alert"}
`},
		{name: "docker-splunk", about: "Written by `tallyman init --preset docker-splunk`: a Docker host whose events go to Splunk.\nReplace what says CHANGE. docs/splunk.md says what to prepare there.",
			inputs: []string{"audit", "docker", "containers"}, journal: "max_size: 4GiB",
			outputs: `  splunk:
    type: splunk
    url: ["https://splunk.example:8088"] # CHANGE: where the HTTP Event Collector listens
    # The token is read from this file for each request; make it with
    #   install -m 0600 /dev/null /etc/tallyman/splunk.token
    # and put the token into it.
    token: {file: /etc/tallyman/splunk.token}
    # Splunk acknowledges what its indexers have; the token needs indexer acknowledgement.
    # Without it events count as unconfirmed.
    ack: false
    index: main # CHANGE: an index that the token may write to
    # tls: {ca: /etc/tallyman/splunk-ca.crt}
`},
		{name: "k8s-s3", about: "Written by `tallyman init --preset k8s-s3`: a node of Kubernetes whose events are archived in\nS3. Replace what says CHANGE. For a whole cluster see configs/deploy/kubernetes.",
			inputs: []string{"audit", "containers", "apiserver"}, journal: "max_size: 4GiB",
			outputs: `  archive:
    type: s3
    bucket: audit-archive # CHANGE: a bucket that exists
    region: eu-central-1 # CHANGE: its region; or endpoint: https://minio.example:9000
    # Credentials come as every AWS client finds them: environment, shared files, web
    # identity (IRSA), instance. Or access_key_id and secret_access_key: {file: …}.
    prefix: '{{ event.dataset }}/{{ time "2006/01/02" }}'
    format: json
    compression: zstd
    # An object that is whole counts as delivered; tallyman verify says whether all are there.
    max_age: 5m
`},
		{name: "siem-cef", about: "Written by `tallyman init --preset siem-cef`: events go to a SIEM as CEF over syslog with TLS.\nReplace what says CHANGE.",
			inputs: []string{"audit", "docker", "host"}, journal: "max_size: 2GiB",
			outputs: `  siem:
    type: syslog
    address: "tls://siem.example:6514" # CHANGE: where the SIEM listens
    format: cef
    # The SIEM's certificate is verified: against the system's authorities, or
    # tls: {ca: /etc/tallyman/siem-ca.crt}
    # Alerts and what is severe; without this line every event is sent.
    when: event.kind == "alert" || event.severity >= 6
    # Syslog acknowledges nothing: what it took counts as unconfirmed.
    when_full: drop_oldest
`},
		{name: "pci", about: "Written by `tallyman init --preset pci`: what PCI DSS requirement 10 asks of logs. Replace what\nsays CHANGE. `tallyman report --pack pci-dss` makes the evidence, docs/reports.md tells of it.",
			inputs: []string{"audit", "docker", "host"}, journal: "max_size: 16GiB, max_age: 90d, compress: zstd",
			outputs: `  # Twelve months that nobody can delete (requirement 10.5.1); the journal keeps what is
  # recent for ` + "`tallyman query`" + `, up to 90 days within max_size.
  archive:
    type: s3
    bucket: audit-archive # CHANGE: a bucket with object lock
    region: eu-central-1 # CHANGE
    prefix: '{{ event.dataset }}/{{ time "2006/01/02" }}'
    format: json
    object_lock: {mode: compliance, retain: 8784h}
  # Alerts to those who watch (requirement 10.4.1.1).
  siem:
    type: syslog
    address: "tls://siem.example:6514" # CHANGE
    format: cef
    when: event.kind == "alert"
`},
	}
}
