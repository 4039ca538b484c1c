{{/* The ports of a network rule. Takes a list of TCP ports. */}}
{{- define "platform-library.ports" -}}
ports:
  {{- range . }}
  - port: {{ . }}
    protocol: TCP
  {{- end }}
{{- end }}

{{/*
The rules of a named opening: whom the selected pods may be reached from, and whom they may reach.
Takes {from: peers, to: peers, ports: TCP ports}; without ports, all of them.
*/}}
{{- define "platform-library.opening" -}}
policyTypes:
  {{- if .from }}
  - Ingress
  {{- end }}
  {{- if .to }}
  - Egress
  {{- end }}
{{- with .from }}
ingress:
  - from:
      {{- toYaml . | nindent 6 }}
    {{- with $.ports }}
    {{- include "platform-library.ports" . | nindent 4 }}
    {{- end }}
{{- end }}
{{- with .to }}
egress:
  - to:
      {{- toYaml . | nindent 6 }}
    {{- with $.ports }}
    {{- include "platform-library.ports" . | nindent 4 }}
    {{- end }}
{{- end }}
{{- end }}

{{/* An egress rule that lets pods look names up in the cluster's DNS. */}}
{{- define "platform-library.dnsEgress" -}}
- to:
    - namespaceSelector:
        matchLabels:
          kubernetes.io/metadata.name: kube-system
      podSelector:
        matchLabels:
          k8s-app: kube-dns
  ports:
    - port: 53
      protocol: UDP
    - port: 53
      protocol: TCP
{{- end }}

{{/* The label that opens the release's PostgreSQL to a pod. */}}
{{- define "platform-library.databaseClient" -}}
postgresql-client: {{ .Release.Name | quote }}
{{- end }}
