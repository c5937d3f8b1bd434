// SPDX-License-Identifier: Apache-2.0
// What a cluster has before anything is installed into it: its DNS as a Service, and volumes for claims. Pure.
import { DNS_SERVICE, type ClusterNode } from './definition.ts'

export const VOLUMES_IN_NODE = '/var/lib/cluster-volumes'
export const VOLUMES_PER_NODE = 4

/** Selects nothing: the server runs on the host. */
export function dnsObjects(address: string, port: number): object[] {
  const metadata = { name: 'kube-dns', namespace: 'kube-system' }
  const labels = { 'kubernetes.io/service-name': 'kube-dns' }
  return [
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata,
      spec: { clusterIP: DNS_SERVICE, ports: [{ name: 'dns', protocol: 'UDP', port: 53, targetPort: port }] },
    },
    {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { ...metadata, labels },
      addressType: 'IPv4',
      ports: [{ name: 'dns', protocol: 'UDP', port }],
      endpoints: [{ addresses: [address], conditions: { ready: true } }],
    },
  ]
}

/** https://kubernetes.io/docs/concepts/storage/volumes/#local */
export function volumeObjects(nodes: readonly ClusterNode[]): object[] {
  const storageClass = {
    apiVersion: 'storage.k8s.io/v1',
    kind: 'StorageClass',
    metadata: { name: 'local', annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } },
    provisioner: 'kubernetes.io/no-provisioner',
    volumeBindingMode: 'WaitForFirstConsumer',
  }
  const volumes = nodes.flatMap((node) => volumeFolders().map((folder) => volume(node, folder)))
  return [storageClass, ...volumes]
}

export const volumeFolders = (): string[] => Array.from({ length: VOLUMES_PER_NODE }, (_, i) => `volume-${i + 1}`)

function volume(node: ClusterNode, folder: string): object {
  const hostname = { key: 'kubernetes.io/hostname', operator: 'In', values: [node.name] }
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name: `${node.name}-${folder}` },
    spec: {
      capacity: { storage: '4Gi' },
      accessModes: ['ReadWriteOnce'],
      persistentVolumeReclaimPolicy: 'Retain',
      storageClassName: 'local',
      local: { path: `${VOLUMES_IN_NODE}/${folder}` },
      nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions: [hostname] }] } },
    },
  }
}
