// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import type { ObservedDocument, ObservedNic } from '../../lib/contract/documents.ts'
import { createLogger } from '../../lib/log.ts'
import { toDocumentKey } from '../../lib/contract/subjects.ts'
import { DEFAULT_SHARE, NodeShares } from './node-shares.ts'
import { ObservedCache } from './observed.ts'

const silent = createLogger('test', 'silent')
const MAC = 'fa:16:3e:00:00:01'
const nic = (more: Partial<ObservedNic> = {}): ObservedNic => ({ mac: MAC, addresses: ['10.0.0.2'], ...more })
const report = (more: Partial<ObservedDocument> = {}): ObservedDocument => ({
  v: 1,
  kind: 'instance',
  uid: 'vm',
  node: 'c1',
  versions: { incarnation: 1, term: 1, epoch: 1, generation: 1 },
  state: 'running',
  facts: { nics: [nic()] },
  namespace: 'team',
  name: 'vm',
  bootId: 'b',
  since: 't',
  ...more,
})
const node = (orphans: { uid: string; nics?: ObservedNic[] }[], name = 'c1') =>
  report({
    kind: 'node',
    uid: `node-${name}`,
    node: name,
    state: 'ready',
    facts: { orphans: orphans.map((o) => ({ kind: 'instance' as const, what: 'domain', ...o })) },
  })

/** Who has the MAC and the address, after these reports. */
function told(...reports: ObservedDocument[]): ObservedCache {
  const cache = new ObservedCache(createLogger('test', 'silent'))
  for (const report of reports) cache.put(report, report)
  return cache
}
const who = (cache: ObservedCache, value: string) =>
  cache.listNics(value).map(({ node: at, uid, isOrphan }) => `${at} ${uid}${isOrphan ? ' (orphan)' : ''}`)

describe('machines by MAC and address', () => {
  test.each<[string, ObservedDocument[], string[], string[]]>([
    ['one', [report()], ['c1 vm'], ['c1 vm']],
    ['on two nodes', [report(), report({ node: 'c2' })], ['c1 vm', 'c2 vm'], ['c1 vm', 'c2 vm']],
    [
      'with the address on two interfaces',
      [report({ facts: { nics: [nic(), nic({ mac: 'fa:16:3e:00:00:02' })] } })],
      ['c1 vm'],
      ['c1 vm', 'c1 vm'],
    ],
    ['that changed its address', [report(), report({ facts: { nics: [nic({ addresses: [] })] } })], ['c1 vm'], []],
    ['whose agent is older', [report({ facts: {} })], [], []],
    ['that failed', [report({ state: 'failed' })], ['c1 vm'], ['c1 vm']],
    ['that is gone', [report(), report({ state: 'gone' })], [], []],
    ['an orphan', [node([{ uid: 'x', nics: [nic()] }])], ['c1 x (orphan)'], ['c1 x (orphan)']],
    ['an orphan that was removed', [node([{ uid: 'x', nics: [nic()] }]), node([])], [], []],
    [
      'an orphan that the node has spoken of since',
      [node([{ uid: 'vm', nics: [nic()] }]), report({ state: 'gone' })],
      [],
      [],
    ],
    [
      'an orphan that another node has spoken of',
      [node([{ uid: 'vm', nics: [nic()] }]), report({ node: 'c2', state: 'gone' })],
      ['c1 vm (orphan)'],
      ['c1 vm (orphan)'],
    ],
  ])('%s', (_, reports, byMac, byAddress) => {
    const cache = told(...reports)
    expect([who(cache, MAC), who(cache, '10.0.0.2')]).toEqual([byMac, byAddress])
  })
  test('a report that is withdrawn takes them along', () => {
    const cache = told(report(), report({ node: 'c2' }))
    cache.forget({ node: 'c1', kind: 'instance', uid: 'vm' })
    expect(who(cache, MAC)).toEqual(['c2 vm'])
  })
  test('orphans by UID', () => {
    const cache = told(node([{ uid: 'x' }, { uid: 'y' }]), node([{ uid: 'x' }], 'c2'))
    expect(cache.listOrphans('x').map((o) => o.node)).toEqual(['c1', 'c2'])
    expect(cache.listOrphans('z')).toEqual([])
  })
})

test('what is forgotten counts no more for its node; what was never there is no change', () => {
  const share = { ...DEFAULT_SHARE, documents: 1 }
  const asked = new Set<string>()
  const cache = new ObservedCache(silent, new NodeShares({ log: silent, share }), ({ uid }) => asked.has(uid))
  const told: string[] = []
  cache.onChange(({ uid }) => told.push(uid))
  const say = (uid: string) => {
    const key = { node: 'n1', kind: 'volume' as const, uid }
    const report = {
      ...{ v: 1, ...key, state: 'available', facts: {}, name: uid, bootId: 'b', since: 't' },
      versions: { incarnation: 1, term: 1, epoch: 1, generation: 1 },
    }
    cache.entry({ key: toDocumentKey(key), revision: 1, data: Buffer.from(JSON.stringify(report)) })
    return cache.find('volume', uid, 'n1') !== undefined
  }
  const put = (key: string) => cache.entry({ key, revision: 1, data: Buffer.from('{}') })
  // What nobody understands takes room all the same.
  put('n1.router.r')
  expect(say('a')).toBe(false)
  cache.forgetUnasked('n1')
  expect([say('a'), say('b')]).toEqual([true, false])
  cache.forget({ node: 'n1', kind: 'volume', uid: 'never' })
  cache.forget({ node: 'n2', kind: 'volume', uid: 'a' })
  expect(say('b')).toBe(false)
  cache.forget({ node: 'n1', kind: 'volume', uid: 'a' })
  expect([say('b'), say('c')]).toEqual([true, false])
  asked.add('b')
  cache.forgetUnasked('n1')
  expect(say('c')).toBe(true)
  cache.forgetUnasked('n1')
  expect(cache.listNode('n1').map(({ uid }) => uid)).toEqual(['b'])
  cache.entry({ key: 'NO NODE.volume.x', revision: 1, data: Buffer.from('{}') })
  expect(told).toEqual(['a', 'a', 'b', 'c', 'c'])
})
