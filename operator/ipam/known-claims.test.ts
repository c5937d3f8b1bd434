// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import { blockOf, toEntry, type ClaimHolder, type StoredBlock } from './claim-block.ts'
import { KnownClaims } from './known-claims.ts'
import { planSubnet } from './subnet-plan.ts'
import { toText } from './address.ts'

const lan = { namespace: 'ns', name: 'lan', uid: 'su' }
const port = (name: string, uid?: string): ClaimHolder => ({ namespace: 'ns', name, uid })
const block = (holders: Record<string, ClaimHolder>, version = '1', uid = 'u1', subnet = lan): StoredBlock => ({
  ...blockOf(subnet, '10.0.0.2'),
  metadata: { uid, resourceVersion: version },
  entries: Object.entries(holders).map(([address, holder]) => toEntry(holder, address)),
})
const heldBy = (known: KnownClaims, holder: ClaimHolder) =>
  known.listHeld(holder).map(({ block: at, entry }) => `${at.subnetUid} ${entry.address}`)
const { p, q } = { p: port('p'), q: port('q') }

describe('what is heard late', () => {
  test('an older block, or the same, changes nothing; a later one replaces what was known', () => {
    const known = new KnownClaims()
    const freed: string[] = []
    known.onFreed(({ entry }) => freed.push(entry.address))
    known.learn(block({ '10.0.0.2': p, '10.0.0.3': q }, '10'))
    // Versions are numbers: '9' is not later than '10'.
    for (const version of ['9', '10']) known.learn(block({ '10.0.0.4': p }, version))
    expect([heldBy(known, p), heldBy(known, q)]).toEqual([['su 10.0.0.2'], ['su 10.0.0.3']])
    known.learn(block({ '10.0.0.3': q, '10.0.0.4': p }, '11'))
    expect([heldBy(known, p), heldBy(known, q), freed]).toEqual([['su 10.0.0.4'], ['su 10.0.0.3'], ['10.0.0.2']])
  })
  test('that an earlier block of the name is gone says nothing of the one that was made since', () => {
    const known = new KnownClaims()
    const old = block({ '10.0.0.2': p }, '1', 'u1')
    known.learn(old)
    known.forget(old)
    known.forget(old)
    known.learn(block({ '10.0.0.2': p }, '5', 'u2'))
    known.forget(old)
    expect(heldBy(known, p)).toEqual(['su 10.0.0.2'])
    expect(known.findBlock(old)?.metadata.uid).toBe('u2')
  })
})

test('one name, two UIDs: each port has its own', () => {
  const known = new KnownClaims()
  known.learn(block({ '10.0.0.2': port('p', 'one'), '10.0.0.3': port('p', 'two'), '10.0.0.4': p }))
  expect(heldBy(known, port('p', 'one'))).toEqual(['su 10.0.0.2', 'su 10.0.0.4'])
  expect(heldBy(known, port('p', 'two'))).toEqual(['su 10.0.0.3', 'su 10.0.0.4'])
  expect(heldBy(known, { namespace: 'other', name: 'p' })).toEqual([])
})

test('two subnets with the same addresses are two: what one loses the other keeps', () => {
  const known = new KnownClaims()
  const other = { ...lan, name: 'other', uid: 'so' }
  const here = block({ '10.0.0.2': p })
  known.learn(here)
  known.learn(block({ '10.0.0.2': p }, '1', 'u1', other))
  expect(heldBy(known, p)).toEqual(['su 10.0.0.2', 'so 10.0.0.2'])
  known.forget(here)
  expect(heldBy(known, p)).toEqual(['so 10.0.0.2'])
})

describe('what is free', () => {
  const plan = planSubnet({ cidr: '10.0.0.0/29' })
  const chosen = (known: KnownClaims) => {
    const value = known.freeOf('su', plan).chooseNext()
    return value === undefined ? undefined : toText(4, value)
  }
  const left = { '10.0.0.2': p, '10.0.0.4': p, '10.0.0.5': p, '10.0.0.6': p }
  const full = { ...left, '10.0.0.3': q }

  test('is not what is claimed, whether it was known before anybody asked or after', () => {
    const known = new KnownClaims()
    known.learn(block({ '10.0.0.2': p, '10.0.0.3': q }))
    expect(chosen(known)).toBe('10.0.0.4')
    known.learn(block(full, '2'))
    expect(chosen(known)).toBeUndefined()
  })
  test('is what came back, and whoever is told of it may have it at once', () => {
    const known = new KnownClaims()
    known.learn(block(full))
    expect(chosen(known)).toBeUndefined()
    const told: (string | undefined)[] = []
    known.onFreed(({ entry }) => told.push(entry.address, chosen(known), heldBy(known, q)[0]))
    known.learn(block({ ...full, '10.0.0.3': p }, '2'))
    // The address has another holder: it is not free, and its old holder has it no more.
    expect(told).toEqual(['10.0.0.3', undefined, undefined])
    known.learn(block(left, '3'))
    expect(told.slice(3)).toEqual(['10.0.0.3', '10.0.0.3', undefined])
  })
  test('is a choice that came to nothing, unless somebody has the address', () => {
    const known = new KnownClaims()
    known.learn(block(left))
    const ref = block({})
    known.giveBack(ref, '10.0.0.2')
    expect(chosen(known)).toBe('10.0.0.3')
    known.freeOf('su', plan).take(plan.cidr.first + 3n)
    known.giveBack(ref, '10.0.0.2')
    expect(chosen(known)).toBeUndefined()
    known.giveBack(ref, '10.0.0.3')
    expect(chosen(known)).toBe('10.0.0.3')
  })
  test('is worked out anew once the subnet is gone', () => {
    const known = new KnownClaims()
    known.learn(block(full))
    expect(chosen(known)).toBeUndefined()
    known.forgetSubnet('su')
    known.forgetSubnet('never heard of')
    const wider = planSubnet({ cidr: '10.0.0.0/28' })
    expect(known.freeOf('su', wider).chooseNext()).toBe(wider.cidr.first + 7n)
    expect(heldBy(known, q)).toEqual(['su 10.0.0.3'])
  })
})
