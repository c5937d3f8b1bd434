// SPDX-License-Identifier: Apache-2.0
import type { Outcome } from '../../../lib/outcome.ts'
import type { NetworkDriver } from '../../network/network-driver.ts'

/** Reasons for waiting that the network backend may be the cause of. */
const WAITS: ReadonlySet<string> = new Set([
  'AttachingNetwork',
  'NetworkNotReady',
  'Plugging',
  'PortNotReady',
  'SecurityGroupNotReady',
  'SubnetNotReady',
])

/** Adds to the message of such a wait what is wrong with the network backend, if anything is. Pure. */
export function withNetworkCause(outcome: Outcome, network: Pick<NetworkDriver, 'health'>): Outcome {
  const health = network.health()
  if (outcome.kind !== 'wait' || health?.status !== 'False' || !WAITS.has(outcome.reason)) return outcome
  return { ...outcome, message: `${outcome.message}; ${health.message}` }
}
