// SPDX-License-Identifier: Apache-2.0
import type { ObservedFacts } from './documents.ts'

/**
 * Whether the node's switch has the port and its flows. A tap port is `active` then. A vhost-user port becomes active only once the
 * guest's driver connects, which depends on the guest and its reboots and is no part of attaching the port.
 */
export function isPlugged(observed: { state: string; facts?: ObservedFacts | undefined } | undefined): boolean {
  return observed?.state === 'active' || (observed?.state === 'plugging' && observed.facts?.ovnInstalled === true)
}
