{{/* dagster.yaml */}}
{{- define "deploy-orchestrator.instance" -}}
{{- $instance := include "deploy-orchestrator.instanceDefaults" . | fromYaml -}}
{{- mustMergeOverwrite $instance (deepCopy .Values.instance.extraConfig) | toYaml }}
{{- end }}

{{- define "deploy-orchestrator.instanceDefaults" -}}
{{- $database := include "deploy-orchestrator.database" . | fromYaml -}}
storage:
  postgres:
    postgres_db:
      scheme: postgresql+psycopg2
      hostname: {{ $database.host | quote }}
      port: {{ $database.port }}
      db_name: {{ $database.name | quote }}
      username: {{ $database.user | quote }}
      password:
        env: DAGSTER_PG_PASSWORD
      params:
        sslmode: {{ $database.sslMode }}
local_artifact_storage:
  module: dagster._core.storage.root
  class: LocalArtifactStorage
  config:
    base_dir: /tmp/dagster
# What a run prints is its pod's log; its events are in the database.
compute_logs:
  module: dagster._core.storage.noop_compute_log_manager
  class: NoOpComputeLogManager
  config: {}
run_coordinator:
  module: deploy_orchestrator.defs.coordinator
  class: OncePerRunKey
  config:
    dequeue_interval_seconds: 1
concurrency:
  runs:
    max_concurrent_runs: {{ int64 .Values.runs.maxConcurrent }}
    tag_concurrency_limits:
      - key: lane
        value: forward
        limit: {{ int64 .Values.runs.maxReleasing }}
      - key: lane
        value: beside
        limit: {{ include "deploy-orchestrator.runsBeside" . }}
run_monitoring:
  enabled: true
  poll_interval_seconds: 20
  start_timeout_seconds: {{ int64 .Values.runs.startTimeoutSeconds }}
  # A run is started anew, and goes on from what Git says: its pod is never resumed.
  max_resume_run_attempts: 0
  {{- if eq .Values.runs.launcher "code-location" }}
  # Nobody notices that a run ended with the code location that it ran in.
  max_runtime_seconds: {{ int64 .Values.runs.maxRuntimeSeconds }}
  {{- end }}
run_retries:
  enabled: true
  max_retries: {{ int64 .Values.runs.maxRetries }}
  retry_on_asset_or_op_failure: false
run_launcher:
  {{- if eq .Values.runs.launcher "pods" }}
  module: dagster_k8s
  class: K8sRunLauncher
  config:
    {{- include "deploy-orchestrator.runLauncher" . | nindent 4 }}
  {{- else }}
  module: dagster
  class: DefaultRunLauncher
  {{- end }}
schedules:
  use_threads: true
  num_workers: 2
sensors:
  use_threads: true
  num_workers: 4
retention:
  schedule:
    purge_after_days: {{ int64 .Values.instance.tickRetentionDays.schedule }}
  sensor:
    purge_after_days: {{ int64 .Values.instance.tickRetentionDays.sensor }}
telemetry:
  enabled: false
nux:
  enabled: false
{{- end }}

{{/* How many runs there may be beside those that release: one more is left for a rollback. */}}
{{- define "deploy-orchestrator.runsBeside" -}}
{{- $beside := sub (int64 .Values.runs.maxConcurrent) (add1 (int64 .Values.runs.maxReleasing)) -}}
{{- if lt $beside 1 }}
{{- $least := add (int64 .Values.runs.maxReleasing) 2 }}
{{- fail (printf "runs.maxConcurrent: with runs.maxReleasing %d set %d or more, so that one run is left for what is beside and one for a rollback" (int64 .Values.runs.maxReleasing) $least) }}
{{- end }}
{{- $beside }}
{{- end }}

{{/* What the daemon starts for a run: a Job under the same rules as every other pod here. */}}
{{- define "deploy-orchestrator.runLauncher" -}}
{{- $run := dict "root" . "component" "run" "placement" .Values.runs.placement -}}
dagster_home: {{ include "deploy-orchestrator.home" . }}
job_image: {{ include "deploy-orchestrator.image" . }}
image_pull_policy: {{ .Values.image.pullPolicy }}
instance_config_map: {{ include "platform-library.fullname" (dict "root" . "component" "instance") }}
job_namespace: {{ .Release.Namespace | quote }}
service_account_name: {{ include "platform-library.fullname" $run }}
load_incluster_config: true
# A run has the installation's secrets: nobody who launches one says what is started for it.
only_allow_user_defined_k8s_config_fields: {}
only_allow_user_defined_env_vars: []
labels:
  {{- include "platform-library.selectorLabels" $run | nindent 2 }}
  {{- include "platform-library.databaseClient" . | nindent 2 }}
resources:
  {{- toYaml .Values.runs.resources | nindent 2 }}
security_context:
  {{- include "platform-library.containerSecurityContext" . | nindent 2 }}
volumes:
  {{- include "deploy-orchestrator.installationVolumes" . | nindent 2 }}
volume_mounts:
  {{- include "deploy-orchestrator.installationVolumeMounts" . | nindent 2 }}
run_k8s_config:
  container_config:
    env:
      {{- include "deploy-orchestrator.installationEnv" (dict "root" . "env" .Values.runs.env) | nindent 6 }}
  job_spec_config:
    ttlSecondsAfterFinished: {{ int64 .Values.runs.ttlSecondsAfterFinished }}
  pod_spec_config:
    automountServiceAccountToken: false
    securityContext:
      {{- include "platform-library.podSecurityContext" .Values.runAsUser | nindent 6 }}
    {{- include "deploy-orchestrator.placement" $run | nindent 4 }}
{{- end }}

{{/* workspace.yaml */}}
{{- define "deploy-orchestrator.workspace" -}}
load_from:
  - grpc_server:
      host: {{ include "platform-library.fullname" (dict "root" . "component" "code-location") }}
      port: 3030
      location_name: deploy-orchestrator
{{- end }}
