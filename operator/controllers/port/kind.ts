// SPDX-License-Identifier: Apache-2.0
import type { Port } from '../../../lib/api/types.ts'
import type { ObjectKey } from '../../../lib/kube/object.ts'
import { mayUse } from '../../kind/resolve.ts'
import type { KindRow, Reference } from '../../kind/row.ts'
import { oneOf } from '../../quota/quota-use.ts'
import { givenPolicy, wantedPolicy } from '../qos-policy/users.ts'
import { addressKey, macKey } from './address-keys.ts'
import { securityGroupRefsOf } from './groups.ts'
import { isOffSwitch } from './off-switch.ts'
import { wishesMore } from './wishes.ts'
import { networkKeyOf } from '../../kind/network-key.ts'

/** A port created after the network's deletion was never admitted, and so does not hold up that deletion. */
export const network: Reference<Port, 'networks'> = {
  to: 'networks',
  refs: ({ spec }) => [{ ref: spec.networkRef, field: 'spec.networkRef' }],
  isKept: ({ status }) => status?.networkUID !== undefined,
  isGranted: ({ status }, { metadata }) => metadata.uid === status?.networkUID,
  holds: ({ status }) => status?.networkUID !== undefined,
}

/** A group that is no longer shared keeps its present members. */
export const securityGroup: Reference<Port, 'securityGroups'> = {
  to: 'securityGroups',
  // Without port security there are no groups.
  refs: (port) => (port.spec.portSecurityEnabled === false ? [] : securityGroupRefsOf(port)),
  // A port from a version that kept no record counts as a member, placed or not, once its network is in its status.
  isKept: ({ status }, { metadata }) =>
    status?.securityGroupUIDs?.includes(metadata.uid) ?? status?.networkUID !== undefined,
  isGranted: ({ status }, { metadata }) => status?.securityGroupUIDs?.includes(metadata.uid) === true,
  // Else anybody could hold what others have not shared.
  holds: (port, group) => mayUse(securityGroup, port, group),
}

/** Its own policy: without one it has that of its Network. */
export const qosPolicy = wantedPolicy<Port>('spec.qosPolicyRef', ({ spec }) => spec.qosPolicyRef)

const node: Reference<Port, 'computeNodes'> = {
  to: 'computeNodes',
  refs: ({ status }) => (status?.node === undefined ? [] : [{ ref: { name: status.node }, field: 'status.node' }]),
  holds: () => true,
}

export const portKind: KindRow<Port> = {
  quota: oneOf('ports'),
  references: { network, securityGroup, qosPolicy, givenQoSPolicy: givenPolicy<Port>(), node },
  indexes: {
    /** The network on which the port waits for its addresses. */
    withoutAddress: (port) => (port.status?.fixedIPs === undefined ? [networkKeyOf(port)] : []),
    /** `<network key>|<mac>`: which ports have, or want, this MAC on the network. */
    mac: macKeysOf,
    /** `<network key>|<address>`: which ports have, or want, this address on the network. */
    address: (port) => {
      const { spec, status } = port
      const wanted = [...(spec.fixedIPs ?? []), ...(status?.fixedIPs ?? [])].flatMap(({ ipAddress }) => ipAddress ?? [])
      return [...new Set(wanted)].map((address) => addressKey(networkKeyOf(port), address))
    },
    /** `<network key>|<address>`: which ports ask for this address in their allowed address pairs. */
    pair: (port) =>
      (port.spec.allowedAddressPairs ?? []).map(({ ipAddress }) => addressKey(networkKeyOf(port), ipAddress)),
    /** The network on which the port asks for an allowed address pair that is a range. */
    pairRange: (port) =>
      (port.spec.allowedAddressPairs ?? []).some(({ ipAddress }) => ipAddress.includes('/'))
        ? [networkKeyOf(port)]
        : [],
    /** The network on which the port may send from other addresses than its own. */
    speaking: (port) =>
      port.status?.portSecurityEnabled === false || (port.status?.allowedAddressPairs ?? []).length > 0
        ? [networkKeyOf(port)]
        : [],
    /** `<network key>|<name>`: which ports have, or want, this DNS name on the network. */
    dnsName: nameKeysOf,
    /** The network of one that gateway nodes serve; and all of them, under `*`. */
    offSwitch: (port) => (isOffSwitch(port) ? [networkKeyOf(port), '*'] : []),
    /** UID of the Trunk that it is a subport of. */
    trunkUID: ({ status }) => (status?.trunk ? [status.trunk.uid] : []),
    /** The network of a port that is not plugged in. */
    unplaced: (port) => (port.status?.node === undefined ? [networkKeyOf(port)] : []),
    /** The network on which the port asks for something that it was not given, perhaps because of other Ports. */
    wishing: (port) => (wishesMore(port) ? [networkKeyOf(port)] : []),
  },
  document: 'port',
}

/** `<network key>|<name>` for the DNS name that the port has, or wants. */
export function nameKeysOf(port: Port): string[] {
  const { dnsName } = port.status ?? {}
  return dnsName === undefined ? [] : [nameKey(networkKeyOf(port), dnsName)]
}

export function nameKey(network: ObjectKey, name: string): string {
  return `${network}|${name}`
}

/** `<network key>|<mac>` for the MACs that the port has, or wants. */
export function macKeysOf(port: Port): string[] {
  const { spec, status } = port
  const macs = new Set([spec.macAddress, status?.macAddress].flatMap((mac) => mac ?? []))
  return [...macs].map((mac) => macKey(networkKeyOf(port), mac))
}
