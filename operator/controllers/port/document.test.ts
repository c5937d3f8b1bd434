// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import type { Instance, Network, Port } from '../../../lib/api/types.ts'
import { stored } from '../../testing/memory-deps.ts'
import { functionForNode } from './document.ts'

const network = stored<Network>('lan', {}, { status: { physicalNetwork: 'dc', segmentationID: 42 } })
const machine = (cells: number[]): Pick<Instance, 'status'> => ({
  status: { numaTopology: { cells: cells.map((hostCell) => ({ hostCell, vcpus: '0', memoryMiB: 1 })) } },
})
const on = (vnicType: Port['spec']['vnicType'], of: Pick<Instance, 'status'>) =>
  functionForNode(stored<Port>('p', { networkRef: { name: 'lan' }, vnicType: vnicType! }), network, of)

test('a virtual function is asked for on the cells of its machine, where it has some', () => {
  const dc = { physicalNetwork: 'dc', vlan: 42 }
  expect([on('direct', {}), on('macvtap', machine([1, 0])), on('normal', machine([1]))]).toEqual([
    ...[dc, { ...dc, numaCells: [1, 0] }, undefined],
  ])
})
