// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import { planBlock } from './block-plan.ts'
import { blockOf, isSameEntry, isSameHolder, toEntry, type ClaimEntry, type ClaimHolder } from './claim-block.ts'

const holder = { namespace: 'ns', name: 'p' }

test('an entry holds what is known of its holder, and no empty fields', () => {
  expect(toEntry(holder, '10.0.0.2')).toStrictEqual({ address: '10.0.0.2', portRef: holder })
  expect(toEntry({ ...holder, uid: 'u', instanceUid: 'i' }, '10.0.0.2')).toStrictEqual({
    address: '10.0.0.2',
    portRef: { ...holder, uid: 'u' },
    instanceUid: 'i',
  })
})

test('what is no address lies in no block', () => {
  const subnet = { namespace: 'ns', name: 's', uid: 'su' }
  expect(() => blockOf(subnet, '10.0.0')).toThrow(new TypeError('10.0.0 is no address'))
})

test.each<[ClaimHolder, boolean]>([
  [holder, true],
  [{ ...holder, uid: 'one' }, true],
  [{ ...holder, instanceUid: 'i' }, true],
  [{ ...holder, namespace: 'other' }, false],
  [{ ...holder, name: 'q' }, false],
  [{ ...holder, kind: 'Router', uid: 'one' }, false],
])('the holder without a UID and %j: the same %j', (other, isSame) => {
  expect(isSameHolder(holder, other)).toBe(isSame)
  expect(isSameHolder(other, holder)).toBe(isSame)
})

test('two UIDs that are known must agree', () => {
  const one = { ...holder, uid: 'one' }
  expect(isSameHolder(one, { ...holder, uid: 'two' })).toBe(false)
  expect(isSameHolder(one, { ...one })).toBe(true)
})

const portRef = { ...holder, uid: 'u' }
const entry: ClaimEntry = { address: '10.0.0.2', portRef, instanceUid: 'i' }

describe('the very same claim', () => {
  test.each<[string, ClaimEntry, boolean]>([
    ['a copy', structuredClone(entry), true],
    ['another address', { ...entry, address: '10.0.0.3' }, false],
    ['another namespace', { ...entry, portRef: { ...portRef, namespace: 'other' } }, false],
    ['another name', { ...entry, portRef: { ...portRef, name: 'q' } }, false],
    ['another UID', { ...entry, portRef: { ...portRef, uid: 'v' } }, false],
    ['no UID', { ...entry, portRef: holder }, false],
    ['another instance', { ...entry, instanceUid: 'j' }, false],
    ['another kind', { address: entry.address, ownerRef: { kind: 'Router', ...portRef } }, false],
  ])('%s: %j', (_, other, isSame) => {
    expect(isSameEntry(entry, other)).toBe(isSame)
    // What is not the same is not released by it.
    const { entries, isUnchanged } = planBlock([entry], [{ kind: 'release', entry: other }])
    expect([entries, isUnchanged]).toEqual(isSame ? [[], false] : [[entry], true])
  })
})

describe('a block is planned', () => {
  const claim = (name: string, address: string) => ({
    kind: 'claim' as const,
    holder: { namespace: 'ns', name },
    address,
  })
  test('to the same as it is: nothing to write', () => {
    const plan = planBlock([entry], [claim('p', '10.0.0.2'), claim('q', '10.0.0.2')])
    expect(plan).toEqual({ entries: [entry], isUnchanged: true, takenBy: [undefined, entry] })
    expect(planBlock([], [])).toEqual({ entries: [], isUnchanged: true, takenBy: [] })
  })
  test('to as many entries as before, of which one is another', () => {
    const plan = planBlock([entry], [claim('q', '10.0.0.2'), { kind: 'release', entry }])
    const given = toEntry({ namespace: 'ns', name: 'q' }, '10.0.0.2')
    expect(plan).toEqual({ entries: [given], isUnchanged: false, takenBy: [undefined, undefined] })
  })
  test('among two that want one address the first has it', () => {
    const plan = planBlock([], [claim('p', '10.0.0.2'), claim('q', '10.0.0.2')])
    const first = toEntry(holder, '10.0.0.2')
    expect(plan).toEqual({ entries: [first], isUnchanged: false, takenBy: [undefined, first] })
  })
})
