// SPDX-License-Identifier: Apache-2.0
import type { LoopMetrics } from '../../lib/loop/metrics.ts'
import type { NetworkDriver } from './network-driver.ts'

/**
 * The backend's health and what nodes have taken, as figures. Only the leader looks: the figures go with its office.
 * @returns ends it
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
