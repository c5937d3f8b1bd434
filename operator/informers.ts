// SPDX-License-Identifier: Apache-2.0
import * as kinds from '../lib/api/kinds.ts'
import type { KubeNode } from '../lib/api/types.ts'
import type { Informers } from '../lib/informer/informers.ts'
import type { Caches, OperatorInformers } from './controllers/common/deps.ts'
import * as indexes from './controllers/common/indexes.ts'

/** Everything that the operator watches; its RBAC is this list. Secrets are not in it. */
export function watchAll(informers: Informers): OperatorInformers {
  return {
    clouds: informers.of(kinds.CLOUD),
    computeNodes: informers.of(kinds.COMPUTE_NODE, { indexes: indexes.computeNodeIndexes }),
    flavors: informers.of(kinds.FLAVOR),
    images: informers.of(kinds.IMAGE, { indexes: indexes.imageIndexes }),
    instances: informers.of(kinds.INSTANCE, { indexes: indexes.instanceIndexes }),
    ipClaims: informers.of(kinds.IP_CLAIM, { indexes: indexes.ipClaimIndexes }),
    keyPairs: informers.of(kinds.KEY_PAIR),
    networks: informers.of(kinds.NETWORK),
    nodes: informers.of(kinds.NODE, { project: projectNode }),
    ports: informers.of(kinds.PORT, { indexes: indexes.portIndexes }),
    securityGroups: informers.of(kinds.SECURITY_GROUP, { indexes: indexes.securityGroupIndexes }),
    storagePools: informers.of(kinds.STORAGE_POOL),
    subnets: informers.of(kinds.SUBNET, { indexes: indexes.subnetIndexes }),
    volumes: informers.of(kinds.VOLUME, { indexes: indexes.volumeIndexes }),
    volumeTypes: informers.of(kinds.VOLUME_TYPE, { indexes: indexes.volumeTypeIndexes }),
  }
}

/** Labels count, and whether it is cordoned; a kubelet's status is large and changes all the time. */
export function projectNode(node: KubeNode): KubeNode {
  const { name, uid, resourceVersion, labels } = node.metadata
  return {
    metadata: { name, uid, resourceVersion, ...(labels === undefined ? {} : { labels }) },
    ...(node.spec?.unschedulable === true ? { spec: { unschedulable: true } } : {}),
  }
}

export function cachesOf(informers: OperatorInformers): Caches {
  const entries = Object.entries(informers).map(([name, informer]) => [name, (informer as { cache: unknown }).cache])
  return Object.fromEntries(entries) as Caches
}
