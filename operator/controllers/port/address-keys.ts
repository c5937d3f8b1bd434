// SPDX-License-Identifier: Apache-2.0
// Index keys by which Ports are found from the address or MAC that they have, or want, on a network.

export function addressKey(networkKey: string, address: string): string {
  return `${networkKey}|${address}`
}

export function macKey(networkKey: string, mac: string): string {
  return `${networkKey}|${mac}`
}
