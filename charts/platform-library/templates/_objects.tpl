{{/* A ServiceAccount. Takes {root, component, automount: whether its pods get a token by default}. */}}
{{- define "platform-library.serviceAccount" -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  {{- include "platform-library.metadata" . | nindent 2 }}
automountServiceAccountToken: {{ .automount | default false }}
{{- end }}

{{/*
A PodDisruptionBudget that lets one pod go at a time. Takes {root, component, replicas}. A single replica gets
none: a budget on it would either do nothing or stop every drain of its node.
*/}}
{{- define "platform-library.podDisruptionBudget" -}}
{{- if gt (int .replicas) 1 -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  {{- include "platform-library.metadata" . | nindent 2 }}
spec:
  maxUnavailable: 1
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels:
      {{- include "platform-library.selectorLabels" . | nindent 6 }}
{{- end }}
{{- end }}

{{/* Annotations of a hook that is replaced at its next run. Takes {events, weight}. */}}
{{- define "platform-library.hook" -}}
helm.sh/hook: {{ .events }}
helm.sh/hook-weight: {{ .weight | quote }}
helm.sh/hook-delete-policy: before-hook-creation
{{- end }}
