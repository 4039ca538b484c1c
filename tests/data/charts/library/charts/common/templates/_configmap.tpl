{{- define "common.configmap" -}}
{{- $base := fromYaml (include "common.base" .root) }}
{{- $overrides := fromYaml (include .overrides .root) }}
{{- toYaml (merge $overrides $base) }}
{{- end }}

{{- define "common.base" -}}
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Release.Name }}-{{ .Chart.Name }}
data:
  from: the library
  value: {{ index .Values "common" "exported" | quote }}
{{- end }}
