// SPDX-License-Identifier: Apache-2.0
import type { VPNConnection } from '../../../lib/api/types.ts'
import type { KubeObject } from '../../../lib/kube/object.ts'
import type { KindRow, Reference } from '../../kind/row.ts'
import { oneOf } from '../../quota/quota-use.ts'

/** The VPNService that it is a tunnel of. */
export const vpnService: Reference<VPNConnection, 'vpnServices'> = {
  to: 'vpnServices',
  refs: ({ spec }) => [{ ref: spec.vpnServiceRef, field: 'spec.vpnServiceRef' }],
  isKept: ({ status }, { metadata }) => status?.vpnServiceUID === metadata.uid,
  holds: ({ status }, { metadata }) => status?.vpnServiceUID === metadata.uid,
}

/** Whether it asks for something else, counts from now on, or asks no longer for anything: what else its status says is nobody else's business. */
export function isOtherConnection(old: KubeObject, now: KubeObject): boolean {
  return (
    old.metadata.generation !== now.metadata.generation ||
    old.metadata.deletionTimestamp !== now.metadata.deletionTimestamp ||
    (old as VPNConnection).status?.vpnServiceUID !== (now as VPNConnection).status?.vpnServiceUID
  )
}

export const vpnConnectionKind: KindRow<VPNConnection> = {
  quota: oneOf('vpnConnections'),
  references: { vpnService },
  indexes: {
    /** UID of the VPNService that it counts at. */
    serviceUID: ({ status }) => (status?.vpnServiceUID === undefined ? [] : [status.vpnServiceUID]),
  },
}
