// SPDX-License-Identifier: Apache-2.0
import type { Network } from '../../../lib/api/types.ts'

type Status = NonNullable<Network['status']>

/** A Network that exists in the backend and has its MTU in its status. */
export type RealisedNetwork = Network & { status: Status & Required<Pick<Status, 'mtu'>> }

/** Subnets and Ports wait until their Network is realised. */
export function isRealised(network: Network): network is RealisedNetwork {
  return network.status?.mtu !== undefined && wasRealised(network)
}

/** Whether it is in the backend, or was given to its SDN controller. */
export function wasRealised({ status }: Pick<Network, 'status'>): boolean {
  return status?.logicalSwitch !== undefined || status?.doneBy !== undefined
}
