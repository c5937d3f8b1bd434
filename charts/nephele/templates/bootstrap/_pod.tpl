{{/* SPDX-License-Identifier: Apache-2.0 */}}
{{/* Secrets of certificates that bootstrap keeps: a JSON list. */}}
{{- define "nephele.certificateSecrets" -}}
{{ list "nephele-ca" "nephele-northbound-ca" "nephele-nbd-ca" "nephele-nats-tls" "nephele-nats-routes-ca" "nephele-nats-routes-tls" "nephele-ovn-tls" "nephele-operator-tls" "nephele-operator-southbound-tls" "nephele-console-tls" | toJson }}
{{- end }}

{{/* The pod of bootstrap, as the Job before each install and upgrade and as the one that renews certificates. root, account, renewOnly. */}}
{{- define "nephele.bootstrapPod" -}}
metadata:
  labels:
    {{- include "nephele.labels" .root | nindent 4 }}
    app.kubernetes.io/component: bootstrap
spec:
  serviceAccountName: {{ .account }}
  automountServiceAccountToken: true
  restartPolicy: Never
  {{- include "nephele.affinity" (dict "root" .root "of" .root.Values.bootstrap) | nindent 2 }}
  {{- include "nephele.podPlace" (dict "root" .root "of" .root.Values.bootstrap) | nindent 2 }}
  securityContext: {{- include "nephele.restrictedPod" .root | nindent 4 }}
  containers:
    - name: bootstrap
      image: {{ include "nephele.image" (dict "root" .root "name" "operator") }}
      imagePullPolicy: {{ .root.Values.images.pullPolicy }}
      terminationMessagePolicy: FallbackToLogsOnError
      securityContext: {{- include "nephele.restricted" .root | nindent 8 }}
      args: [/app/bootstrap.mjs]
      env:
        {{- include "nephele.logEnv" .root | nindent 8 }}
        - { name: NEPHELE_NAMESPACE, value: {{ .root.Release.Namespace }} }
        - { name: NEPHELE_NATS_REPLICAS, value: {{ .root.Values.nats.replicas | quote }} }
        {{- if .renewOnly }}
        - { name: NEPHELE_RENEW_ONLY, value: 'true' }
        {{- end }}
        {{- with .root.Values.console.url }}
        - { name: NEPHELE_CONSOLE_URL, value: {{ . | quote }} }
        {{- end }}
        - { name: NEPHELE_NATS_STORAGE_GIB, value: {{ .root.Values.nats.storage.sizeGiB | quote }} }
      resources:
        requests: { cpu: 50m, memory: 96Mi }
        limits: { memory: 256Mi }
{{- end }}
