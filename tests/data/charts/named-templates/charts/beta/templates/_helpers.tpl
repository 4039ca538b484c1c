{{- define "who" -}}beta{{- end -}}
{{- define "between-siblings" -}}beta{{- end -}}
{{- define "empty-in-parent" -}}beta{{- end -}}
