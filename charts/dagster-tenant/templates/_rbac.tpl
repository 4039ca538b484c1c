{{/*
A Role on the Jobs and pods of runs, bound to the ServiceAccounts of components.
Takes {root, component: the role's name, jobVerbs, subjects: components}.
*/}}
{{- define "dagster-tenant.runRole" -}}
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  {{- include "platform-library.metadata" . | nindent 2 }}
rules:
  - apiGroups: [batch]
    resources: [jobs]
    verbs: {{ toJson .jobVerbs }}
  - apiGroups: [batch]
    resources: [jobs/status]
    verbs: [get]
  - apiGroups: [""]
    resources: [pods]
    verbs: [delete, get, list]
  - apiGroups: [""]
    resources: [pods/log]
    verbs: [get]
  - apiGroups: [""]
    resources: [events]
    verbs: [list]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  {{- include "platform-library.metadata" . | nindent 2 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: Role
  name: {{ include "platform-library.fullname" . }}
subjects:
  {{- range .subjects }}
  - kind: ServiceAccount
    name: {{ include "platform-library.fullname" (dict "root" $.root "component" .) }}
    namespace: {{ $.root.Release.Namespace | quote }}
  {{- end }}
{{- end }}
