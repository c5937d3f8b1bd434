// SPDX-License-Identifier: Apache-2.0
import type { Network } from '../../../lib/api/types.ts'
import { keyOfObject } from '../../../lib/kube/object.ts'
import { findReservedUse } from '../../ipam/mac.ts'
import type { OperatorDeps } from '../common/deps.ts'

export interface SubnetsOf {
  caches: Pick<OperatorDeps['caches'], 'subnets'>
}

/** Which part of the network itself uses the MAC, for messages; undefined if a guest may have it. */
export function reservedUseOf(mac: string, network: Network, { caches }: SubnetsOf): string | undefined {
  const subnets = caches.subnets.listBy('network', keyOfObject(network))
  return findReservedUse(
    mac,
    network.metadata.uid,
    subnets.map(({ metadata }) => metadata.uid),
  )
}
