{{/* libpq's own variables for the database. */}}
{{- define "dagster-tenant.libpqEnv" -}}
{{- $database := include "dagster-tenant.database" . | fromYaml -}}
- name: PGHOST
  value: {{ $database.host | quote }}
- name: PGPORT
  value: {{ $database.port | quote }}
- name: PGDATABASE
  value: {{ $database.name | quote }}
- name: PGUSER
  value: {{ $database.user | quote }}
- name: PGSSLMODE
  value: {{ $database.sslMode }}
- name: PGPASSWORD
  valueFrom:
    secretKeyRef:
      name: {{ $database.existingSecret | quote }}
      key: {{ $database.passwordKey | quote }}
{{- end }}

{{/*
A Job that waits for the database before each install and upgrade, and then runs a command.
Takes {root, component, weight, wait: seconds, deadline: seconds, command: list}.

On the first install of a release with its own PostgreSQL the database comes after these Jobs, so they pass when it
does not exist.
*/}}
{{- define "dagster-tenant.databaseJob" -}}
{{- $root := .root -}}
{{- $command := list "python" "/opt/dagster/hooks/await_database.py" "--timeout" (int64 .wait | toString) }}
{{- if $root.Subcharts.postgresql }}
{{- $command = append $command "--may-be-absent" }}
{{- end }}
{{- with .command }}
{{- $command = concat $command (list "--") . }}
{{- end -}}
apiVersion: batch/v1
kind: Job
metadata:
  {{- include "platform-library.metadata" . | nindent 2 }}
  annotations:
    {{- include "platform-library.hook" (dict "events" "pre-install,pre-upgrade" "weight" .weight) | nindent 4 }}
spec:
  backoffLimit: 0
  activeDeadlineSeconds: {{ int64 .deadline }}
  # A drained node is no failure of the database.
  podFailurePolicy:
    rules:
      - action: Ignore
        onPodConditions:
          - type: DisruptionTarget
            status: "True"
  template:
    metadata:
      labels:
        {{- include "platform-library.selectorLabels" . | nindent 8 }}
        {{- include "platform-library.databaseClient" $root | nindent 8 }}
    spec:
      {{- include "platform-library.taskPod" (dict
            "root" $root
            "image" (include "dagster-tenant.image" $root)
            "pullPolicy" $root.Values.image.pullPolicy
            "user" $root.Values.runAsUser
            "command" $command
            "env" (concat
              (include "dagster-tenant.libpqEnv" $root | fromYamlArray)
              (list (dict "name" "DAGSTER_HOME" "value" "/opt/dagster/hooks") (dict "name" "HOME" "value" "/tmp"))
              (include "dagster-tenant.databasePassword" $root | fromYamlArray))
            "volumes" (list (dict "name" "hooks" "configMap" (dict "name" (include "platform-library.fullname" (dict "root" $root "component" "hooks")))))
            "volumeMounts" (list (dict "name" "hooks" "mountPath" "/opt/dagster/hooks" "readOnly" true))) | nindent 6 }}
{{- end }}
