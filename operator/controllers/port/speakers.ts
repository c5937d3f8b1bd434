// SPDX-License-Identifier: Apache-2.0
// What was given before others came to a shared network stays (security.ts): whoever comes is told who may send in its name.
import type { Network, Port } from '../../../lib/api/types.ts'
import { keyOfObject } from '../../../lib/kube/object.ts'
import type { RunEvent } from '../../../lib/loop/controller.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { namesOfUsers } from '../../kind/holders.ts'
import { isForeignTo } from './owners-choice.ts'
import { isNetworkSecured, speaksFor } from './security.ts'

/**
 * Said once, when a port of another namespace is given its addresses: beside it nobody is let speak for them any more. Of a network
 * without port security all is known.
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
