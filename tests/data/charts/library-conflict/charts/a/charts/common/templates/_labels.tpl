{{- define "common.labels" -}}labels of common 1.0.0{{- end -}}
{{- define "common.same" -}}the same in both{{- end -}}
{{- define "common.unused" -}}unused 1.0.0{{- end -}}
