// SPDX-License-Identifier: Apache-2.0
import type { Outcome } from '../../../lib/outcome.ts'
import type { NetworkDriver } from '../../network/network-driver.ts'

/** What can last because the network backend does not do its part. */
const WAITS: ReadonlySet<string> = new Set([
  'AttachingNetwork',
  'NetworkNotReady',
  'Plugging',
  'PortNotReady',
  'SecurityGroupNotReady',
  'SubnetNotReady',
])

/** Names in what waits what the network backend suffers from, if it does. Pure. */
export function withNetworkCause(outcome: Outcome, network: Pick<NetworkDriver, 'health'>): Outcome {
  const health = network.health()
  if (outcome.kind !== 'wait' || health?.status !== 'False' || !WAITS.has(outcome.reason)) return outcome
  return { ...outcome, message: `${outcome.message}; ${health.message}` }
}
