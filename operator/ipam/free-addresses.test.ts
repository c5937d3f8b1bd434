// SPDX-License-Identifier: Apache-2.0
// Several pools as if they were one row of places; a naive set of addresses says what is right.
import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { FreeAddresses } from './free-addresses.ts'
import { planSubnet } from './subnet-plan.ts'

const plan = planSubnet({
  cidr: '10.0.0.0/24',
  allocationPools: [
    { start: '10.0.0.0', end: '10.0.0.2' },
    { start: '10.0.0.8', end: '10.0.0.9' },
    { start: '10.0.0.16', end: '10.0.0.80' },
  ],
})
const base = 10n * 2n ** 24n
const all = plan.pools
  .flatMap(({ first, last }) => Array.from({ length: Number(last - first) + 1 }, (_, i) => first + BigInt(i)))
  .filter((value) => !plan.reserved.has(value))

test('each address of every pool comes once, in their order, and then none', () => {
  const free = new FreeAddresses(plan)
  const chosen = all.map(() => {
    const value = free.chooseNext()
    if (value !== undefined) free.take(value)
    return value
  })
  expect(chosen).toEqual(all)
  expect(free.chooseNext()).toBeUndefined()
})

test('what is outside of the pools is neither taken nor given back', () => {
  const free = new FreeAddresses(plan)
  for (const value of all) free.take(value)
  for (const outside of [base + 5n, base + 200n, base - 1n, -1n]) {
    free.take(outside)
    free.giveBack(outside)
    expect(free.chooseNext()).toBeUndefined()
  }
})

test('of any taken and given back: only one that is free is chosen, and one is whenever there is', () => {
  const step = fc.record({ take: fc.boolean(), at: fc.nat(all.length - 1) })
  const property = fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
    const free = new FreeAddresses(plan)
    const taken = new Set<bigint>()
    for (const { take, at } of steps) {
      const value = all[at] ?? 0n
      if (take) free.take(value)
      else free.giveBack(value)
      if (take) taken.add(value)
      else taken.delete(value)
    }
    const left = all.filter((value) => !taken.has(value))
    const chosen: bigint[] = []
    for (let value = free.chooseNext(); value !== undefined; value = free.chooseNext()) {
      chosen.push(value)
      free.take(value)
    }
    expect(chosen.sort()).toEqual(left.sort())
  })
  fc.assert(property)
})
