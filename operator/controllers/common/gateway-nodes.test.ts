// SPDX-License-Identifier: Apache-2.0
// Which nodes carry a gateway: three deep, over zones, by load; what is there stays until somebody wants the node empty.
import { describe, expect, test } from '@jest/globals'
import { chooseGateways, type GatewayNode } from './gateway-nodes.ts'

const node = (name: string, more: Partial<GatewayNode> = {}): GatewayNode => ({
  ...{ name, zone: 'a', load: 0, isUp: true, isClosed: false },
  ...more,
})
const choose = (present: string[], nodes: GatewayNode[]) => chooseGateways(present, nodes, 'r')

describe('chosen', () => {
  test.each<[string, string[], GatewayNode[], string[]]>([
    ['none, where there is none', [], [], []],
    ['none that is down', [], [node('a', { isUp: false })], []],
    ['none that is closed', [], [node('a', { isClosed: true })], []],
    ['the one with the least to do first', [], [node('a', { load: 2 }), node('b', { load: 1 })], ['b', 'a']],
    [
      'another zone before less to do',
      [],
      [node('a'), node('b', { load: 1 }), node('c', { zone: 'z', load: 9 })],
      ['a', 'c', 'b'],
    ],
    ['three at most', [], [1, 2, 3, 4].map((load) => node(`n${load}`, { load })), ['n1', 'n2', 'n3']],
    [
      'those that it has, in their order, whatever they have to do',
      ['b', 'a'],
      [node('a'), node('b', { load: 9 })],
      ['b', 'a'],
    ],
    ['those that it has, while they are down', ['b'], [node('a'), node('b', { isUp: false })], ['b', 'a']],
    ['no longer one that is no gateway any more', ['x', 'a'], [node('a'), node('b')], ['a', 'b']],
    ['no longer one that is closed', ['b', 'a'], [node('a'), node('b', { isClosed: true })], ['a']],
    [
      'still one that is closed, while no other can',
      ['b', 'a'],
      [node('a', { isClosed: true }), node('b', { isClosed: true })],
      ['b', 'a'],
    ],
    [
      'still a closed one, first, while all others are down',
      ['a', 'b'],
      [node('a', { isClosed: true }), node('b', { isUp: false })],
      ['a', 'b'],
    ],
    ['another one than a closed one', ['b'], [node('a'), node('b', { isClosed: true })], ['a']],
  ])('%s', (_, present, nodes, chosen) => {
    expect(choose(present, nodes)).toEqual(chosen)
    // Whatever the order in which the cache lists them.
    expect(choose(present, [...nodes].reverse())).toEqual(chosen)
  })

  test('routers that are made at once are spread', () => {
    const nodes = ['a', 'b', 'c'].map((name) => node(name))
    const first = Array.from({ length: 60 }, (_, i) => chooseGateways([], nodes, `router-${i}`)[0])
    for (const name of ['a', 'b', 'c']) expect(first.filter((one) => one === name).length).toBeGreaterThan(10)
  })
})
