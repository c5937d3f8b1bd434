// SPDX-License-Identifier: Apache-2.0
// Ports as legs of a Router: which it has, and why it cannot have the others. A Port's controller decides who has it.
import type { Port, Router } from '../../../lib/api/types.ts'
import { keyOfObject } from '../../../lib/kube/object.ts'
import { waitFor, type Outcome } from '../../../lib/outcome.ts'
import type { NamedRef } from '../../kind/row.ts'
import { resolve } from '../../kind/resolve.ts'
import type { LogicalPortLeg } from '../../network/logical-kinds.ts'
import { hasPort } from '../../placed/router-ports.ts'
import { ownerUidOf } from '../../placed/port-owner.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { refuseOnExternal } from '../common/sdn-controller.ts'
import { isRealised } from '../common/realised-network.ts'
import { cidrOf } from '../subnet/range.ts'
import { port as portOfRouter } from './kind.ts'
import { networkKeyOf } from '../../kind/network-key.ts'

export interface PortLeg {
  port: Port
  logical: LogicalPortLeg
  /** As its status says it. */
  fixedIPs: { subnetUID: string; ipAddress: string }[]
}

export type FoundPortLeg = { ok: true; leg: PortLeg } | { ok: false; outcome: Outcome; isUnknown?: boolean }

/** Pure. */
export function findPortLeg(router: Router, named: NamedRef, caches: OperatorDeps['caches']): FoundPortLeg {
  const found = resolve(portOfRouter, router, named, caches)
  if (!found.ok) return found
  const port = found.object
  const name = `Port ${keyOfObject(port)} in ${named.field}`
  const isThere = hasPort(router, port.metadata.uid)
  const user = isRouters(port, router) ? undefined : userOf(port, caches)
  if (user !== undefined) {
    const message = `${name} is used by ${user}: name another Port, or take it out there`
    return { ok: false, outcome: waitFor('PortInUse', message) }
  }
  const { macAddress, fixedIPs } = port.status ?? {}
  const network = caches.networks.findByKey(networkKeyOf(port))
  const unsupported = network && refuseOnExternal(network, name, 'take it out of the Router')
  if (unsupported) return { ok: false, outcome: unsupported }
  const isExternal = network?.spec.external === true && network.spec.provider !== undefined
  if (isExternal && !isThere) {
    const message = `${name} is on an external Network, whose gateway is outside: write the Network in spec.externalGateway instead`
    return { ok: false, outcome: waitFor('SubnetExternal', message) }
  }
  const addresses = (fixedIPs ?? []).flatMap(({ subnet: subnetName, ipAddress }) => {
    const subnet = caches.subnets.find(network?.metadata.namespace, subnetName)
    const cidr = subnet && cidrOf(subnet)
    return subnet && cidr !== undefined ? [{ subnetUID: subnet.metadata.uid, ipAddress, cidr }] : []
  })
  const isWhole = fixedIPs !== undefined && addresses.length === fixedIPs.length
  if (!isRouters(port, router) || macAddress === undefined || !isWhole || !network || !isRealised(network))
    return { ok: false, isUnknown: isThere, outcome: waitFor('PortNotReady', `waiting for ${name}`) }
  const logical: LogicalPortLeg = {
    ...{ uid: port.metadata.uid, networkUid: network.metadata.uid, mac: macAddress, mtu: network.status.mtu },
    addresses: addresses.map(({ ipAddress, cidr }) => ({ address: ipAddress, cidr })),
  }
  return {
    ok: true,
    leg: { port, logical, fixedIPs: addresses.map(({ subnetUID, ipAddress }) => ({ subnetUID, ipAddress })) },
  }
}

function isRouters({ status }: Port, { metadata }: Router): boolean {
  return status?.router?.uid === metadata.uid
}

/** Who has it, and is not this Router. */
function userOf(port: Port, { trunks }: OperatorDeps['caches']): string | undefined {
  const { instance, router } = port.status ?? {}
  const { namespace } = port.metadata
  if (instance) return `Instance ${namespace}/${instance.name}`
  if (ownerUidOf(port) !== undefined) return 'the Instance that it was made for'
  const trunk = ['parentUID', 'subportUID'].flatMap((by) => trunks.listBy(by, port.metadata.uid))[0]
  if (trunk) return `Trunk ${keyOfObject(trunk)}`
  return router && `Router ${namespace}/${router.name}`
}
