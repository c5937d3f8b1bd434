// SPDX-License-Identifier: Apache-2.0
// Nothing goes out while the store may have gone back in time: the places where a leader's writes pass.
import { StaleWriterError } from '../../lib/errors.ts'
import { HELD } from '../../lib/leader/fence.ts'
import type { NetworkDriver } from '../network/network-driver.ts'

function assertNotHeld(isHeld: () => boolean): void {
  if (isHeld()) throw new StaleWriterError(HELD)
}

/** Its writes throw StaleWriterError while held. The term is claimed by whoever supervises it, who looks by itself. */
export function heldNetwork(network: NetworkDriver, isHeld: () => boolean): NetworkDriver {
  const unlessHeld =
    <A extends unknown[], R>(write: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      assertNotHeld(isHeld)
      return write(...args)
    }
  return {
    name: network.name,
    claimTerm: (incarnation, term, signal) => network.claimTerm(incarnation, term, signal),
    ensure: unlessHeld((want, signal) => network.ensure(want, signal)),
    remove: unlessHeld((kind, uid, signal) => network.remove(kind, uid, signal)),
    listOwned: (signal) => network.listOwned(signal),
    onDisturbance: (listener) => network.onDisturbance(listener),
    onMade: (listener) => network.onMade(listener),
    health: () => network.health(),
    onHealth: (listener) => network.onHealth(listener),
    listTaken: () => network.listTaken(),
    onTaken: (listener) => network.onTaken(listener),
  }
}
