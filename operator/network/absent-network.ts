// SPDX-License-Identifier: Apache-2.0
import { TransientError } from '../../lib/errors.ts'
import type { NetworkDriver } from './network-driver.ts'

/** For a cloud without a network backend: machines without interfaces work, everything else says why it waits. */
export function absentNetwork(): NetworkDriver {
  const reason = 'NetworkNotConfigured'
  const message = 'the operator knows no network backend: set NEPHELE_OVN_NB and NEPHELE_OVN_SB'
  const refuse = async (): Promise<never> => {
    throw new TransientError(reason, message)
  }
  const nothing = async () => undefined
  return {
    name: 'absent',
    claimTerm: nothing,
    ensure: refuse,
    remove: nothing,
    listOwned: async () => [],
    onDisturbance: () => () => undefined,
    onMade: () => () => undefined,
    health: () => ({ status: 'Unknown', reason, message }),
    onHealth: () => () => undefined,
    listTaken: () => [],
    isClaimed: () => undefined,
    virtualHolderOf: () => undefined,
    gatewayNodeOf: () => undefined,
    onGatewayMoves: () => () => undefined,
    onUnreportedClaims: () => () => undefined,
    onTaken: () => () => undefined,
    probeOf: () => undefined,
    nextHopOf: () => undefined,
    onNextHops: () => () => undefined,
    hasProbes: () => false,
    onProbes: () => () => undefined,
    trace: refuse,
  }
}
