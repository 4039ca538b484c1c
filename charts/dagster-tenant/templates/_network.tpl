{{/* Selects the pods of components of this release. Takes {root, components}. */}}
{{- define "dagster-tenant.componentSelector" -}}
matchLabels:
  app.kubernetes.io/instance: {{ .root.Release.Name | quote }}
matchExpressions:
  - key: app.kubernetes.io/component
    operator: In
    values: {{ toJson .components }}
{{- end }}

{{/* Peers of a network rule from a list of address ranges. */}}
{{- define "dagster-tenant.blocks" -}}
{{- range . }}
- ipBlock:
    cidr: {{ . | quote }}
{{- end }}
{{- end }}

{{/* An egress rule to the database, be it in this release or not. */}}
{{- define "dagster-tenant.databaseEgress" -}}
- to:
    {{- with .Subcharts.postgresql }}
    - podSelector:
        matchLabels:
          {{- include "platform-library.selectorLabels" (dict "root" . "component" "postgresql") | nindent 10 }}
    {{- else }}
    {{- include "dagster-tenant.blocks" .Values.networkPolicy.externalDatabase.cidrs | nindent 4 }}
    {{- end }}
  {{- include "platform-library.ports" (list .Values.global.database.port) | nindent 2 }}
{{- end }}
