// SPDX-License-Identifier: Apache-2.0
import type { LoopMetrics } from '../../lib/loop/metrics.ts'
import type { NetworkDriver } from './network-driver.ts'

/**
 * Metrics of the backend's health and of the ports that a node claims though they belong elsewhere. Only the leader has them.
 * @returns stops, and resets the metrics
 */
export function measureNetwork(
  network: Pick<NetworkDriver, 'health' | 'onHealth' | 'listTaken' | 'onTaken'>,
  { networkHealthy, portsTaken }: Pick<LoopMetrics, 'networkHealthy' | 'portsTaken'>,
): () => void {
  const health = () => {
    const said = network.health()
    networkHealthy.reset()
    if (said) networkHealthy.set({ reason: said.reason }, said.status === 'False' ? 0 : 1)
  }
  const taken = () => portsTaken.set(network.listTaken().length)
  const ends = [network.onHealth(health), network.onTaken(taken)]
  health()
  taken()
  return () => {
    for (const end of ends) end()
    networkHealthy.reset()
    portsTaken.set(0)
  }
}
