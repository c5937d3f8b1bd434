// SPDX-License-Identifier: Apache-2.0
// What nodes are told of physical networks: one thing of each, whatever several ProviderNetworks say.
import { describe, expect, test } from '@jest/globals'
import type { KubeNode, Network, ProviderNetwork } from '../../../lib/api/types.ts'
import { memoryWorld, stored } from '../../testing/memory-deps.ts'
import { listInForce, mappingsOf } from './mappings.ts'

type Nodes = NonNullable<ProviderNetwork['spec']['nodes']>
const cluster = { namespace: '' }
const node = (labels: Record<string, string> = {}) => stored<KubeNode>('n1', {}, { ...cluster, labels })
const of = (name: string, nodes: Nodes, physicalNetwork?: string) =>
  stored<ProviderNetwork>(name, { type: 'flat', nodes, ...(physicalNetwork ? { physicalNetwork } : {}) }, cluster)
const labelled = (matchLabels: Record<string, string>) => ({ nodeSelector: { matchLabels } })

describe('which entry counts', () => {
  const rack = labelled({ rack: '1' })
  test.each<[string, Nodes, Record<string, string>, object | undefined]>([
    ['no entry', [], {}, undefined],
    ['one for all', [{ interface: 'eth1' }], {}, { name: 'a', interface: 'eth1' }],
    ['one with a selector of nothing', [{ nodeSelector: {}, bridge: 'br' }], {}, { name: 'a', bridge: 'br' }],
    ['one that does not match', [{ ...rack, bridge: 'br' }], { rack: '2' }, undefined],
    ['one of which half matches', [{ ...labelled({ rack: '1', x: 'y' }), bridge: 'br' }], { rack: '1' }, undefined],
    [
      'the first that matches',
      [{ ...rack, bridge: 'br' }, { bridge: 'b2' }, { bridge: 'b3' }],
      { rack: '2' },
      { name: 'a', bridge: 'b2' },
    ],
    [
      'it, before one for all',
      [{ ...rack, bridge: 'br' }, { bridge: 'b2' }],
      { rack: '1' },
      { name: 'a', bridge: 'br' },
    ],
  ])('%s', (_, nodes, labels, expected) => {
    expect(mappingsOf(node(labels), [of('a', nodes)]).mappings).toEqual(expected ? [expected] : [])
  })
})

describe('several', () => {
  const eth1 = [{ interface: 'eth1' }]
  test.each<[string, ProviderNetwork[], string[], Record<string, string>]>([
    ['say the same of one physical network', [of('a', eth1, 'p'), of('b', eth1, 'p')], ['p eth1'], {}],
    [
      'say different things of it: the older one counts',
      [of('b', [{ bridge: 'br' }], 'p'), of('a', eth1, 'p')],
      ['p br'],
      { 'uid-a': 'ProviderNetwork b connects it by bridge br, not interface eth1' },
    ],
    [
      'say different things with one kind of thing',
      [
        of('a', eth1, 'p'),
        of('b', [{ interface: 'eth2' }], 'p'),
        of('c', [{ bridge: 'b1' }], 'q'),
        of('d', [{ bridge: 'b2' }], 'q'),
      ],
      ['p eth1', 'q b1'],
      {
        'uid-b': 'ProviderNetwork a connects it by interface eth1, not interface eth2',
        'uid-d': 'ProviderNetwork c connects it by bridge b1, not bridge b2',
      },
    ],
    [
      'agree, but for one: it is told of the oldest',
      [of('a', eth1, 'p'), of('b', eth1, 'p'), of('c', [{ bridge: 'br' }], 'p')],
      ['p eth1'],
      { 'uid-c': 'ProviderNetwork a connects it by interface eth1, not bridge br' },
    ],
    [
      'have one interface for two',
      [of('b', eth1), of('a', eth1)],
      ['b eth1'],
      { 'uid-a': 'interface eth1 is that of ProviderNetwork b, for another physical network' },
    ],
    [
      'have one bridge for two',
      [of('b', [{ bridge: 'br' }]), of('a', [{ bridge: 'br' }]), of('c', [{ bridge: 'b2' }])],
      ['b br', 'c b2'],
      { 'uid-a': 'bridge br is that of ProviderNetwork b, for another physical network' },
    ],
    [
      'have an interface and a bridge of one name: nothing is taken twice',
      [of('b', [{ bridge: 'x' }]), of('a', [{ interface: 'x' }])],
      ['a x', 'b x'],
      {},
    ],
    [
      'say nothing of it',
      [of('a', [{ ...labelled({ x: 'y' }), interface: 'eth1' }], 'p'), of('b', [{ bridge: 'br' }], 'p')],
      ['p br'],
      {},
    ],
  ])('%s', (_, inForce, told, conflicts) => {
    const found = mappingsOf(node(), inForce)
    expect(found.mappings.map(({ name, interface: by, bridge }) => `${name} ${by ?? bridge}`)).toEqual(told)
    expect(Object.fromEntries(found.conflicts)).toEqual(conflicts)
  })
  test('are at most 64 on a node', () => {
    const many = Array.from({ length: 65 }, (_, i) => of(`p${i}`, [{ interface: `eth${i}` }]))
    const { mappings, conflicts } = mappingsOf(node(), many)
    expect(mappings).toHaveLength(64)
    expect([...conflicts]).toEqual([['uid-p64', 'it has 64 physical networks, the most that a node may have']])
  })
})

describe('cards', () => {
  const by = (...physicalFunctions: string[]) => [{ interface: 'eth1', physicalFunctions }]
  test.each<[string, ProviderNetwork[], (string[] | undefined)[], Record<string, string>]>([
    ['are told in the order of their names', [of('a', by('e2', 'e1'))], [['e1', 'e2']], {}],
    [
      'are those of the ProviderNetwork that says it, of several of one physical network',
      [of('a', [{ interface: 'eth1' }], 'p'), of('b', by('e1'), 'p'), of('c', by('e1'), 'p')],
      [['e1']],
      {},
    ],
    [
      'are what the older one says',
      [of('a', by('e1'), 'p'), of('b', by('e2', 'e3'), 'p')],
      [['e1']],
      { 'uid-b': 'ProviderNetwork a has physicalFunctions e1 on it, not e2, e3' },
    ],
    [
      'are on one physical network',
      [of('a', by('e1', 'e2')), of('b', [{ interface: 'eth2', physicalFunctions: ['e2'] }])],
      [['e1', 'e2']],
      { 'uid-b': 'physical function e2 is that of ProviderNetwork a, for another physical network' },
    ],
  ])('%s', (_, inForce, told, conflicts) => {
    const found = mappingsOf(node(), inForce)
    expect(found.mappings.map(({ physicalFunctions }) => physicalFunctions)).toEqual(told)
    expect(Object.fromEntries(found.conflicts)).toEqual(conflicts)
  })
})

test('those count that are not to go, or are still in use, the oldest first', () => {
  const w = memoryWorld()
  const put = (name: string, day: number, more: object = {}) => {
    const made = stored<ProviderNetwork>(name, { type: 'flat' }, { ...cluster, ...more })
    made.metadata.creationTimestamp = `2026-01-0${day}T00:00:00Z`
    w.put('providerNetworks', made)
  }
  put('c', 1)
  put('going', 1, { deleted: true })
  put('used', 4, { deleted: true })
  put('a', 3)
  put('b', 3)
  const spec: Network['spec'] = { provider: { providerNetworkRef: { name: 'used' } } }
  w.put('networks', stored<Network>('lan', spec, { status: { physicalNetwork: 'used' } }))
  const waiting: Network['spec'] = { provider: { providerNetworkRef: { name: 'going' } } }
  w.put('networks', stored<Network>('late', waiting))
  expect(listInForce(w.deps.caches).map(({ metadata }) => metadata.name)).toEqual(['c', 'a', 'b', 'used'])
})
