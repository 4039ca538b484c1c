{{/* The host name by which clients reach the server. */}}
{{- define "postgresql.fullname" -}}
{{ include "platform-library.fullname" (dict "root" . "component" "postgresql") }}
{{- end }}

{{/* The database to serve, as YAML: `database`, with what `global.database` says instead. */}}
{{- define "postgresql.database" -}}
{{ mustMergeOverwrite (deepCopy .Values.database) (pick .Values.global.database "name" "user" "port" "existingSecret" "passwordKey") | toYaml }}
{{- end }}

{{/* A probe's question: does the server take connections. Takes the database. */}}
{{- define "postgresql.ready" -}}
exec:
  command: [pg_isready, --host=127.0.0.1, {{ printf "--port=%v" .port }}, {{ printf "--username=%s" .user | quote }}, {{ printf "--dbname=%s" .name | quote }}]
{{- end }}
