// SPDX-License-Identifier: Apache-2.0
import ipaddr from 'ipaddr.js'
import type { RowFilter } from './filter.ts'

const DEFAULT_PREFIX = 24

/** Only nodes in the same range of addresses as the one of the hint. */
export const simpleCidrAffinityFilter: RowFilter = {
  name: 'SimpleCIDRAffinityFilter',
  by: 'row',
  turnedBy: [],
  asks: ({ hints }) => hints?.buildNearHostIP !== undefined,
  refuse({ address }, { hints }) {
    const { buildNearHostIP, prefix = DEFAULT_PREFIX } = hints ?? {}
    if (buildNearHostIP === undefined) return undefined
    if (address !== undefined && isInRange(address, buildNearHostIP, prefix)) return undefined
    // Which it has is for those who run the cloud.
    return `has no address in ${buildNearHostIP}/${prefix}`
  },
}

function isInRange(address: string, of: string, prefix: number): boolean {
  if (!ipaddr.isValid(address) || !ipaddr.isValid(of)) return false
  const [a, b] = [ipaddr.process(address), ipaddr.process(of)]
  return a.kind() === b.kind() && prefix <= b.toByteArray().length * 8 && a.match(b, prefix)
}
