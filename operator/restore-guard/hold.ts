// SPDX-License-Identifier: Apache-2.0
// Blocks a leader's writes while the store may have gone back in time.
import { StaleWriterError } from '../../lib/errors.ts'
import { HELD } from '../../lib/leader/fence.ts'
import { delegateTo } from '../network/delegate.ts'
import type { NetworkDriver } from '../network/network-driver.ts'

function assertNotHeld(isHeld: () => boolean): void {
  if (isHeld()) throw new StaleWriterError(HELD)
}

/** A driver whose writes throw StaleWriterError while held. claimTerm is not blocked: its caller, the supervisor, checks for itself. */
export function heldNetwork(network: NetworkDriver, isHeld: () => boolean): NetworkDriver {
  const unlessHeld =
    <A extends unknown[], R>(write: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      assertNotHeld(isHeld)
      return write(...args)
    }
  return {
    ...delegateTo(network),
    ensure: unlessHeld((want, signal) => network.ensure(want, signal)),
    remove: unlessHeld((kind, uid, signal) => network.remove(kind, uid, signal)),
    // It asks northd for a sign of life.
    trace: unlessHeld((packet, signal) => network.trace(packet, signal)),
  }
}
