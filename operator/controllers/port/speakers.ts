// SPDX-License-Identifier: Apache-2.0
// What ports were given before others joined a shared network stays (security.ts), so whoever joins is told who may send in its name.
import type { Network, Port } from '../../../lib/api/types.ts'
import { keyOfObject } from '../../../lib/kube/object.ts'
import type { RunEvent } from '../../../lib/loop/controller.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { namesOfUsers } from '../../kind/holders.ts'
import { isForeignTo } from './owners-choice.ts'
import { isNetworkSecured, speaksFor } from './security.ts'

/**
 * Sent once, when a port of another namespace is given its addresses: from then on nobody else is allowed to send from them. Not needed on
 * a network without port security, where anybody may.
 */
export function eventOfSpeakers(
  port: Port,
  network: Network,
  { caches }: { caches: Pick<OperatorDeps['caches'], 'ports'> },
): RunEvent | undefined {
  if (!isForeignTo(network, port) || !isNetworkSecured(network)) return undefined
  const speakers = caches.ports
    .listBy('speaking', keyOfObject(network))
    .filter((other) => other.metadata.namespace !== port.metadata.namespace && speaksFor(other, port))
  if (speakers.length === 0) return undefined
  return {
    type: 'Warning',
    reason: 'AddressNotExclusive',
    action: 'Address',
    note: `${namesOfUsers('Port', speakers)} may send under its addresses, and was let before others came to Network ${keyOfObject(network)}: whoever joins it trusts its owner with that`,
  }
}
