// SPDX-License-Identifier: Apache-2.0
import type { VPNService } from '../../../lib/api/types.ts'
import { refOfKey } from '../../../lib/kube/object.ts'
import { ownerOf, type ClaimHolder } from '../../ipam/claim-block.ts'
import type { KindRow, Reference } from '../../kind/row.ts'

/** The Router whose Subnets others reach. */
export const router: Reference<VPNService, 'routers'> = {
  to: 'routers',
  refs: ({ spec }) => [{ ref: spec.routerRef, field: 'spec.routerRef' }],
  isKept: ({ status }, { metadata }) => status?.routerUID === metadata.uid,
  holds: ({ status }, { metadata }) => status?.routerUID === metadata.uid,
}

/** The external Network that its address is of. One that no longer shares itself keeps the addresses that it gave. */
const network: Reference<VPNService, 'networks'> = {
  to: 'networks',
  refs: ({ status }) =>
    status?.network === undefined ? [] : [{ ref: refOfKey(status.network), field: 'status.network' }],
  isKept: () => true,
  isGranted: () => true,
  holds: () => true,
}

/** The Subnet that its address is of. */
const subnet: Reference<VPNService, 'subnets'> = {
  to: 'subnets',
  refs: ({ status }) =>
    status?.network === undefined || status.subnet === undefined
      ? []
      : [{ ref: { ...refOfKey(status.network), name: status.subnet }, field: 'status.subnet' }],
  isKept: () => true,
  holds: () => true,
}

/** The node that has it: nothing is lost with that. */
const node: Reference<VPNService, 'computeNodes'> = {
  to: 'computeNodes',
  refs: ({ status }) => (status?.node === undefined ? [] : [{ ref: { name: status.node }, field: 'status.node' }]),
}

/** As which it has its address. */
export function holderOfVPNService({ metadata }: VPNService): ClaimHolder {
  return ownerOf('VPNService', metadata)
}

export const vpnServiceKind: KindRow<VPNService> = {
  references: { router, network, subnet, node },
  indexes: {
    /** UID of the Router that it has. */
    routerUID: ({ status }) => (status?.routerUID === undefined ? [] : [status.routerUID]),
    /** `true`: it waits for its address. */
    withoutAddress: ({ status }) => (status?.externalIP === undefined ? ['true'] : []),
  },
  document: 'vpn',
}
