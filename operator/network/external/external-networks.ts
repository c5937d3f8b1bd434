// SPDX-License-Identifier: Apache-2.0
import { delegateTo } from '../delegate.ts'
import type { LogicalWant } from '../logical-kinds.ts'
import type { NetworkDriver } from '../network-driver.ts'

/**
 * The driver of all Networks: those that an SDN controller realises have no row anywhere, since the controller reads the resources
 * themselves, and all others are the engine's. What stands on a Network, such as a Router, finds none there (NetworkNotReady); controllers
 * say so before it comes to that.
 */
export function withExternalNetworks(engine: NetworkDriver): NetworkDriver {
  return {
    ...delegateTo(engine),
    ensure: async (want, signal) => (isExternal(want) ? undefined : engine.ensure(want, signal)),
  }
}

function isExternal(want: LogicalWant): boolean {
  return 'controller' in want && want.controller !== undefined
}
