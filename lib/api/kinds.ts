// SPDX-License-Identifier: Apache-2.0
// Where every kind that we read or write lives in the API; our own are made from crds/.
import { CUSTOM_KINDS_BY_NAME } from './generated/kinds.ts'
import type { ResourceKind } from '../kube/object.ts'

export const GROUP = 'nephele.dev'
export const VERSION = 'v1alpha1'

/** On every custom resource that stands for something outside of Kubernetes; only the operator may remove it (admission policy). */
export const FINALIZER = 'nephele.dev/release'
/** On what the operator creates, so that prune and orphan views leave it alone. */
export const MANAGED_BY_LABEL = 'app.kubernetes.io/managed-by'
export const MANAGED_BY = 'nephele'
/**
 * On a Port that no Instance names: the node on which its owner plugs it by hand, such as into a network namespace for tests or into a
 * router of one's own. Only that node's switch may then bind it.
 */
export const PLUGGED_ON_ANNOTATION = 'nephele.dev/plugged-on'
/** `true` on a Secret: machines may be given its content. The operator hands out no other Secret, whoever names it. */
export const USER_DATA_LABEL = 'nephele.dev/user-data'
/** `true` on a Secret: it holds the pre-shared key of a VPNConnection. */
export const VPN_KEY_LABEL = 'nephele.dev/vpn-key'
/** `true` on a Secret of type kubernetes.io/tls: LoadBalancers may show its certificate. */
export const TLS_LABEL = 'nephele.dev/tls'
/** `true` on a Secret: it holds a password that an InstanceAction sets in a guest. */
export const ADMIN_PASSWORD_LABEL = 'nephele.dev/admin-password'
/** The name of the one Cloud. */
export const CLOUD_NAME = 'default'

/** Labels of Kubernetes Nodes that choose roles; kubelets may not change them (admission policy). */
export const NODE_LABELS = {
  compute: 'nephele.dev/compute',
  network: 'nephele.dev/network',
  storage: 'nephele.dev/storage',
  image: 'nephele.dev/image',
  zone: 'topology.kubernetes.io/zone',
} as const

export * from './generated/kinds.ts'

export const CUSTOM_KINDS: readonly ResourceKind[] = Object.values(CUSTOM_KINDS_BY_NAME)

export const SECRET: ResourceKind = { group: '', version: 'v1', plural: 'secrets', kind: 'Secret', namespaced: true }
export const CONFIG_MAP: ResourceKind = {
  ...{ group: '', version: 'v1', plural: 'configmaps', kind: 'ConfigMap', namespaced: true },
}
export const POD: ResourceKind = { group: '', version: 'v1', plural: 'pods', kind: 'Pod', namespaced: true }
export const NODE: ResourceKind = { group: '', version: 'v1', plural: 'nodes', kind: 'Node', namespaced: false }
export const NAMESPACE: ResourceKind = {
  group: '',
  version: 'v1',
  plural: 'namespaces',
  kind: 'Namespace',
  namespaced: false,
}
export const EVENT: ResourceKind = {
  group: 'events.k8s.io',
  version: 'v1',
  plural: 'events',
  kind: 'Event',
  namespaced: true,
}
export const LEASE: ResourceKind = {
  group: 'coordination.k8s.io',
  version: 'v1',
  plural: 'leases',
  kind: 'Lease',
  namespaced: true,
}
