{{/*
One operator serves a cluster, so its objects bear one fixed name: a second release beside the first is refused by Helm
instead of two operators acting on the same workloads.
*/}}
{{- define "spillway.name" -}}spillway-operator{{- end }}

{{- define "spillway.selector" -}}
app.kubernetes.io/name: spillway
app.kubernetes.io/component: operator
{{- end }}

{{- define "spillway.labels" -}}
{{ include "spillway.selector" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: spillway
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "spillway.serviceAccount" -}}
{{ .Values.serviceAccount.name | default (include "spillway.name" .) }}
{{- end }}

{{- define "spillway.image" -}}
{{- $repository := required "image.repository is empty; write the image that you built and pushed, such as --set image.repository=ghcr.io/example/spillway-operator" .Values.image.repository -}}
{{- if .Values.image.digest -}}
{{ $repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ $repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end }}

{{/* The flags of the operator, all of them, in one place. */}}
{{- define "spillway.flags" -}}
- --config=/etc/spillway/config.yaml
- --namespace={{ .Release.Namespace }}
- --listen=0.0.0.0:8080
- --leader-elect=true
- --log-format={{ .Values.log.format }}
- --log-level={{ .Values.log.level }}
{{- if .Values.observe }}
- --observe
{{- end }}
{{- if .Values.offSwitch.enabled }}
- --off-switch
{{- end }}
{{- end }}
