// SPDX-License-Identifier: Apache-2.0
import type { FloatingIP } from '../../../lib/api/types.ts'
import type { ClaimHolder } from '../../ipam/claim-block.ts'
import { targetKeysOf } from '../../kind/references.ts'
import type { KindRow, Reference } from '../../kind/row.ts'

/** The external Network. One that no longer shares itself keeps the addresses that it gave. */
export const network: Reference<FloatingIP, 'networks'> = {
  to: 'networks',
  refs: ({ spec }) => [{ ref: spec.networkRef, field: 'spec.networkRef' }],
  isKept: ({ status }, { metadata }) => status?.networkUID === metadata.uid,
  isGranted: ({ status }, { metadata }) => status?.networkUID === metadata.uid,
  holds: ({ status }) => status?.networkUID !== undefined,
}

/** The Subnet that its address is of. */
const subnet: Reference<FloatingIP, 'subnets'> = {
  to: 'subnets',
  refs: ({ spec, status }) =>
    status?.subnet === undefined ? [] : [{ ref: { ...spec.networkRef, name: status.subnet }, field: 'status.subnet' }],
  holds: () => true,
}

/** A Port that goes takes nothing of the address with it: it leads nowhere then. */
export const port: Reference<FloatingIP, 'ports'> = {
  to: 'ports',
  refs: ({ spec }) => (spec.portRef ? [{ ref: spec.portRef, field: 'spec.portRef' }] : []),
  isKept: ({ status }, { metadata }) => status?.portUID === metadata.uid,
}

/** The Instance whose Port it leads to. */
export const instance: Reference<FloatingIP, 'instances'> = {
  to: 'instances',
  refs: ({ spec }) => (spec.instanceRef ? [{ ref: spec.instanceRef, field: 'spec.instanceRef' }] : []),
  isKept: ({ status }) => status?.portUID !== undefined,
}

/** The Router that translates. */
const router: Reference<FloatingIP, 'routers'> = {
  to: 'routers',
  refs: ({ status }) => {
    const [namespace, name] = status?.router?.split('/') ?? []
    return name === undefined ? [] : [{ ref: { namespace, name }, field: 'status.router' }]
  },
  holds: () => true,
}

/** As which it has its address. */
export function holderOfFloatingIP({ metadata }: FloatingIP): ClaimHolder {
  return { kind: 'FloatingIP', namespace: metadata.namespace ?? '', name: metadata.name, uid: metadata.uid }
}

export const floatingIPKind: KindRow<FloatingIP> = {
  references: { network, subnet, instance, port, router },
  indexes: {
    /** The Network on which it waits for its address. */
    withoutAddress: (floatingIP) =>
      floatingIP.status?.ipAddress === undefined ? targetKeysOf(network, floatingIP) : [],
    /** The external Network, of one that waits for a Router to it. By its spec: a short wait is not written. */
    unrouted: (floatingIP) => {
      const { spec, status } = floatingIP
      return (spec.portRef ?? spec.instanceRef) && status?.routerUID === undefined
        ? targetKeysOf(network, floatingIP)
        : []
    },
    /** UID of the Port that it leads to. */
    portUID: ({ status }) => (status?.portUID === undefined ? [] : [status.portUID]),
  },
}
