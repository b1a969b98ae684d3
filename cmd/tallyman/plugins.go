package main

import (
	"tallyman/inputs/auditd"
	"tallyman/outputs/file"
	"tallyman/outputs/stdout"
	"tallyman/outputs/syslog"
	"tallyman/pipeline/plugin"
	"tallyman/transforms/audit"
	"tallyman/transforms/container"
	"tallyman/transforms/decode/cri"
	"tallyman/transforms/decode/dockerjson"
	"tallyman/transforms/decode/plain"
	"tallyman/transforms/filter"
	"tallyman/transforms/redact"
	"tallyman/transforms/rules"
)

// plugins is everything that is built in, in the order of the reference.
func plugins() []plugin.Plugin {
	return []plugin.Plugin{
		auditd.Plugin,

		cri.Plugin,
		dockerjson.Plugin,
		plain.Plugin,
		audit.Plugin,
		container.Plugin,
		filter.Plugin,
		redact.Plugin,
		rules.Plugin,

		file.Plugin,
		stdout.Plugin,
		syslog.Plugin,
	}
}
