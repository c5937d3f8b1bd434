// SPDX-License-Identifier: Apache-2.0
// PCIe has a port for each device, and a machine gets no more of them while it runs. libvirt gives devices without an address the lowest free
// one. The ports of interfaces follow after as many as all other devices may come to, so that no other takes them, and each interface has
// the same one at every start. Behind them is one for the disk more that a machine in rescue has.
import { MAX_VOLUMES, type NicWant } from '../../instance-driver.ts'
import type { XmlTree } from './xml-tree.ts'

/** Root disk, ephemeral disk, swap, config drive; volumes; balloon, random number generator, serial bus of the guest agent. */
const OTHER_PORTS = 4 + MAX_VOLUMES + 3
/** Ports for interfaces that every machine has: what is added beyond waits for its next start. */
const NIC_PORTS = 8

/** libvirt numbers the bus of each port from 1 on. */
export const FIRST_NIC_BUS = OTHER_PORTS + 1

/** How many ports a machine with these interfaces is started with. Pure. */
export function countPciPorts(nics: readonly Pick<NicWant, 'slot'>[], isRescued = false): number {
  return OTHER_PORTS + Math.max(NIC_PORTS, ...nics.map(({ slot }) => slot + 1)) + (isRescued ? 1 : 0)
}

/** The bus of the port of a machine in rescue that comes after those of its interfaces. Pure. */
export function busAfterNics(nics: readonly Pick<NicWant, 'slot'>[]): number {
  return countPciPorts(nics, true)
}

/** The address of the device in that port. */
export function addressOnBus(bus: number): XmlTree {
  return {
    '@type': 'pci',
    '@domain': '0x0000',
    '@bus': `0x${bus.toString(16)}`,
    '@slot': '0x00',
    '@function': '0x0',
  }
}
