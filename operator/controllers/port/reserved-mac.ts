// SPDX-License-Identifier: Apache-2.0
import type { Network } from '../../../lib/api/types.ts'
import { keyOfObject } from '../../../lib/kube/object.ts'
import { findReservedUse } from '../../ipam/mac.ts'
import type { OperatorDeps } from '../common/deps.ts'

export interface SubnetsOf {
  caches: Pick<OperatorDeps['caches'], 'subnets'>
}

/** What of the network itself has the MAC address, for people; undefined for one that a guest may have. */
export function reservedUseOf(mac: string, network: Network, { caches }: SubnetsOf): string | undefined {
  const subnets = caches.subnets.listBy('network', keyOfObject(network))
  return findReservedUse(
    mac,
    network.metadata.uid,
    subnets.map(({ metadata }) => metadata.uid),
  )
}
