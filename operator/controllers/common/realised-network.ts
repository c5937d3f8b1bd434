// SPDX-License-Identifier: Apache-2.0
import type { Network } from '../../../lib/api/types.ts'

type Status = NonNullable<Network['status']>

/** The backend has it, and its status says with which MTU. */
export type RealisedNetwork = Network & { status: Status & Required<Pick<Status, 'logicalSwitch' | 'mtu'>> }

/** Subnets and Ports wait until their Network is. */
export function isRealised(network: Network): network is RealisedNetwork {
  return network.status?.logicalSwitch !== undefined && network.status.mtu !== undefined
}
