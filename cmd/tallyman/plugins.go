package main

import (
	"tallyman/inputs/alerts"
	"tallyman/inputs/auditd"
	"tallyman/inputs/containers"
	"tallyman/inputs/docker"
	execinput "tallyman/inputs/exec"
	fileinput "tallyman/inputs/file"
	gitinput "tallyman/inputs/git"
	"tallyman/inputs/hec"
	"tallyman/inputs/http"
	jenkinsinput "tallyman/inputs/jenkins"
	journaldinput "tallyman/inputs/journald"
	kafkainput "tallyman/inputs/kafka"
	registryinput "tallyman/inputs/registry"
	sysloginput "tallyman/inputs/syslog"
	"tallyman/outputs/file"
	httpoutput "tallyman/outputs/http"
	kafkaoutput "tallyman/outputs/kafka"
	"tallyman/outputs/respond"
	"tallyman/outputs/s3"
	"tallyman/outputs/splunk"
	"tallyman/outputs/stdout"
	"tallyman/outputs/syslog"
	"tallyman/pipeline/plugin"
	"tallyman/transforms/audit"
	"tallyman/transforms/container"
	"tallyman/transforms/decode/alert"
	cefdecoder "tallyman/transforms/decode/cef"
	"tallyman/transforms/decode/cri"
	"tallyman/transforms/decode/dockerd"
	"tallyman/transforms/decode/dockerevent"
	"tallyman/transforms/decode/dockerjson"
	"tallyman/transforms/decode/dockersplunk"
	"tallyman/transforms/decode/falco"
	"tallyman/transforms/decode/finding"
	"tallyman/transforms/decode/generic"
	gitdecoder "tallyman/transforms/decode/git"
	jenkinsdecoder "tallyman/transforms/decode/jenkins"
	journalddecoder "tallyman/transforms/decode/journald"
	"tallyman/transforms/decode/k8saudit"
	"tallyman/transforms/decode/k8sevent"
	leefdecoder "tallyman/transforms/decode/leef"
	"tallyman/transforms/decode/plain"
	"tallyman/transforms/decode/registry"
	syslogdecoder "tallyman/transforms/decode/syslog"
	tallymandecoder "tallyman/transforms/decode/tallyman"
	"tallyman/transforms/decode/tetragon"
	"tallyman/transforms/fields"
	"tallyman/transforms/filter"
	"tallyman/transforms/redact"
	"tallyman/transforms/rules"
	"tallyman/transforms/session"
)

// plugins is everything that is built in, in the order of the reference.
func plugins() []plugin.Plugin {
	return []plugin.Plugin{
		alerts.Plugin,
		auditd.Plugin,
		containers.Plugin,
		docker.Plugin,
		docker.Logs,
		execinput.Plugin,
		fileinput.Plugin,
		gitinput.Plugin,
		jenkinsinput.Plugin,
		journaldinput.Plugin,
		hec.Plugin,
		http.Plugin,
		registryinput.Plugin,
		kafkainput.Plugin,
		sysloginput.Plugin,

		alert.Plugin,
		cefdecoder.Plugin,
		cri.Plugin,
		dockerd.Plugin,
		dockerevent.Plugin,
		dockerjson.Plugin,
		dockerjson.Lines,
		gitdecoder.Webhook,
		gitdecoder.GitHubAudit,
		gitdecoder.GitLab,
		gitdecoder.Gitea,
		gitdecoder.Access,
		gitdecoder.Gitolite,
		jenkinsdecoder.Audit,
		jenkinsdecoder.Log,
		jenkinsdecoder.Access,
		jenkinsdecoder.Build,
		jenkinsdecoder.BuildXML,
		jenkinsdecoder.Logstash,
		dockersplunk.Plugin,
		falco.Plugin,
		finding.Plugin,
		generic.JSON,
		generic.Logfmt,
		generic.KeyValue,
		journalddecoder.Plugin,
		k8saudit.Plugin,
		k8sevent.Plugin,
		leefdecoder.Plugin,
		plain.Plugin,
		registry.Plugin,
		registry.Layers,
		tetragon.Plugin,
		syslogdecoder.Plugin,
		tallymandecoder.Plugin,
		audit.Plugin,
		container.Plugin,
		fields.Plugin,
		filter.Plugin,
		redact.Plugin,
		rules.Plugin,
		session.Plugin,

		file.Plugin,
		httpoutput.Plugin,
		respond.Plugin,
		s3.Plugin,
		kafkaoutput.Plugin,
		splunk.Plugin,
		stdout.Plugin,
		syslog.Plugin,
	}
}
