{{/* The code locations by name, as YAML, each with its defaults; null leaves one out. */}}
{{- define "dagster-user-code.locations" -}}
{{- $locations := dict }}
{{- range $name, $given := .Values.codeLocations }}
{{- if $given }}
{{- $_ := set $locations $name (mustMergeOverwrite (deepCopy $.Values.defaults) $given) }}
{{- end }}
{{- end }}
{{- toYaml $locations }}
{{- end }}

{{/* A code location's component. Takes its name. */}}
{{- define "dagster-user-code.component" -}}
user-code-{{ . }}
{{- end }}

{{/* The host name by which Dagster reaches a code location. Takes {root, location: its name}. */}}
{{- define "dagster-user-code.host" -}}
{{ include "platform-library.fullname" (dict "root" .root "component" (include "dagster-user-code.component" .location)) }}
{{- end }}

{{/* DAGSTER_PG_PASSWORD from the Secret of the database, if there is one. */}}
{{- define "dagster-user-code.databasePassword" -}}
{{- with .Values.global.database.existingSecret }}
- name: DAGSTER_PG_PASSWORD
  valueFrom:
    secretKeyRef:
      name: {{ . | quote }}
      key: {{ $.Values.global.database.passwordKey | quote }}
{{- end }}
{{- end }}

{{/* What runs of a code location get besides what all runs get, as Dagster reads it. Takes the location. */}}
{{- define "dagster-user-code.runContext" -}}
{{- $env := include "platform-library.env" .env | fromYamlArray }}
{{- dict "k8s" (dict "env" $env "env_secrets" .envSecrets "env_config_maps" .envConfigMaps "image_pull_policy" .image.pullPolicy) | toJson }}
{{- end }}

{{/* A probe's question: does the code server serve its definitions. */}}
{{- define "dagster-user-code.healthy" -}}
grpc:
  port: {{ .Values.port }}
  service: DagsterApi
{{- end }}
