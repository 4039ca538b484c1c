{{/*
The spec of a pod that asks one question and ends: a hook's Job or a `helm test`.
Takes {root, image, pullPolicy, user, command, env: list, volumes: list, volumeMounts: list}.
*/}}
{{- define "platform-library.taskPod" -}}
restartPolicy: Never
automountServiceAccountToken: false
{{- with .root.Values.global.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  {{- include "platform-library.podSecurityContext" .user | nindent 2 }}
containers:
  - name: task
    image: {{ .image }}
    imagePullPolicy: {{ .pullPolicy }}
    command:
      {{- toYaml .command | nindent 6 }}
    {{- with .env }}
    env:
      {{- toYaml . | nindent 6 }}
    {{- end }}
    resources:
      requests:
        cpu: 50m
        memory: 256Mi
      limits:
        memory: 512Mi
    securityContext:
      {{- include "platform-library.containerSecurityContext" . | nindent 6 }}
    volumeMounts:
      - name: tmp
        mountPath: /tmp
      {{- with .volumeMounts }}
      {{- toYaml . | nindent 6 }}
      {{- end }}
volumes:
  - name: tmp
    emptyDir: {}
  {{- with .volumes }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}
