{{- define "common.labels" -}}labels of common 2.0.0{{- end -}}
{{- define "common.same" -}}the same in both{{- end -}}
{{- define "common.unused" -}}unused 2.0.0{{- end -}}
