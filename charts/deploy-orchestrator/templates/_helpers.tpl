{{/* Dagster's database, as YAML: `global.database` with its host, be it in this release or not. */}}
{{- define "deploy-orchestrator.database" -}}
{{- $database := deepCopy .Values.global.database }}
{{- with .Subcharts.postgresql }}
{{- $_ := set $database "host" (include "postgresql.fullname" .) }}
{{- end }}
{{- toYaml $database }}
{{- end }}

{{- define "deploy-orchestrator.image" -}}
{{ include "platform-library.image" (dict "image" .Values.image "tag" .Chart.AppVersion) }}
{{- end }}

{{/* How Dagster's own processes are told to log. */}}
{{- define "deploy-orchestrator.dagsterLogFormat" -}}
--log-format={{ ternary "json" "colored" (eq .Values.logFormat "json") }}
{{- end }}

{{/* Where Dagster's own files, what is shared, and what is mounted stand. */}}
{{- define "deploy-orchestrator.home" -}}
/etc/deploy-orchestrator/dagster
{{- end }}

{{- define "deploy-orchestrator.state" -}}
/var/lib/deploy-orchestrator
{{- end }}

{{- define "deploy-orchestrator.claim" -}}
{{ .Values.state.existingClaim | default (include "platform-library.fullname" (dict "root" . "component" "state")) }}
{{- end }}

{{- define "deploy-orchestrator.signsIn" -}}
{{- if .Values.door.signIn.config }}true{{ end }}
{{- end }}

{{/* Environment of every process. Takes {root, env: what the user adds}. */}}
{{- define "deploy-orchestrator.env" -}}
{{- $values := .root.Values -}}
- name: HOME
  value: /tmp
- name: DAGSTER_HOME
  value: {{ include "deploy-orchestrator.home" .root }}
- name: DAGSTER_PG_PASSWORD
  valueFrom:
    secretKeyRef:
      name: {{ $values.global.database.existingSecret | quote }}
      key: {{ $values.global.database.passwordKey | quote }}
{{- include "platform-library.env" .env }}
{{- end }}

{{/* Environment of the processes that know the installation: all but the daemon. Takes what `env` does. */}}
{{- define "deploy-orchestrator.installationEnv" -}}
{{- $values := .root.Values -}}
{{ include "deploy-orchestrator.env" . }}
- name: DEPLOY_ORCHESTRATOR_FLEET
  value: {{ $values.repositories.fleet | quote }}
- name: DEPLOY_ORCHESTRATOR_DEPLOYMENTS
  value: {{ $values.repositories.deployments | quote }}
- name: DEPLOY_ORCHESTRATOR_HOME
  value: {{ include "deploy-orchestrator.state" .root }}
- name: DEPLOY_ORCHESTRATOR_LOG_FORMAT
  value: {{ $values.logFormat }}
- name: DEPLOY_ORCHESTRATOR_ENGINE
  value: argocd
- name: DEPLOY_ORCHESTRATOR_KUBECONFIG
  value: /etc/deploy-orchestrator/argocd/{{ $values.argocd.kubeconfig.key }}
{{- with $values.argocd.contexts }}
- name: DEPLOY_ORCHESTRATOR_CONTEXTS
  value: {{ toJson . | quote }}
{{- end }}
{{- if $values.trust.existingConfigMap }}
{{- range list "SSL_CERT_FILE" "GIT_SSL_CAINFO" "REQUESTS_CA_BUNDLE" }}
- name: {{ . }}
  value: /etc/deploy-orchestrator/trust/{{ $values.trust.key }}
{{- end }}
{{- end }}
{{- with $values.repositories.credentials }}
{{- if .existingSecret }}
- name: GIT_CONFIG_COUNT
  value: "1"
- name: GIT_CONFIG_KEY_0
  value: credential.helper
- name: GIT_CONFIG_VALUE_0
  value: store --file=/etc/deploy-orchestrator/git/{{ .key }}
{{- end }}
{{- end }}
{{- with $values.repositories.signingKey }}
{{- if .existingSecret }}
- name: DEPLOY_ORCHESTRATOR_SIGNING_KEY_FILE
  value: /etc/deploy-orchestrator/signing-key/{{ .key }}
{{- end }}
{{- end }}
{{- if $values.notifications.existingSecret }}
- name: DEPLOY_ORCHESTRATOR_NOTIFY_URLS_FILE
  value: /etc/deploy-orchestrator/notifications/{{ $values.notifications.key }}
{{- end }}
{{- end }}

{{/* Volumes of every process: where it writes. */}}
{{- define "deploy-orchestrator.volumes" -}}
- name: tmp
  emptyDir: {}
{{- end }}

{{- define "deploy-orchestrator.volumeMounts" -}}
- name: tmp
  mountPath: /tmp
{{- end }}

{{/* Volumes of the processes that know the installation. */}}
{{- define "deploy-orchestrator.installationVolumes" -}}
{{ include "deploy-orchestrator.volumes" . }}
- name: state
  persistentVolumeClaim:
    claimName: {{ include "deploy-orchestrator.claim" . }}
- name: argocd
  secret:
    secretName: {{ .Values.argocd.kubeconfig.existingSecret | quote }}
    defaultMode: 0440
{{- with .Values.trust.existingConfigMap }}
- name: trust
  configMap:
    name: {{ . | quote }}
{{- end }}
{{- with .Values.repositories.credentials.existingSecret }}
- name: git
  secret:
    secretName: {{ . | quote }}
    defaultMode: 0440
{{- end }}
{{- with .Values.repositories.signingKey.existingSecret }}
- name: signing-key
  secret:
    secretName: {{ . | quote }}
    defaultMode: 0440
{{- end }}
{{- with .Values.notifications.existingSecret }}
- name: notifications
  secret:
    secretName: {{ . | quote }}
    defaultMode: 0440
{{- end }}
{{- end }}

{{- define "deploy-orchestrator.installationVolumeMounts" -}}
{{ include "deploy-orchestrator.volumeMounts" . }}
- name: state
  mountPath: {{ include "deploy-orchestrator.state" . }}
- name: argocd
  mountPath: /etc/deploy-orchestrator/argocd
  readOnly: true
{{- if .Values.trust.existingConfigMap }}
- name: trust
  mountPath: /etc/deploy-orchestrator/trust
  readOnly: true
{{- end }}
{{- if .Values.repositories.credentials.existingSecret }}
- name: git
  mountPath: /etc/deploy-orchestrator/git
  readOnly: true
{{- end }}
{{- if .Values.repositories.signingKey.existingSecret }}
- name: signing-key
  mountPath: /etc/deploy-orchestrator/signing-key
  readOnly: true
{{- end }}
{{- if .Values.notifications.existingSecret }}
- name: notifications
  mountPath: /etc/deploy-orchestrator/notifications
  readOnly: true
{{- end }}
{{- end }}

{{/* Volumes of the processes that read dagster.yaml and workspace.yaml; a run is given its own by its launcher. */}}
{{- define "deploy-orchestrator.instanceVolume" -}}
- name: instance
  configMap:
    name: {{ include "platform-library.fullname" (dict "root" . "component" "instance") }}
{{- end }}

{{- define "deploy-orchestrator.instanceVolumeMount" -}}
- name: instance
  mountPath: {{ include "deploy-orchestrator.home" . }}
  readOnly: true
{{- end }}

{{/* Restarts a process when what it reads at its start changes, and only then. */}}
{{- define "deploy-orchestrator.checksums" -}}
checksum/instance: {{ printf "%s\n%s" (include "deploy-orchestrator.instance" .) (include "deploy-orchestrator.workspace" .) | sha256sum }}
{{- end }}

{{/*
Keeps a pod on the node of the code location, where the volume can be mounted by one node alone. Takes what
`placement` of the library does; wins over its affinity.
*/}}
{{- define "deploy-orchestrator.placement" -}}
{{- $placement := deepCopy .placement }}
{{- if and (eq .root.Values.state.accessMode "ReadWriteOnce") (ne .component "code-location") }}
{{- $together := include "deploy-orchestrator.together" .root | fromYaml }}
{{- $_ := set $placement "affinity" (mustMergeOverwrite (deepCopy $placement.affinity) $together) }}
{{- end }}
{{- include "platform-library.placement" (dict "root" .root "component" .component "placement" $placement) }}
{{- end }}

{{- define "deploy-orchestrator.together" -}}
podAffinity:
  requiredDuringSchedulingIgnoredDuringExecution:
    - topologyKey: kubernetes.io/hostname
      labelSelector:
        matchLabels:
          {{- include "platform-library.selectorLabels" (dict "root" . "component" "code-location") | nindent 10 }}
{{- end }}
