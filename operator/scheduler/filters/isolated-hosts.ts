// SPDX-License-Identifier: Apache-2.0
import type { NodeRow } from '../nodes/node-facts.ts'
import type { RowFilter } from './filter.ts'
import type { PlacementRequest } from './request.ts'

/** Some images go to some nodes alone, which, unless told otherwise, take no others. */
export const isolatedHostsFilter: RowFilter = {
  name: 'IsolatedHostsFilter',
  by: 'row',
  turnedBy: [],
  asks: ({ settings }) => settings?.isolation !== undefined,
  refuse(node: NodeRow, { settings, image = '' }: PlacementRequest) {
    const { isolation } = settings ?? {}
    if (!isolation) return undefined
    const isImage = isolation.images.has(image)
    const isNode = isolation.nodes.has(node.name)
    if (isImage && !isNode) return `is not one of the nodes that Image ${image} is for`
    if (!isImage && isNode && isolation.restrict) return 'is for isolated images alone'
    return undefined
  },
}
