// SPDX-License-Identifier: Apache-2.0
// A Port of no machine whose address others name in their allowedAddressPairs: a virtual one, as in Neutron. One of them has it at a time, and
// says so by ARP or ND; which one, the nodes tell.
import type { Network, Port } from '../../../lib/api/types.ts'
import type { Caches } from '../../kind/row.ts'
import type { LogicalPort } from '../../network/logical-kinds.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { listSpeakers } from './shared-addresses.ts'

type Addresses = readonly { address: string }[]

/**
 * How the backend has it; undefined: it is no virtual one. OVN follows one address of a port: the first that others name. Those that have no
 * place yet are no parents yet. Pure.
 */
export function virtualOf(
  port: Port,
  network: Network,
  addresses: Addresses,
  caches: Pick<Caches, 'ports'>,
): LogicalPort['virtual'] {
  const { spec, status } = port
  const isFree = status?.node === undefined && !status?.instance && !status?.router && !status?.trunk
  if (!isFree || (spec.vnicType !== undefined && spec.vnicType !== 'normal')) return undefined
  for (const { address } of addresses) {
    const speakers = listSpeakers(port, network, address, caches)
    if (speakers.length === 0) continue
    const parents = speakers.flatMap(({ metadata, status: theirs }) =>
      theirs?.node === undefined ? [] : [{ portUid: metadata.uid, node: theirs.node }],
    )
    return { address, parents: parents.sort((a, b) => (a.portUid < b.portUid ? -1 : 1)) }
  }
  return undefined
}

/** What the status says of it: which Ports may have the address, and which has it now. Pure but for `port.status`. */
export function observeVirtual(
  port: Port,
  virtual: LogicalPort['virtual'],
  { caches, network }: Pick<OperatorDeps, 'network'> & { caches: Pick<Caches, 'ports'> },
): void {
  const status = (port.status ??= {})
  if (!virtual) {
    delete status.virtual
    return
  }
  const nameOf = (uid: string) => caches.ports.findByUid(uid)?.metadata.name
  const holder = network.virtualHolderOf(port.metadata.uid)
  const name = holder && nameOf(holder.portUid)
  const parents = virtual.parents.flatMap(({ portUid }) => nameOf(portUid) ?? []).sort()
  status.virtual = {
    ipAddress: virtual.address,
    parents: parents.slice(0, MOST_PARENTS),
    ...(holder && name !== undefined ? { holder: { port: name, node: holder.node } } : {}),
  }
  status.state = status.virtual.holder ? 'ACTIVE' : 'DOWN'
}

/** As many as the status lists. */
const MOST_PARENTS = 32
