// SPDX-License-Identifier: Apache-2.0
import type { NodeRow } from '../nodes/node-facts.ts'
import { PCI_KINDS, type PciClaim } from '../nodes/pci-devices.ts'
import type { RowFilter } from './filter.ts'
import { whyShort } from './room.ts'

const NONE = { count: 0, direct: 0, macvtap: 0 }

/**
 * Virtual functions for Ports of vnicType direct and macvtap, of what the node has on their physical networks. A function serves for one Port,
 * and some serve for one kind alone: there have to be enough for each kind and for both together (Hall's theorem for two kinds).
 */
export const pciPassthroughFilter: RowFilter = {
  name: 'PciPassthroughFilter',
  by: 'row',
  turnedBy: ['freed'],
  asks: ({ amounts }) => amounts.pciDevices !== undefined,
  refuse: (node, { amounts }) =>
    Object.entries(amounts.pciDevices ?? {})
      .map(([network, wanted]) => whyShortOf(node, network, wanted))
      .find((said) => said !== undefined),
}

function whyShortOf(node: NodeRow, network: string, wanted: PciClaim): string | undefined {
  const all = node.pciDevices?.[network] ?? NONE
  const used = node.usedPciDevices?.[network] ?? NONE
  const what = (of: string) => `virtual functions${of} of physical network ${network}`
  for (const kind of PCI_KINDS) {
    if (wanted[kind] === 0) continue
    const numbers = { free: all[kind] - used[kind], all: all[kind], wanted: wanted[kind], kept: undefined }
    const why = whyShort({ ...numbers, what: what(` for vnicType ${kind}`) })
    if (why !== undefined) return why
  }
  if (wanted.direct + wanted.macvtap === 0) return undefined
  const taken = used.direct + used.macvtap
  const numbers = { free: all.count - taken, all: all.count, wanted: wanted.direct + wanted.macvtap, kept: undefined }
  return whyShort({ ...numbers, what: what('') })
}
