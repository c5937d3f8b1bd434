// SPDX-License-Identifier: Apache-2.0
import type { Port } from '../../../lib/api/types.ts'
import type { ObjectKey } from '../../../lib/kube/object.ts'
import { keyOf } from '../../kind/references.ts'
import type { KindRow, Reference } from '../../kind/row.ts'
import { addressKey, macKey } from './address-keys.ts'
import { securityGroupRefsOf } from './groups.ts'
import { wishesMore } from './wishes.ts'

/** One that was made after the network's deletion was never let in, and holds nothing up. */
export const network: Reference<Port, 'networks'> = {
  to: 'networks',
  refs: ({ spec }) => [{ ref: spec.networkRef, field: 'spec.networkRef' }],
  isKept: ({ status }) => status?.networkUID !== undefined,
  isGranted: ({ status }, { metadata }) => metadata.uid === status?.networkUID,
  holds: ({ status }) => status?.networkUID !== undefined,
}

/** A group whose sharing was taken back keeps the members that it has. */
export const securityGroup: Reference<Port, 'securityGroups'> = {
  to: 'securityGroups',
  // Without port security there are no groups.
  refs: (port) => (port.spec.portSecurityEnabled === false ? [] : securityGroupRefsOf(port)),
  // Of a version that kept no record a port that is there, placed or not, is taken for one of what it may use.
  isKept: ({ status }, { metadata }) =>
    status?.securityGroupUIDs?.includes(metadata.uid) ?? status?.networkUID !== undefined,
  isGranted: ({ status }, { metadata }) => status?.securityGroupUIDs?.includes(metadata.uid) === true,
  holds: () => true,
}

const node: Reference<Port, 'computeNodes'> = {
  to: 'computeNodes',
  refs: ({ status }) => (status?.node === undefined ? [] : [{ ref: { name: status.node }, field: 'status.node' }]),
  holds: () => true,
}

export const portKind: KindRow<Port> = {
  references: { network, securityGroup, node },
  indexes: {
    /** The network on which it waits for its addresses. */
    withoutAddress: (port) => (port.status?.fixedIPs === undefined ? [networkKeyOf(port)] : []),
    /** `<network key>|<mac>`: who has, or wants, this MAC in the network. */
    mac: macKeysOf,
    /** `<network key>|<address>`: who has, or wants, this address in the network. */
    address: (port) => {
      const { spec, status } = port
      const wanted = [...(spec.fixedIPs ?? []), ...(status?.fixedIPs ?? [])].flatMap(({ ipAddress }) => ipAddress ?? [])
      return [...new Set(wanted)].map((address) => addressKey(networkKeyOf(port), address))
    },
    /** `<network key>|<address>`: who may speak for this address beside its own. */
    pair: (port) =>
      (port.spec.allowedAddressPairs ?? []).map(({ ipAddress }) => addressKey(networkKeyOf(port), ipAddress)),
    /** The network in which it may speak for a range of addresses. */
    pairRange: (port) =>
      (port.spec.allowedAddressPairs ?? []).some(({ ipAddress }) => ipAddress.includes('/'))
        ? [networkKeyOf(port)]
        : [],
    /** The network in which it may send under other addresses than its own. */
    speaking: (port) =>
      port.status?.portSecurityEnabled === false || (port.status?.allowedAddressPairs ?? []).length > 0
        ? [networkKeyOf(port)]
        : [],
    /** The network in which it is plugged nowhere. */
    unplaced: (port) => (port.status?.node === undefined ? [networkKeyOf(port)] : []),
    /** The network on which it asks for what it was not given: the Ports of others may stand against that. */
    wishing: (port) => (wishesMore(port) ? [networkKeyOf(port)] : []),
  },
  document: 'port',
}

export function networkKeyOf({ spec, metadata }: Port): ObjectKey {
  return keyOf(spec.networkRef, metadata.namespace)
}

/** `<network key>|<mac>`: the MACs that it has, or wants, in its network. */
export function macKeysOf(port: Port): string[] {
  const { spec, status } = port
  const macs = new Set([spec.macAddress, status?.macAddress].flatMap((mac) => mac ?? []))
  return [...macs].map((mac) => macKey(networkKeyOf(port), mac))
}
