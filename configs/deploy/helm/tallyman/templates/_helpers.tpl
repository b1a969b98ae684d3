{{- define "tallyman.labels" -}}
app.kubernetes.io/name: tallyman
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "tallyman.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{- define "tallyman.container" -}}
image: {{ include "tallyman.image" .root | quote }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
args: [run, --lifecycle, --config, /etc/tallyman-config/tallyman.yaml]
ports: [{name: metrics, containerPort: 9099}]
livenessProbe: {httpGet: {path: /healthz, port: metrics}, periodSeconds: 20, failureThreshold: 6}
readinessProbe: {httpGet: {path: /readyz, port: metrics}, periodSeconds: 10}
{{- end }}

{{- define "tallyman.secretMounts" -}}
{{- range .Values.secrets }}
- {name: {{ printf "secret-%s" . | quote }}, mountPath: {{ printf "/run/secrets/%s" . | quote }}, readOnly: true}
{{- end }}
{{- end }}

{{- define "tallyman.secretVolumes" -}}
{{- range .Values.secrets }}
- {name: {{ printf "secret-%s" . | quote }}, secret: {secretName: {{ . | quote }}, defaultMode: 0400}}
{{- end }}
{{- end }}
