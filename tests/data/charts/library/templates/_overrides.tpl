{{- define "library.overrides" -}}
data:
  from: {{ .Chart.Name }}
{{- end }}
