{{- define "who" -}}alpha{{- end -}}
{{- define "between-siblings" -}}alpha{{- end -}}
{{- define "empty-in-parent" -}}alpha{{- end -}}
