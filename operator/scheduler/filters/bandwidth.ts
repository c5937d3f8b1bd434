// SPDX-License-Identifier: Apache-2.0
import { bandwidthOn, type Kbps } from '../nodes/bandwidth.ts'
import type { NodeRow } from '../nodes/node-facts.ts'
import type { RowFilter } from './filter.ts'
import { whyShort } from './room.ts'

/** Minimum bandwidths of ports, of what is set aside of their physical networks. */
export const bandwidthFilter: RowFilter = {
  name: 'BandwidthFilter',
  by: 'row',
  turnedBy: ['freed'],
  asks: ({ amounts }) => amounts.bandwidth !== undefined,
  refuse: (node, { amounts }) =>
    Object.entries(amounts.bandwidth ?? {})
      .map(([network, wanted]) => whyShortOf(node, network, wanted))
      .find((said) => said !== undefined),
}

function whyShortOf(node: NodeRow, network: string, wanted: Kbps): string | undefined {
  const [all, used] = [bandwidthOn(node.bandwidth, network), bandwidthOn(node.usedBandwidth, network)]
  const said = (['egress', 'ingress'] as const).map((direction) => {
    const kbps = `${direction}Kbps` as const
    // Others may have more of it than there is now: of no matter to who asks for none.
    if (wanted[kbps] === 0) return undefined
    const what = `kbit/s of ${direction} on physical network ${network}`
    return whyShort({ free: all[kbps] - used[kbps], all: all[kbps], what, wanted: wanted[kbps], kept: undefined })
  })
  return said.find((one) => one !== undefined)
}
