// SPDX-License-Identifier: Apache-2.0
// A Port may have an address (a cluster's virtual IP, say) that others name in their spec.allowedAddressPairs: one of them uses it at a
// time, and must be reachable at it.
import type { Network, Port } from '../../../lib/api/types.ts'
import { keyOfObject, type ObjectKey } from '../../../lib/kube/object.ts'
import { contains, findAddress, findCidr } from '../../ipam/address.ts'
import type { Caches } from '../../kind/row.ts'
import { addressKey } from './address-keys.ts'
import { networkKeyOf } from '../../kind/network-key.ts'

/** Whether others may speak for one of the port's addresses. Pure. */
export function isShared(
  port: Port,
  network: Network,
  addresses: readonly { address: string }[],
  caches: Pick<Caches, 'ports'>,
): boolean {
  return addresses.some(({ address }) => listSpeakers(port, network, address, caches).length > 0)
}

/** The ports that may speak for an address of this one, by their specs. Pure. */
export function listSpeakers(port: Port, network: Network, address: string, { ports }: Pick<Caches, 'ports'>): Port[] {
  const networkKey = keyOfObject(network)
  return [
    ...ports.listBy('pair', addressKey(networkKey, address)),
    ...ports.listBy('pairRange', networkKey).filter((other) => hasPairFor(other, address)),
  ].filter(({ metadata }) => metadata.uid !== port.metadata.uid && isOneProject(metadata, port, network))
}

/** Address pairs are for ports in the network's own namespace (security.ts), and do not cover another namespace's addresses. */
function isOneProject({ namespace }: Port['metadata'], port: Port, network: Network): boolean {
  return namespace === network.metadata.namespace && namespace === port.metadata.namespace
}

/** Ports whose addresses this one's pairs name: their rows depend on it. For a range, all unplaced ports of the network. */
export function* listSharing(port: Port, { ports }: Pick<Caches, 'ports'>): Iterable<ObjectKey> {
  const networkKey = networkKeyOf(port)
  const pairs = port.spec.allowedAddressPairs ?? []
  for (const { ipAddress } of pairs) yield* ports.listBy('address', addressKey(networkKey, ipAddress)).map(keyOfObject)
  if (!pairs.some(({ ipAddress }) => ipAddress.includes('/'))) return
  yield* ports.listBy('unplaced', networkKey).map(keyOfObject)
}

function hasPairFor({ spec }: Port, address: string): boolean {
  const wanted = findAddress(address)
  return (spec.allowedAddressPairs ?? []).some(({ ipAddress }) => {
    const range = findCidr(ipAddress)
    return range !== undefined && range.version === wanted?.version && contains(range, wanted.value)
  })
}
