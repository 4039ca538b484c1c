{{/*
The name of a component's objects: <release>-<component>.
Takes {root, component}. The release gives way when the two are too long together, so that components of one
release never share a name; 52 characters leave room for what StatefulSets and Jobs append.
*/}}
{{- define "platform-library.fullname" -}}
{{- $room := sub 51 (len .component) | int -}}
{{- printf "%s-%s" (.root.Release.Name | trunc $room | trimSuffix "-") .component -}}
{{- end }}

{{/*
Name, namespace and labels of a component's object. Takes {root, component}, and where they differ from the
component's or add to them, {name, labels}.
*/}}
{{- define "platform-library.metadata" -}}
name: {{ .name | default (include "platform-library.fullname" .) | quote }}
namespace: {{ .root.Release.Namespace | quote }}
labels:
  {{- include "platform-library.labels" . | nindent 2 }}
  {{- with .labels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}

{{/* What a component's Services, workloads and policies select. Takes {root, component}. Never changes. */}}
{{- define "platform-library.selectorLabels" -}}
app.kubernetes.io/name: {{ .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name | quote }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{/*
Labels of a component's objects. Takes {root, component}. Pod templates take the selector labels alone: a label
that carries a version would restart every pod with every release of the chart.
*/}}
{{- define "platform-library.labels" -}}
{{ include "platform-library.selectorLabels" . }}
{{- with .root.Chart.AppVersion }}
app.kubernetes.io/version: {{ . | quote }}
{{- end }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end }}
