{{- define "who" -}}parent, _b.tpl{{- end -}}
{{- define "only-parent" -}}parent{{- end -}}
{{- define "empty-in-parent" -}}{{- end -}}
