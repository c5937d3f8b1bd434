// SPDX-License-Identifier: Apache-2.0
// Under which keys Ports are found by what they have, or want, in a network.

export function addressKey(networkKey: string, address: string): string {
  return `${networkKey}|${address}`
}

export function macKey(networkKey: string, mac: string): string {
  return `${networkKey}|${mac}`
}
