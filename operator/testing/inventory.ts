// SPDX-License-Identifier: Apache-2.0
import { CONTRACT_VERSION, type Inventory } from '../../lib/contract/documents.ts'

/** The inventory of a small node. */
export function inventoryOf(node: string, more: Partial<Inventory> = {}): Inventory {
  return {
    v: CONTRACT_VERSION,
    node,
    agentVersion: '0.1.0',
    bootId: 'boot-0001',
    cpus: 4,
    // A little more than 4 GiB for machines.
    memoryMiB: 5632,
    diskGiB: 50,
    numa: [],
    address: '192.0.2.1',
    pools: [],
    ...more,
  }
}
