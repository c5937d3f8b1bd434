// SPDX-License-Identifier: Apache-2.0
import { beforeEach, expect, test } from '@jest/globals'
import { createLogger } from '../../lib/log.ts'
import { NodeShares, WINDOW_MS, type NodeShare } from './node-shares.ts'
import { ObservedCache } from './observed.ts'

const share: NodeShare = { documents: 4, bytes: 1_000, unasked: 2, words: 10, beats: 3 }
const log = createLogger('test', 'silent')
let nowMs: number
let excesses: string[]
let shares: NodeShares

beforeEach(() => {
  nowMs = 0
  excesses = []
  shares = new NodeShares({
    share,
    log,
    now: () => nowMs,
    onExcess: (node, excess) => excesses.push(`${node} ${excess}`),
  })
})

const asked = () => true
const unasked = () => false
const put = (key: string, bytes = 10, isAsked = asked, node = 'n1') => shares.admit(node, key, bytes, isAsked)

test('as many keys as its share has, and each of them again', () => {
  expect(['a', 'b', 'c', 'd'].map((k) => put(k))).toEqual([true, true, true, true])
  expect([put('e'), put('a'), put('e', 10, asked, 'n2')]).toEqual([false, true, true])
  expect(excesses).toEqual(['n1 Documents'])
  shares.release('n1', 'a')
  expect(put('e')).toBe(true)
})

test('as many bytes, by what each key is now', () => {
  expect([put('a', 900), put('b', 101), put('b', 100)]).toEqual([true, false, true])
  expect([put('a', 901), put('a', 100), put('b', 900)]).toEqual([false, true, true])
  shares.release('n1', 'b')
  expect(put('c', 900)).toBe(true)
  expect(excesses).toEqual(['n1 Bytes', 'n1 Bytes'])
})

test('some that nobody asked for, and others beside them', () => {
  expect([put('a', 10, unasked), put('b', 10, unasked), put('c', 10, unasked)]).toEqual([true, true, false])
  expect([put('c'), put('a', 10, unasked)]).toEqual([true, true])
  shares.release('n1', 'a')
  expect(put('d', 10, unasked)).toBe(true)
  expect(excesses).toEqual(['n1 Unasked'])
})

test('a report counts by its size', () => {
  const large = new NodeShares({ share: { ...share, bytes: 1e6 }, log, now: () => nowMs })
  const say = (bytes: number) => large.admit('n1', 'a', bytes, asked)
  expect([say(0), say(1024), say(1025), say(4096), say(2048)]).toEqual([true, true, true, true, true])
  expect(say(1)).toBe(false)
})

test('so many reports and heartbeats at a time', () => {
  const reports = Array.from({ length: 12 }, () => put('a'))
  expect(reports).toEqual([...Array(10).fill(true), false, false])
  expect([1, 2, 3, 4].map(() => shares.beat('n1'))).toEqual([true, true, true, false])
  nowMs = WINDOW_MS
  expect([put('a'), shares.beat('n1')]).toEqual([true, true])
  expect(excesses).toEqual(['n1 Words', 'n1 Words', 'n1 Beats'])
})

test('what is refused is counted nowhere: its accounts do not grow with what a node tries', () => {
  for (let i = 0; i < 100_000; i++) {
    nowMs += WINDOW_MS
    put(`junk-${i}`, 900, unasked)
  }
  expect(excesses).toHaveLength(99_999)
  shares.releaseAll('n1')
  expect(['a', 'b'].map((k) => put(k, 500))).toEqual([true, true])
})

test('a report beyond the share is not kept; when the bucket was emptied, nor is what nobody asked for', () => {
  const cache = new ObservedCache(log, shares, ({ uid }) => uid.startsWith('asked'))
  const say = (uid: string, node = 'n1') => {
    const report = {
      v: 1,
      kind: 'volume',
      uid,
      node,
      state: 'available',
      facts: {},
      name: uid,
      bootId: 'b',
      since: 't',
    }
    const data = Buffer.from(
      JSON.stringify({ ...report, versions: { incarnation: 1, term: 1, epoch: 1, generation: 1 } }),
    )
    cache.entry({ key: `${node}.volume.${uid}`, revision: 1, data })
  }
  const held = (node = 'n1') => cache.listNode(node).map(({ uid }) => uid)
  for (const uid of ['asked-1', 'x1', 'x2', 'x3', 'asked-2']) say(uid)
  for (const uid of ['asked-1', 'x1']) say(uid, 'n2')
  expect([held(), held('n2')]).toEqual([
    ['asked-1', 'x1', 'x2', 'asked-2'],
    ['asked-1', 'x1'],
  ])
  expect(excesses).toEqual(['n1 Unasked'])
  cache.forgetUnasked('n1')
  expect([held(), held('n2')]).toEqual([
    ['asked-1', 'asked-2'],
    ['asked-1', 'x1'],
  ])
  say('x3')
  expect(held()).toEqual(['asked-1', 'asked-2', 'x3'])
})

test('names have accounts up to a bound, those of nodes that went are free again', () => {
  const few = new NodeShares({ share, nodes: 3, log, now: () => nowMs })
  const say = (node: string) => few.admit(node, 'k', 10, asked)
  expect([say('a'), few.beat('b'), say('c')]).toEqual([true, true, true])
  expect([say('d'), few.beat('e'), say('a'), few.beat('b')]).toEqual([false, false, true, true])
  few.release('c', 'k')
  nowMs = WINDOW_MS - 1
  expect(say('d')).toBe(false)
  // Nothing of b and c is there any more, and b was not heard lately either.
  nowMs = WINDOW_MS
  expect([say('d'), say('e'), say('f'), say('a')]).toEqual([true, true, false, true])
})

test('what was removed counts no more, and what was never there counts nothing', () => {
  for (const key of ['a', 'b']) put(key, 250, unasked)
  shares.release('nobody', 'a')
  shares.release('n1', 'never')
  shares.releaseAll('nobody')
  expect([put('c', 10, unasked), put('c', 501), put('c', 500), put('d', 1)]).toEqual([false, false, true, false])
  shares.releaseAll('n1')
  expect([put('e', 600, unasked), put('f', 300, unasked), put('g', 50), put('h', 50), put('i', 0)]).toEqual([
    ...[true, true, true, true, false],
  ])
})
