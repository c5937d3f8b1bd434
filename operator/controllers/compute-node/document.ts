// SPDX-License-Identifier: Apache-2.0
import type { Cloud, ComputeNode, ImageStore, KubeNode, ProviderNetwork, StoragePool } from '../../../lib/api/types.ts'
import type { NodeDocument } from '../../../lib/contract/documents.ts'
import type { NodeCertificate } from '../../bus/certificates.ts'
import type { NbdCertificate } from '../../bus/nbd-certificates.ts'
import { headerOf, type WriterVersions } from '../../placed/document-header.ts'
import { upstreamsOnNode, withoutUpstreams } from '../provider-network/dns-upstreams.ts'
import { mappingsOf } from '../provider-network/mappings.ts'
import { pathOfStore } from '../image-store/reconcile.ts'
import { isServedBy, pathOf } from '../storage-pool/reconcile.ts'
import type { NodeSettings } from './settings.ts'
import { hypervisorOf, rolesOf } from './discover.ts'
import { reservedOf } from './scheduling.ts'

export interface NodeParts {
  node: KubeNode | undefined
  credentials: NodeCertificate
  nbd?: NbdCertificate
  settings: NodeSettings
  /** Including pools being deleted, as long as they have volumes. */
  pools: readonly StoragePool[]
  /** The same of those that have files of Images. */
  imageStores?: readonly ImageStore[]
  /** Those that count, the oldest first. */
  providerNetworks: readonly ProviderNetwork[]
  cloud: Cloud | undefined
}

/** Roles and configuration: the first thing that an agent waits for. */
export function nodeDocument(computeNode: ComputeNode, parts: NodeParts, writer: WriterVersions): NodeDocument {
  const { node, credentials, nbd, settings, cloud } = parts
  const heartbeatSeconds = cloud?.spec.heartbeat?.intervalSeconds
  const { allowedNetworks, maxSizeGiB, maxCachePercent } = cloud?.spec.images ?? {}
  const roles = rolesOf(node)
  const compute = hypervisorOf(node)
  const pools = node ? parts.pools.filter((pool) => isServedBy(pool, node)) : []
  const stores = node ? (parts.imageStores ?? []).filter((store) => isServedBy(store, node)) : []
  return {
    ...headerOf(computeNode, computeNode.metadata.name, computeNode.status?.epoch ?? 1, writer),
    kind: 'node',
    tombstone: false,
    spec: {
      roles: {
        ...(compute === undefined ? {} : { compute }),
        gateway: roles.includes('gateway'),
        storage: roles.includes('storage'),
        image: roles.includes('image'),
      },
      ...credentials,
      ...(nbd ? { nbd } : {}),
      ...(settings.ovnRemote === undefined ? {} : { ovnRemote: settings.ovnRemote }),
      physicalNetworks: node && roles.includes('network') ? mappingsOf(node, parts.providerNetworks).mappings : [],
      ...(cloud?.spec.dns?.upstreams ? { dnsUpstreams: [...cloud.spec.dns.upstreams] } : {}),
      ...toUpstreamsOf(node && roles.includes('network') ? upstreamsOnNode(node, parts.providerNetworks) : []),
      ...(node && roles.includes('network') ? { withoutDnsUpstreams: withoutUpstreams(parts.providerNetworks) } : {}),
      ...(heartbeatSeconds === undefined ? {} : { heartbeatSeconds }),
      reserved: { ...reservedOf(computeNode, cloud) },
      ...(computeNode.spec.dedicatedCPUs === undefined ? {} : { dedicatedCpus: computeNode.spec.dedicatedCPUs }),
      ...(computeNode.spec.reservedHugepages === undefined
        ? {}
        : { reservedHugepages: computeNode.spec.reservedHugepages.map((one) => ({ ...one })) }),
      ...(cloud?.spec.images
        ? {
            images: {
              ...(allowedNetworks === undefined ? {} : { allowedNetworks: [...allowedNetworks].sort() }),
              ...(maxSizeGiB === undefined ? {} : { maxSizeGiB }),
              ...(maxCachePercent === undefined ? {} : { maxCachePercent }),
            },
          }
        : {}),
      pools: pools
        .map((pool) => ({
          name: pool.metadata.name,
          uid: pool.metadata.uid,
          driver: pool.spec.driver,
          path: pathOf(pool),
          ...(pool.spec.file?.requireMount === true ? { requireMount: true } : {}),
        }))
        .sort((a, b) => (a.name < b.name ? -1 : 1)),
      ...(stores.length === 0 ? {} : { imageStores: toFolders(stores) }),
    },
  }
}

function toFolders(stores: readonly ImageStore[]): NonNullable<NodeDocument['spec']['imageStores']> {
  return stores
    .map((store) => ({
      name: store.metadata.name,
      uid: store.metadata.uid,
      driver: store.spec.driver,
      path: pathOfStore(store),
      ...(store.spec.file?.requireMount === true ? { requireMount: true } : {}),
    }))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** Absent rather than empty: a node hears of it only where it has one. */
function toUpstreamsOf(
  dnsUpstreamsOf: NonNullable<NodeDocument['spec']['dnsUpstreamsOf']>,
): Pick<NodeDocument['spec'], 'dnsUpstreamsOf'> {
  return dnsUpstreamsOf.length === 0 ? {} : { dnsUpstreamsOf }
}
