{{/* The database of every Dagster process, as YAML: `global.database` with its host, be it in this release or not. */}}
{{- define "dagster-tenant.database" -}}
{{- $database := deepCopy .Values.global.database }}
{{- with .Subcharts.postgresql }}
{{- $_ := set $database "host" (include "postgresql.fullname" .) }}
{{- end }}
{{- toYaml $database }}
{{- end }}

{{- define "dagster-tenant.image" -}}
{{ include "platform-library.image" (dict "image" .Values.image "tag" .Chart.AppVersion) }}
{{- end }}

{{/* DAGSTER_HOME */}}
{{- define "dagster-tenant.home" -}}
/opt/dagster/home
{{- end }}

{{/* DAGSTER_PG_PASSWORD, as dagster.yaml expects it. */}}
{{- define "dagster-tenant.databasePassword" -}}
- name: DAGSTER_PG_PASSWORD
  valueFrom:
    secretKeyRef:
      name: {{ .Values.global.database.existingSecret | quote }}
      key: {{ .Values.global.database.passwordKey | quote }}
{{- end }}

{{/* Environment of a Dagster process. Takes {root, env: what the user adds}. */}}
{{- define "dagster-tenant.env" -}}
- name: DAGSTER_HOME
  value: {{ include "dagster-tenant.home" . }}
- name: HOME
  value: /tmp
{{ include "dagster-tenant.databasePassword" .root }}
{{- include "platform-library.env" .env }}
{{- end }}

{{/* Restarts Dagster's processes when what they read at their start changes, and only then. */}}
{{- define "dagster-tenant.checksums" -}}
checksum/instance: {{ include "dagster-tenant.instance" . | sha256sum }}
checksum/workspace: {{ include "dagster-tenant.workspace" . | sha256sum }}
{{- end }}

{{/* What the containers of web server and daemon have in common. Takes {root, process: its values}. */}}
{{- define "dagster-tenant.container" -}}
image: {{ include "dagster-tenant.image" .root }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
env:
  {{- include "dagster-tenant.env" (dict "root" .root "env" .process.env) | nindent 2 }}
resources:
  {{- toYaml .process.resources | nindent 2 }}
securityContext:
  {{- include "platform-library.containerSecurityContext" .root | nindent 2 }}
volumeMounts:
  - name: instance
    mountPath: {{ include "dagster-tenant.home" .root }}
    readOnly: true
  - name: workspace
    mountPath: /opt/dagster/workspace
    readOnly: true
  - name: tmp
    mountPath: /tmp
{{- end }}

{{- define "dagster-tenant.volumes" -}}
- name: instance
  configMap:
    name: {{ include "platform-library.fullname" (dict "root" . "component" "instance") }}
- name: workspace
  configMap:
    name: {{ include "platform-library.fullname" (dict "root" . "component" "workspace") }}
- name: tmp
  emptyDir: {}
{{- end }}

{{/* A probe's question: does the web server answer. */}}
{{- define "dagster-tenant.serving" -}}
httpGet:
  path: {{ .Values.webserver.pathPrefix }}/server_info
  port: http
{{- end }}

{{/* A probe's question: did every loop of the daemon beat lately. */}}
{{- define "dagster-tenant.beating" -}}
exec:
  command: [dagster-daemon, liveness-check]
timeoutSeconds: 20
{{- end }}
