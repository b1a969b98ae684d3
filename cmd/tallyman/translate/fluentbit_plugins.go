package translate

import (
	"strings"
)

// fluentInput translates an [INPUT], and reports whether it has a counterpart.
func (w *work) fluentInput(s *section, name string) bool {
	switch strings.ToLower(name) {
	case "tail":
		return w.fluentTail(s)
	case "systemd":
		pairs := []string{"type: journald"}
		if dir := s.get("path"); dir != "" {
			pairs = append(pairs, pair("directory", dir))
		}
		if matches := s.all("systemd_filter"); len(matches) > 0 {
			pairs = append(pairs, list("matches", matches...))
		}
		if s.on("read_from_tail") {
			pairs = append(pairs, "start_at: end")
		}
		w.input("host", s.line, pairs...)
	case "syslog":
		mode, address := strings.ToLower(s.get("mode")), ""
		switch mode {
		case "tcp", "udp":
			address = mode + "://" + hostPort(s.get("listen"), s.get("port"), "0.0.0.0", "5140")
		case "unix_tcp":
			address = "unix://" + s.get("path")
		default: // unix_udp
			address = "unixgram://" + s.get("path")
		}
		w.input("syslog", s.line, "type: syslog", pair("listen", address))
	case "http":
		w.input("http", s.line, "type: http", pair("listen", hostPort(s.get("listen"), s.get("port"), "0.0.0.0", "9880")), "decode: json")
		w.token(s, "http")
	case "splunk":
		w.input("hec", s.line, "type: hec", pair("listen", hostPort(s.get("listen"), s.get("port"), "0.0.0.0", "8088")))
		if s.get("splunk_token") != "" {
			w.token(s, "hec")
		}
	case "kafka":
		brokers, topics := s.get("brokers"), s.get("topics")
		if brokers == "" || topics == "" {
			return false
		}
		pairs := []string{"type: kafka", list("brokers", split(brokers)...), list("topics", split(topics)...)}
		if group := s.get("group_id"); group != "" {
			pairs = append(pairs, pair("group", group))
		}
		w.input("kafka", s.line, pairs...)
	case "docker_events":
		pairs := []string{"type: docker"}
		if socket := s.get("unix_path"); socket != "" {
			pairs = append(pairs, pair("host", "unix://"+socket))
		}
		w.input("docker", s.line, pairs...)
	default:
		return false
	}
	return true
}

// token gives the input that was added last a token, whose text is not repeated.
func (w *work) token(s *section, name string) {
	c := &w.r.Inputs[len(w.r.Inputs)-1]
	c.Pairs = append(c.Pairs, "token: {file: /etc/tallyman/"+name+".token}")
	w.todo("line %d: put the token that clients show into /etc/tallyman/%s.token (mode 0600)", s.line, name)
}

// fluentDecoders are decoders by the names of Fluent Bit's usual parsers.
var fluentDecoders = map[string]string{"json": "json", "logfmt": "logfmt", "syslog-rfc3164": "syslog", "syslog-rfc5424": "syslog", "syslog-rfc3164-local": "syslog", "syslog": "syslog"}

func (w *work) fluentTail(s *section) bool {
	paths := split(s.get("path"))
	if len(paths) == 0 {
		return false
	}
	parser := strings.ToLower(s.get("parser"))
	multi := strings.ToLower(strings.Join(s.all("multiline.parser"), ","))
	whole := strings.Join(paths, " ")
	containers := parser == "docker" || parser == "cri" || strings.Contains(multi, "cri") || strings.Contains(multi, "docker") ||
		strings.Contains(whole, "/var/log/containers/") || strings.Contains(whole, "/var/log/pods/") || strings.Contains(whole, "/var/lib/docker/containers/")
	var pairs []string
	name := "file"
	switch {
	case containers:
		name = "containers"
		pairs = []string{"type: containers"}
		if !strings.Contains(whole, "/var/log/containers/") {
			pairs = append(pairs, list("path", paths...))
		}
	case strings.Contains(whole, "/audit/audit.log"):
		name, pairs = "audit", []string{"type: auditd", pair("path", paths[0])}
		for _, p := range paths[1:] {
			w.left(s.line, p, "an input auditd reads one log: add another input")
		}
	default:
		decode := fluentDecoders[parser]
		if decode == "" {
			decode = "plain"
			if parser != "" {
				w.left(s.line, "parser "+parser, "this parser is not known: choose `decode`, or take it apart with the transform fields")
			}
		}
		pairs = []string{"type: file", list("path", paths...), pair("decode", decode)}
	}
	if exclude := split(s.get("exclude_path")); containers && len(exclude) > 0 {
		w.left(s.line, "exclude_path "+strings.Join(exclude, ", "), "containers are read where the links of /var/log/containers lead to: write it as exclude: [\"/var/log/pods/NAMESPACE_POD_*/*/*.log\"]")
	} else if len(exclude) > 0 && name != "audit" {
		pairs = append(pairs, list("exclude", exclude...))
	}
	if !s.on("read_from_head") {
		pairs = append(pairs, "start_at: end")
	}
	w.input(name, s.line, pairs...)
	return true
}

// fluentFilter translates a [FILTER].
func (w *work) fluentFilter(s *section, name string) bool {
	switch strings.ToLower(name) {
	case "kubernetes":
		for i := range s.props { // the transform container asks by itself
			s.props[i].used = true
		}
		w.todo("line %d: names of pods come from the transform container: in a pod by its service account, else by kubernetes_api", s.line)
	case "record_modifier", "modify":
		records := append(s.all("record"), append(s.all("add"), s.all("set")...)...)
		for _, r := range records {
			key, value, ok := strings.Cut(r, " ")
			if !ok {
				return false
			}
			w.r.Labels[key] = strings.Trim(strings.TrimSpace(value), `"`)
		}
		return len(records) > 0
	default:
		return false
	}
	return true
}

// fluentOutput translates an [OUTPUT].
func (w *work) fluentOutput(s *section, name string) bool {
	switch strings.ToLower(name) {
	case "stdout":
		w.output("screen", s.line, "type: stdout", "format: json")
		_ = s.get("format")
	case "file":
		dir, file := s.get("path"), s.get("file")
		if file == "" {
			file = "events.json"
		}
		w.output("file", s.line, "type: file", pair("path", strings.TrimSuffix(dir, "/")+"/"+strings.TrimPrefix(file, "/")), "format: json")
	case "splunk":
		w.fluentSplunk(s)
	case "s3":
		bucket := s.get("bucket")
		if bucket == "" {
			return false
		}
		pairs := []string{"type: s3", pair("bucket", bucket)}
		for _, k := range [][2]string{{"region", "region"}, {"endpoint", "endpoint"}, {"storage_class", "storage_class"}} {
			if v := s.get(k[0]); v != "" {
				pairs = append(pairs, pair(k[1], v))
			}
		}
		if c := s.get("compression"); c == "gzip" || c == "zstd" {
			pairs = append(pairs, pair("compression", c))
		}
		w.output("archive", s.line, pairs...)
	case "kafka":
		brokers, topics := s.get("brokers"), split(s.get("topics"))
		if brokers == "" || len(topics) == 0 {
			return false
		}
		w.output("kafka", s.line, "type: kafka", list("brokers", split(brokers)...), pair("topic", topics[0]))
		for _, t := range topics[1:] {
			w.left(s.line, "topic "+t, "an output has one topic: add another output, or choose by a field, {{ … }}")
		}
	case "syslog":
		scheme := strings.ToLower(s.get("mode"))
		if scheme == "" {
			scheme = "udp"
		}
		if s.on("tls") {
			scheme = "tls"
		}
		format := "format: rfc5424"
		if s.get("syslog_format") == "rfc3164" {
			format = "format: rfc3164"
		}
		w.output("syslog", s.line, "type: syslog", pair("address", scheme+"://"+hostPort(s.get("host"), s.get("port"), "127.0.0.1", "514")), format)
	default:
		return false
	}
	return true
}

func (w *work) fluentSplunk(s *section) {
	scheme := "http"
	if s.on("tls") {
		scheme = "https"
	}
	_ = s.get("splunk_token") // which is not repeated
	pairs := []string{"type: splunk", list("url", scheme+"://"+hostPort(s.get("host"), s.get("port"), "127.0.0.1", "8088")), "token: {file: /etc/tallyman/splunk.token}"}
	for _, k := range [][2]string{{"event_index", "index"}, {"event_source", "source"}, {"event_sourcetype", "sourcetype"}, {"event_host", "host"}} {
		if v := s.get(k[0]); v != "" && !strings.ContainsAny(v, "${}") {
			pairs = append(pairs, pair(k[1], v))
		}
	}
	if s.get("compress") == "gzip" {
		pairs = append(pairs, "compression: gzip")
	}
	w.output("splunk", s.line, pairs...)
	w.todo("line %d: put the token of the HTTP Event Collector into /etc/tallyman/splunk.token (mode 0600)", s.line)
}

// split parts a list at commas.
func split(s string) (list []string) {
	for _, p := range strings.Split(s, ",") {
		if p = strings.TrimSpace(p); p != "" {
			list = append(list, p)
		}
	}
	return list
}
