// SPDX-License-Identifier: Apache-2.0
// What nodes said, as it comes from the bucket: whose report it is, who is told of it, and what is forgotten.
import { describe, expect, test } from '@jest/globals'
import type { Inventory, ObservedDocument } from '../../lib/contract/documents.ts'
import type { DocumentKey } from '../../lib/contract/subjects.ts'
import { createLogger } from '../../lib/log.ts'
import { inventoryOf } from '../testing/inventory.ts'
import { InventoryCache, ObservedCache } from './observed.ts'

const log = createLogger('test', 'silent')
const report = (more: Partial<ObservedDocument> = {}): ObservedDocument => ({
  ...{ v: 1, kind: 'instance', uid: 'vm', node: 'c1', state: 'running', facts: {}, namespace: 'team', name: 'vm' },
  ...{ versions: { incarnation: 1, term: 1, epoch: 1, generation: 1 }, bootId: 'b', since: 't' },
  ...more,
})
const key: DocumentKey = { node: 'c1', kind: 'instance', uid: 'vm' }
const bytes = (value: unknown) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value))

function observed(isAsked?: (asked: DocumentKey) => boolean) {
  const cache = new ObservedCache(log, undefined, isAsked)
  const told: DocumentKey[] = []
  cache.onChange((changed) => told.push(changed))
  const say = (at: string, value: unknown) => cache.entry({ key: at, revision: 1, data: bytes(value) })
  return { cache, told, say }
}

describe('a report', () => {
  test('that is another than before is told of, the same is not', () => {
    const { cache, told, say } = observed()
    for (const state of ['running', 'running', 'stopped']) say('c1.instance.vm', report({ state }))
    expect(told).toEqual([key, key])
    expect(cache.find('instance', 'vm', 'c1')?.state).toBe('stopped')
  })
  test.each<[string, string, unknown]>([
    ['of another node', 'c1.instance.vm', report({ node: 'c2' })],
    ['of another object', 'c1.instance.vm', report({ uid: 'other' })],
    ['of another kind', 'c1.instance.vm', report({ kind: 'port' })],
    ['that is none', 'c1.instance.vm', { v: 1 }],
    ['that is no JSON', 'c1.instance.vm', '{'],
    ['under a key that is none', 'c1.instance', report()],
    ['under a kind that is none', 'c1.router.vm', report()],
  ])('%s is nobody’s', (_, at, value) => {
    const { cache, told, say } = observed()
    say(at, value)
    expect([told, cache.listNode('c1'), cache.find('instance', 'vm'), cache.find('instance', 'other')]).toEqual([
      ...[[], [], undefined, undefined],
    ])
  })
  test('of the highest epoch counts where no node is asked about', () => {
    const { cache } = observed()
    const say = (node: string, epoch: number) =>
      cache.put({ ...key, node }, report({ node, versions: { incarnation: 1, term: 1, epoch, generation: 1 } }))
    say('c1', 2)
    say('c2', 3)
    say('c3', 1)
    expect(cache.find('instance', 'vm')?.node).toBe('c2')
    expect(cache.findAll('instance', 'vm').map(({ node }) => node)).toEqual(['c1', 'c2', 'c3'])
  })
  test('that is forgotten is told of once, and all that was known by it is gone', () => {
    const { cache, told } = observed()
    const nics = [{ mac: 'fa:16:3e:00:00:01', addresses: ['10.0.0.2'] }]
    cache.put(key, report({ facts: { nics, volumesAttached: ['v'] } }))
    expect([cache.listNics('10.0.0.2').length, cache.listWithVolume('v').length]).toEqual([1, 1])
    cache.forget(key)
    cache.forget(key)
    cache.forget({ ...key, uid: 'never' })
    expect(told).toEqual([key, key])
    const left = [cache.listNics('10.0.0.2'), cache.listWithVolume('v'), cache.listNode('c1')]
    expect(left.flat()).toEqual([])
    expect(cache.findAll('instance', 'vm')).toEqual([])
  })
  test('that nobody asked for is forgotten when its node’s part is emptied, others’ reports stay', () => {
    const { cache, told } = observed(({ uid }) => uid === 'vm')
    cache.put(key, report())
    cache.put({ ...key, uid: 'x' }, report({ uid: 'x' }))
    cache.put({ ...key, uid: 'x', node: 'c2' }, report({ uid: 'x', node: 'c2' }))
    told.length = 0
    cache.forgetUnasked('c1')
    expect(told).toEqual([{ ...key, uid: 'x' }])
    expect(cache.listNode('c1').map(({ uid }) => uid)).toEqual(['vm'])
    expect(cache.find('instance', 'x')?.node).toBe('c2')
  })
  test('of a volume in a machine counts while the machine is there', () => {
    const { cache } = observed()
    const nodes = () => cache.listWithVolume('v').map(({ node, state }) => `${node} ${state}`)
    cache.put(key, report({ facts: { volumesAttached: ['v', 'w'] } }))
    cache.put({ ...key, node: 'c2' }, report({ node: 'c2', facts: { volumesAttached: ['v'] } }))
    cache.put(key, report({ state: 'failed', facts: { volumesAttached: ['v'] } }))
    expect([nodes(), cache.listWithVolume('w')]).toEqual([['c2 running', 'c1 failed'], []])
    cache.put(key, report({ state: 'gone', facts: { volumesAttached: ['v'] } }))
    expect(nodes()).toEqual(['c2 running'])
  })
})

describe('an inventory', () => {
  const inventories = () => {
    const cache = new InventoryCache(log)
    const told: string[] = []
    cache.onChange((node) => told.push(node))
    return {
      cache,
      told,
      say: (at: string, value: unknown) => cache.entry({ key: at, revision: 1, data: bytes(value) }),
    }
  }
  const of = (node: string, more: Partial<Inventory> = {}) => inventoryOf(node, more)
  test('that is another than before is told of, the same is not', () => {
    const { cache, told, say } = inventories()
    say('c1', of('c1'))
    say('c1', of('c1'))
    expect(told).toEqual(['c1'])
    say('c1', of('c1', { bootId: 'boot-0002' }))
    expect([told.length, cache.find('c1')?.bootId, cache.list().length]).toEqual([2, 'boot-0002', 1])
  })
  test('of another node, or none, is nobody’s', () => {
    const { cache, told, say } = inventories()
    say('c1', of('c2'))
    say('c1', { node: 'c1' })
    say('c1', 'no JSON')
    expect([told, cache.list()]).toEqual([[], []])
  })
  test('of a node with dots in its name is found by it', () => {
    const { cache, say } = inventories()
    say('c1_example_com', of('c1.example.com'))
    expect(cache.find('c1.example.com')?.node).toBe('c1.example.com')
  })
  test('that is forgotten is told of once', () => {
    const { cache, told } = inventories()
    cache.put(of('c1'))
    cache.forget('c1')
    cache.forget('c1')
    expect([told, cache.find('c1')]).toEqual([['c1', 'c1'], undefined])
  })
})
