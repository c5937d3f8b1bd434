{{/* SPDX-License-Identifier: Apache-2.0 */}}
{{- define "nephele.labels" -}}
{{- include "nephele.checkValues" . -}}
app.kubernetes.io/name: nephele
app.kubernetes.io/part-of: nephele
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{/* What --reuse-values does to a release of an earlier version: values that are new here are not there, and templates fail in words that help nobody. */}}
{{- define "nephele.checkValues" -}}
{{- range list "log" "spread" "drainHolds" "monitoring" "console" }}
{{- if not (kindIs "map" (get $.Values .)) }}
{{- fail (printf "the values have no %s, which this version of the chart has: after an upgrade write --reset-then-reuse-values (helm 3.14 and newer) for --reuse-values" .) }}
{{- end }}
{{- end }}
{{- end }}

{{- define "nephele.image" -}}
{{ .root.Values.images.registry }}/{{ .name }}:{{ .root.Values.images.tag | default .root.Chart.AppVersion }}
{{- end }}

{{- define "nephele.drainImage" -}}
{{ .Values.drainHolds.image | default (include "nephele.image" (dict "root" . "name" "agent")) }}
{{- end }}

{{- define "nephele.natsServers" -}}
{{- if .Values.nats.enabled -}}
nephele-nats.{{ .Release.Namespace }}.svc:4222
{{- else -}}
{{- .Values.nats.address -}}
{{- end -}}
{{- end }}

{{- define "nephele.northbound" -}}
{{- if .Values.ovn.enabled }}ssl:nephele-ovn.{{ .Release.Namespace }}.svc:6641{{ else }}{{ .Values.ovn.northbound }}{{ end -}}
{{- end }}

{{/*
For nodes' ovn-controller, which runs on the host and knows no names of the cluster: the Service's address, which the kubelet puts
into the environment of pods that start after it.
*/}}
{{- define "nephele.southbound" -}}
{{- if .Values.ovn.enabled }}ssl:$(NEPHELE_OVN_SERVICE_HOST):6642{{ else }}{{ .Values.ovn.southbound }}{{ end -}}
{{- end }}

{{/* For the operator, which only looks who claims ports: a port of the southbound database that takes no writes. */}}
{{- define "nephele.southboundReader" -}}
{{- if .Values.ovn.enabled }}ssl:nephele-ovn.{{ .Release.Namespace }}.svc:6643{{ else }}{{ .Values.ovn.southboundReader }}{{ end -}}
{{- end }}

{{/* For containers that need nothing of the host. */}}
{{- define "nephele.restricted" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: { drop: [ALL] }
{{- end }}

{{- define "nephele.restrictedPod" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile: { type: RuntimeDefault }
{{- end }}

{{/*
What values say of pods and nodes that a workload is near or away from. Of the control plane's: off the nodes that run other people's machines,
whose loss must not be the cloud's. Of `of`: the workload's values.
*/}}
{{- define "nephele.affinity" -}}
{{- $affinity := deepCopy (.of.affinity | default dict) }}
{{- if and .awayFromNodes .root.Values.isolation.awayFromNodes }}
{{- $expressions := list }}
{{- range list "compute" "network" "storage" "image" }}
{{- $expressions = append $expressions (dict "key" (printf "nephele.dev/%s" .) "operator" "DoesNotExist") }}
{{- end }}
{{- $required := dict "nodeSelectorTerms" (list (dict "matchExpressions" $expressions)) }}
{{- $_ := set $affinity "nodeAffinity" (set ($affinity.nodeAffinity | default dict) "requiredDuringSchedulingIgnoredDuringExecution" $required) }}
{{- end }}
{{- with $affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* What values say of where a workload's pods run, and how they are fetched. Of `of`: the workload's values. */}}
{{- define "nephele.podPlace" -}}
{{- with .of.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .of.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .of.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.images.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- end }}

{{/* One pod of a component a host: where that cannot be, as `spread` says, not at all. */}}
{{- define "nephele.spread" -}}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: {{ .root.Values.spread.topologyKey }}
    whenUnsatisfiable: {{ .root.Values.spread.whenUnsatisfiable }}
    labelSelector:
      matchLabels: { app.kubernetes.io/name: nephele, app.kubernetes.io/component: {{ .component }} }
{{- end }}

{{- define "nephele.logEnv" -}}
- { name: LOG_LEVEL, value: {{ .Values.log.level }} }
- { name: LOG_FORMAT, value: {{ .Values.log.format }} }
{{- end }}

{{/*
A StatefulSet's volumes have the size that it was made with: Kubernetes refuses another one in words that help nobody. Of `of`: nats or ovn.
*/}}
{{- define "nephele.checkVolumeSize" -}}
{{- $found := lookup "apps/v1" "StatefulSet" .root.Release.Namespace (printf "nephele-%s" .of) }}
{{- range dig "spec" "volumeClaimTemplates" (list) $found }}
{{- $was := dig "spec" "resources" "requests" "storage" "" . }}
{{- /* As Kubernetes writes it. */ -}}
{{- if hasSuffix "Ti" $was }}{{ $was = printf "%dGi" (mul (trimSuffix "Ti" $was | int) 1024) }}{{ end }}
{{- $asked := printf "%vGi" (index $.root.Values $.of).storage.sizeGiB }}
{{- if and $was (ne $was $asked) }}
{{- fail (printf "%s.storage.sizeGiB: the volumes of nephele-%s have %s, and a StatefulSet does not change that of its own; docs/install.md (Larger volumes) has the three commands that make it %s" $.of $.of $was $asked) }}
{{- end }}
{{- end }}
{{- end }}

{{/*
The plurals of the kinds, as a list in JSON, by what crds/ says of each, so that a new kind has its permissions from its definition.
Of `which`:
- `all`
- `answered`: has a status, which the operator alone writes. What has none is the operator's altogether, such as IPClaims.
- `held`: may have the operator's finalizer: is answered, unless its definition is annotated with nephele.dev/held: "false".
- `visible`: in namespaces, so that projects read it
- `projects`: of these, what projects write: what has a status, unless its definition is annotated with nephele.dev/writers: administrators
- `cloud`: in no namespace
- `administrators`: what only those write who run the cloud
- `catalog`: of these, what is offered to everyone: has spec.public
- `protected`: has spec.deletionProtection
*/}}
{{- define "nephele.plurals" -}}
{{- $plurals := list }}
{{- range $path, $_ := .root.Files.Glob "files/crds/*.yaml" }}
{{- $crd := $.root.Files.Get $path | fromYaml }}
{{- $version := index $crd.spec.versions 0 }}
{{- $spec := $version.schema.openAPIV3Schema.properties.spec.properties | default dict }}
{{- $inNamespace := eq $crd.spec.scope "Namespaced" }}
{{- $answered := hasKey $version "subresources" }}
{{- $unheld := eq (dig "metadata" "annotations" "nephele.dev/held" "true" $crd) "false" }}
{{- $ruled := eq (dig "metadata" "annotations" "nephele.dev/writers" "projects" $crd) "administrators" }}
{{- $is := dict
  "all" true
  "answered" $answered
  "held" (and $answered (not $unheld))
  "visible" $inNamespace
  "projects" (and $inNamespace $answered (not $ruled))
  "cloud" (not $inNamespace)
  "administrators" (or (not $inNamespace) $ruled)
  "catalog" (and (not $inNamespace) (hasKey $spec "public"))
  "protected" (hasKey $spec "deletionProtection")
}}
{{- if not (hasKey $is $.which) }}{{ fail (printf "no kinds are called %s" $.which) }}{{ end }}
{{- if get $is $.which }}{{ $plurals = append $plurals $crd.spec.names.plural }}{{ end }}
{{- end }}
{{- $plurals | toJson }}
{{- end }}

{{/* What the operator puts its finalizer on. */}}
{{- define "nephele.heldKinds" -}}
{{- include "nephele.plurals" (dict "root" . "which" "held") }}
{{- end }}
