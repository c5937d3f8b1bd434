// SPDX-License-Identifier: Apache-2.0
import type { Router } from '../../../lib/api/types.ts'
import type { ObjectKey } from '../../../lib/kube/object.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { networkKeyOf } from '../../kind/network-key.ts'

/** The gateway addresses that a router has, and the networks that they are on. */
export function listGateways(
  { status }: Router,
  { subnets }: Pick<OperatorDeps['caches'], 'subnets'>,
): { network: ObjectKey; address: string }[] {
  return (status?.interfaces ?? []).flatMap(({ subnetUID, ipAddress: address }) => {
    const subnet = subnets.findByUid(subnetUID)
    return subnet ? [{ network: networkKeyOf(subnet), address }] : []
  })
}
