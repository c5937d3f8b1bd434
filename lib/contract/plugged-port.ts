// SPDX-License-Identifier: Apache-2.0
import type { ObservedFacts } from './documents.ts'

/**
 * Has the node's switch the port, with its flows? A tap port is `active` with that. A vhost-user port becomes active only when its
 * guest's driver takes part, which comes with the guest, goes with each of its reboots, and is no step of attaching it.
 */
export function isPlugged(observed: { state: string; facts?: ObservedFacts | undefined } | undefined): boolean {
  return observed?.state === 'active' || (observed?.state === 'plugging' && observed.facts?.ovnInstalled === true)
}
