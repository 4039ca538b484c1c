{{- define "who" -}}parent, _a.tpl{{- end -}}
