{{/* dagster.yaml's storage. */}}
{{- define "dagster-tenant.storage" -}}
{{- $database := include "dagster-tenant.database" . | fromYaml -}}
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
{{- end }}

{{/* dagster.yaml */}}
{{- define "dagster-tenant.instance" -}}
{{- $instance := include "dagster-tenant.instanceDefaults" . | fromYaml -}}
{{- mustMergeOverwrite $instance (deepCopy .Values.instance.extraConfig) | toYaml }}
{{- end }}

{{- define "dagster-tenant.instanceDefaults" -}}
{{ include "dagster-tenant.storage" . }}
local_artifact_storage:
  module: dagster._core.storage.root
  class: LocalArtifactStorage
  config:
    base_dir: /tmp/dagster
compute_logs:
  module: dagster._core.storage.noop_compute_log_manager
  class: NoOpComputeLogManager
  config: {}
run_coordinator:
  module: dagster
  class: QueuedRunCoordinator
  config: {}
concurrency:
  runs:
    max_concurrent_runs: {{ int64 .Values.instance.maxConcurrentRuns }}
run_retries:
  enabled: {{ gt (int .Values.instance.runRetries) 0 }}
  max_retries: {{ int64 .Values.instance.runRetries }}
run_monitoring:
  enabled: true
  start_timeout_seconds: {{ int64 .Values.instance.runStartTimeoutSeconds }}
  max_runtime_seconds: {{ int64 .Values.instance.runMaxRuntimeSeconds }}
  max_resume_run_attempts: 0
run_launcher:
  module: dagster_k8s
  class: K8sRunLauncher
  config:
    {{- include "dagster-tenant.runLauncher" . | nindent 4 }}
schedules:
  use_threads: true
  num_workers: 4
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

{{/* What the daemon starts for a run: a Job under the same rules as every other pod here. */}}
{{- define "dagster-tenant.runLauncher" -}}
{{- $run := dict "root" . "component" "run" "placement" .Values.runs.placement -}}
dagster_home: {{ include "dagster-tenant.home" . }}
image_pull_policy: {{ .Values.image.pullPolicy }}
instance_config_map: {{ include "platform-library.fullname" (dict "root" . "component" "instance") }}
job_namespace: {{ .Release.Namespace | quote }}
service_account_name: {{ include "platform-library.fullname" $run }}
load_incluster_config: true
labels:
  {{- include "platform-library.selectorLabels" $run | nindent 2 }}
  {{- include "platform-library.databaseClient" . | nindent 2 }}
resources:
  {{- toYaml .Values.runs.resources | nindent 2 }}
security_context:
  {{- include "platform-library.containerSecurityContext" . | nindent 2 }}
volumes:
  - name: tmp
    emptyDir: {}
volume_mounts:
  - name: tmp
    mountPath: /tmp
run_k8s_config:
  container_config:
    env:
      - name: HOME
        value: /tmp
      {{- include "dagster-tenant.databasePassword" . | nindent 6 }}
      {{- include "platform-library.env" .Values.runs.env | nindent 6 }}
  job_spec_config:
    ttlSecondsAfterFinished: {{ int64 .Values.runs.ttlSecondsAfterFinished }}
  pod_spec_config:
    automountServiceAccountToken: {{ .Values.runs.stepJobs }}
    securityContext:
      {{- include "platform-library.podSecurityContext" .Values.runAsUser | nindent 6 }}
    {{- include "platform-library.placement" $run | nindent 4 }}
{{- end }}

{{/* workspace.yaml */}}
{{- define "dagster-tenant.workspace" -}}
{{- $codeLocations := list }}
{{- with index .Subcharts "dagster-user-code" }}
{{- range $name, $_ := include "dagster-user-code.locations" . | fromYaml }}
{{- $host := include "dagster-user-code.host" (dict "root" $ "location" $name) }}
{{- $server := dict "location_name" $name "host" $host "port" (index $.Subcharts "dagster-user-code").Values.port }}
{{- $codeLocations = append $codeLocations (dict "grpc_server" $server) }}
{{- end }}
{{- end }}
{{- dict "load_from" $codeLocations | toYaml }}
{{- end }}
