{{/* An image reference. Takes {image: {repository, tag, digest}, tag: what to use where the image names none}. */}}
{{- define "platform-library.image" -}}
{{- .image.repository }}
{{- with .image.tag | default .tag }}:{{ . }}{{ end }}
{{- with .image.digest }}@{{ . }}{{ end }}
{{- end }}

{{/* Security context of a pod under Pod Security "restricted". Takes the user id. */}}
{{- define "platform-library.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: {{ int64 . }}
runAsGroup: {{ int64 . }}
fsGroup: {{ int64 . }}
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{/* Security context of a container under Pod Security "restricted". */}}
{{- define "platform-library.containerSecurityContext" -}}
allowPrivilegeEscalation: false
capabilities:
  drop: [ALL]
readOnlyRootFilesystem: true
{{- end }}

{{/*
What a component's pods need of nodes: credentials for their images, what `placement` asks for, and to be spread.
Takes {root, component, placement: {nodeSelector, tolerations, affinity, priorityClassName}}.
*/}}
{{- define "platform-library.placement" -}}
{{- with .root.Values.global.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- range $field := list "priorityClassName" "nodeSelector" "tolerations" "affinity" }}
{{- with get ($.placement | default dict) $field }}
{{ $field }}: {{ if kindIs "string" . }}{{ quote . }}{{ else }}{{ toYaml . | nindent 2 }}{{ end }}
{{- end }}
{{- end }}
topologySpreadConstraints:
  {{- range list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
  - maxSkew: 1
    topologyKey: {{ . }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "platform-library.selectorLabels" $ | nindent 8 }}
  {{- end }}
{{- end }}

{{/* Environment variables from a map, in the order of their names; null leaves one out. */}}
{{- define "platform-library.env" -}}
{{- range $name, $value := . }}
{{- if not (kindIs "invalid" $value) }}
- name: {{ $name }}
  value: {{ kindIs "string" $value | ternary $value (toJson $value) | quote }}
{{- end }}
{{- end }}
{{- end }}
