// SPDX-License-Identifier: Apache-2.0
import { EVENT, LEASE, NODE, POD } from '../../lib/api/kinds.ts'
import type { ResourceKind } from '../../lib/kube/object.ts'

const kind = (group: string, plural: string, name: string, namespaced = true): ResourceKind => ({
  ...{ group, version: 'v1', plural, kind: name, namespaced },
})

export const CUSTOM_RESOURCE_DEFINITION = kind(
  'apiextensions.k8s.io',
  'customresourcedefinitions',
  'CustomResourceDefinition',
  false,
)

/** What Nephele runs as, in the namespaces that it is installed in. No Secret, and no ConfigMap, whose content is anybody's. */
export const INSTALLED_KINDS: readonly ResourceKind[] = [
  ...[POD, EVENT, LEASE],
  kind('', 'services', 'Service'),
  kind('', 'persistentvolumeclaims', 'PersistentVolumeClaim'),
  kind('apps', 'deployments', 'Deployment'),
  kind('apps', 'daemonsets', 'DaemonSet'),
  kind('apps', 'statefulsets', 'StatefulSet'),
  kind('batch', 'jobs', 'Job'),
]

/** Of the cluster. */
export const CLUSTER_KINDS: readonly ResourceKind[] = [
  NODE,
  kind('admissionregistration.k8s.io', 'validatingadmissionpolicies', 'ValidatingAdmissionPolicy', false),
]
