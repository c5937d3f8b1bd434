// SPDX-License-Identifier: Apache-2.0
import type { Network } from '../../../lib/api/types.ts'

type Status = NonNullable<Network['status']>

/** A Network that exists in the backend and has its MTU in its status. */
export type RealisedNetwork = Network & { status: Status & Required<Pick<Status, 'logicalSwitch' | 'mtu'>> }

/** Subnets and Ports wait until their Network is realised. */
export function isRealised(network: Network): network is RealisedNetwork {
  return network.status?.logicalSwitch !== undefined && network.status.mtu !== undefined
}
