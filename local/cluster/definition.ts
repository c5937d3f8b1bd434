// SPDX-License-Identifier: Apache-2.0
// What a cluster of kubelets consists of: plain data.
import type { ServiceName } from '../node/node.ts'

/** On top of the local cloud's packages; buildah makes the images. */
export const CLUSTER_PACKAGES = [
  'containerd',
  'runc',
  'containernetworking-plugins',
  'buildah',
  // not asked for anything, but buildah does not start without it
  'netavark',
  'ca-certificates',
] as const

export const SERVICE_CIDR = '10.96.0.0/16'
/** The first of SERVICE_CIDR: the apiserver as pods know it. */
export const KUBERNETES_SERVICE = '10.96.0.1'
export const DNS_SERVICE = '10.96.0.10'
export const POD_CIDR = '10.244.0.0/16'

export const podCidrOf = (node: { index: number }): string => `10.244.${node.index}.0/24`

export interface ClusterNode {
  name: string
  /** The last byte of its addresses. */
  index: number
  /** Given by the administrator, after the kubelet has registered the node. */
  labels: Readonly<Record<string, string>>
}

/** Both run machines; the first is also gateway, storage and image node. */
export function defineClusterNodes(count = 2): ClusterNode[] {
  return Array.from({ length: count }, (_, i) => ({
    name: `worker-${i + 1}`,
    index: i + 1,
    labels: {
      'nephele.dev/compute': 'libvirt',
      'topology.kubernetes.io/zone': i % 2 === 0 ? 'zone-a' : 'zone-b',
      ...(i === 0
        ? { 'nephele.dev/network': 'gateway', 'nephele.dev/storage': 'true', 'nephele.dev/image': 'true' }
        : {}),
    },
  }))
}

/** What docs/install.md asks of a node, and then Kubernetes' own. */
export const NODE_SERVICES: readonly ServiceName[] = [
  'virtlogd',
  'libvirtd',
  'ovsdb',
  'ovs-vswitchd',
  'ovn-controller',
  'containerd',
  'kubelet',
  'kube-proxy',
]
