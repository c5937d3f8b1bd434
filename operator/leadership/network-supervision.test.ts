// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { chooseRemovals } from './network-supervision.ts'
import type { OwnedRow } from '../network/network-driver.ts'
import type { LogicalKind } from '../network/logical-kinds.ts'

const row = (kind: LogicalKind, uid: string): OwnedRow => ({ kind, uid, namespace: 'ns', name: uid, generation: 1 })
const all = [row('Network', 'n'), row('Subnet', 's'), row('Port', 'p'), row('Port', 'q'), row('SecurityGroup', 'g')]
const seen = ['Network/n', 'Subnet/s', 'Port/p', 'Port/q', 'SecurityGroup/g']

test.each([
  ['found for the first time: nothing', [], [], []],
  ['found twice: all, what stands on others first', seen, [], ['p', 'q', 'g', 's', 'n']],
  ['found twice, in part', ['Network/n', 'Port/q'], [], ['q', 'n']],
  ['a node still has a port: it stays, with all that it may stand on', seen, ['p'], ['q']],
  ['a node still has another one', seen, ['x'], ['p', 'q', 'g', 's', 'n']],
])('%s', (_, before, plugged, removed) => {
  expect(chooseRemovals(all, new Set(before), new Set(plugged)).map(({ uid }) => uid)).toEqual(removed)
})
