{{- define "tenant-platform.namespace" -}}
{{ .Values.namespace | default .Release.Namespace }}
{{- end }}

{{/* Name, namespace and labels of an object. Takes {root, name}. The namespace is the tenant's alone, so names are plain. */}}
{{- define "tenant-platform.metadata" -}}
name: {{ .name }}
namespace: {{ include "tenant-platform.namespace" .root | quote }}
labels:
  {{- include "tenant-platform.labels" .root | nindent 2 }}
{{- end }}

{{- define "tenant-platform.labels" -}}
{{ include "platform-library.labels" (dict "root" . "component" "platform") }}
{{- end }}
