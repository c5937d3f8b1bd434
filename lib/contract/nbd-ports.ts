// SPDX-License-Identifier: Apache-2.0

export interface PortRange {
  first: number
  last: number
}

/** The ports of volume exports. Below the kernel's range for outgoing connections, so that none of those can take a volume's port. */
export const NBD_PORTS: PortRange = { first: 10900, last: 12899 }

export function isNbdPort(port: number): boolean {
  return Number.isInteger(port) && port >= NBD_PORTS.first && port <= NBD_PORTS.last
}
