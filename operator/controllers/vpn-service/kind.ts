// SPDX-License-Identifier: Apache-2.0
import type { VPNService } from '../../../lib/api/types.ts'
import { refOfKey } from '../../../lib/kube/object.ts'
import { ownerOf, type ClaimHolder } from '../../ipam/claim-block.ts'
import type { KindRow, Reference } from '../../kind/row.ts'
import { oneOf } from '../../quota/quota-use.ts'

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

/** The Subnets that its addresses are of. */
const subnet: Reference<VPNService, 'subnets'> = {
  to: 'subnets',
  refs: ({ status: { network: key, subnet, subnetIPv6 } = {} }) => {
    if (key === undefined) return []
    const named = { 'status.subnet': subnet, 'status.subnetIPv6': subnetIPv6 }
    return Object.entries(named).flatMap(([field, name]) =>
      name === undefined ? [] : [{ ref: { ...refOfKey(key), name }, field }],
    )
  },
  isKept: () => true,
  holds: () => true,
}

/** The node that has it, and those that have not let go of it. */
const node: Reference<VPNService, 'computeNodes'> = {
  to: 'computeNodes',
  refs: ({ status }) => [
    ...(status?.node === undefined ? [] : [{ ref: { name: status.node }, field: 'status.node' }]),
    ...(status?.pendingReleases ?? []).map(({ node: name }, i) => ({
      ref: { name },
      field: `status.pendingReleases[${i}].node`,
    })),
  ],
  holds: () => true,
}

/** As which it has its address. */
export function holderOfVPNService({ metadata }: VPNService): ClaimHolder {
  return ownerOf('VPNService', metadata)
}

export const vpnServiceKind: KindRow<VPNService> = {
  quota: oneOf('vpnServices'),
  references: { router, network, subnet, node },
  indexes: {
    /** UID of the Router that it has. */
    routerUID: ({ status }) => (status?.routerUID === undefined ? [] : [status.routerUID]),
    /** `true`: it waits for its address. */
    withoutAddress: ({ status = {} }) => ((status.externalIP ?? status.externalIPv6) === undefined ? ['true'] : []),
    /** Key of the Network that it could get an address of another family on. */
    withoutFamily: ({ status = {} }) =>
      status.network !== undefined && (status.externalIP === undefined || status.externalIPv6 === undefined)
        ? [status.network]
        : [],
  },
  document: 'vpn',
}
