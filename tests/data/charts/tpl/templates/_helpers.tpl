{{- define "tpl.greeting" -}}hello {{ .Release.Name }}{{- end -}}
