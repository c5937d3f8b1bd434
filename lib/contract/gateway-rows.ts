// SPDX-License-Identifier: Apache-2.0
// What operator and agents know a router's gateway by in OVN: the operator writes it to the northbound database, northd copies external_ids
// of a router port to its bindings in the southbound one.

/** Keys of external_ids: the nodes that may carry a gateway, the preferred one first. The southbound role has these words. */
export const GATEWAY_NODE_KEYS = ['nephele_gateway_1', 'nephele_gateway_2', 'nephele_gateway_3'] as const

/** Key of external_ids: the uid of the Network outside. */
export const GATEWAY_NETWORK_KEY = 'nephele_gateway_network'

/** The port by which a network's switch is connected to its physical network. */
export function localnetPortName(networkUid: string): string {
  return `localnet-${networkUid}`
}
