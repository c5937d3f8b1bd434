// SPDX-License-Identifier: Apache-2.0
// What an SDN controller says of a port at the switch (docs/network.md), in the words of reports.
import type { Observation } from '../runtime/reconciler.ts'
import { isPassing, type PluggedPort } from './port-driver.ts'

/** How long it has to say that it has programmed a port, before users are told that it is silent. */
export const WORD_TIMEOUT_MS = 60_000

/** Of what somebody else wrote there, as much as a message takes. */
const MOST_QUOTED = 256

/**
 * Pure.
 * @param waitedMs since the port was plugged, or its word withdrawn
 */
export function observeWord(
  port: PluggedPort,
  { controller, node, waitedMs }: { controller: string; node: string; waitedMs: number },
): Observation<'port'> {
  const facts = { ovnInstalled: port.installed, linkUp: port.linkUp }
  if (isPassing(port)) return { state: 'active', facts }
  if (port.installed) return { state: 'plugging', facts }
  if (port.refusal !== undefined) {
    const message = `SDN controller ${controller} refuses it on node ${node}: ${quote(port.refusal)}`
    return { state: 'plugging', facts, error: { reason: 'RefusedByController', message, terminal: false } }
  }
  const restMs = WORD_TIMEOUT_MS - waitedMs
  if (restMs > 0) return { state: 'plugging', facts, retryAfterMs: restMs }
  const message = `it is plugged on node ${node}, and SDN controller ${controller} does not say that it has programmed it (external_ids:nephele-programmed-by of its Interface): see that the controller runs on that node, and its log`
  return { state: 'plugging', facts, error: { reason: 'ExternalControllerSilent', message, terminal: false } }
}

/** In one line, without what terminals take for commands. */
function quote(text: string): string {
  const plain = text.replaceAll(/[\p{C}\p{Zl}\p{Zp}]+/gu, ' ').trim()
  return `"${plain.length <= MOST_QUOTED ? plain : `${plain.slice(0, MOST_QUOTED)}…`}"`
}
