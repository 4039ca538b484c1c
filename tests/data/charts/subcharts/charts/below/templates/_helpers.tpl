{{- define "below.port" -}}{{ .Chart.Name }}:{{ .Values.port }}{{- end -}}
