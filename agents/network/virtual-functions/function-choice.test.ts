// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { abilitiesOf, chooseFunction, countFunctions, type FunctionRecord } from './function-choice.ts'
import type { VirtualFunction } from './pci-functions.ts'

const made = (address: string, more: Partial<VirtualFunction> = {}): VirtualFunction => ({
  ...{
    address,
    vendorID: '8086',
    productID: '154c',
    hasIommu: true,
    uppers: [],
    driver: 'iavf',
    interface: `v${address}`,
  },
  ...more,
})
const record: FunctionRecord = { address: 'a', physicalNetwork: 'dc', interface: 'va' }
const given = { driver: 'vfio-pci', interface: undefined }

describe('what a function serves for', () => {
  test.each<[string, object, FunctionRecord | undefined, boolean, boolean]>([
    ['one with an interface', {}, undefined, true, true],
    ['one without IOMMU', { hasIommu: false }, undefined, false, true],
    ['one that no driver has', { driver: undefined, interface: undefined }, undefined, true, false],
    ['one kept for guests', given, undefined, true, false],
    ['one that the host uses', { uppers: ['bond0'] }, undefined, false, false],
    ['one whose interface is in a container', { interface: undefined }, undefined, false, false],
    ['one that a guest of ours has', given, record, true, true],
    [
      'one that was always kept for guests, and one of ours has',
      given,
      { ...record, interface: undefined },
      true,
      false,
    ],
    ['one behind a macvtap device of ours', { uppers: ['macvtap0'] }, record, true, true],
    ['one of ours that the host uses, too', { uppers: ['macvtap0', 'bond0'] }, record, false, false],
    ['the same without IOMMU', { uppers: ['macvtap0'], hasIommu: false }, record, false, true],
  ])('%s', (_, more, of, direct, macvtap) => {
    expect(abilitiesOf(made('a', more as Partial<VirtualFunction>), of)).toEqual({ direct, macvtap })
  })
})

test('the first by address is chosen, and before it one that is good for nothing else', () => {
  const all = [made('b'), made('a'), made('d', given), made('c', { hasIommu: false })]
  const [near, far] = [made('z', { numaCell: 1 }), made('a', { numaCell: 0 })]
  const on = (cells: number[], ...taken: string[]) =>
    chooseFunction([far, near], 'direct', new Set(taken), cells)?.address
  expect([on([1]), on([0, 1]), on([]), on([1], 'z'), on([7])]).toEqual(['z', 'a', 'a', 'a', 'a'])
  const choose = (kind: 'direct' | 'macvtap', ...taken: string[]) => chooseFunction(all, kind, new Set(taken))?.address
  expect([choose('direct'), choose('direct', 'd'), choose('direct', 'd', 'a', 'b')]).toEqual(['d', 'a', undefined])
  expect([choose('macvtap'), choose('macvtap', 'c'), choose('macvtap', 'a', 'b', 'c')]).toEqual(['c', 'a', undefined])
})

const kind = fc.constantFrom('direct' as const, 'macvtap' as const)
const functions = fc
  .array(fc.constantFrom({}, { hasIommu: false }, given, { uppers: ['x'] }), { maxLength: 8 })
  .map((all) => all.map((more, i) => made(`f${i}`, more as Partial<VirtualFunction>)))

test('whatever is asked for in whatever order: as many as the counts promise, and never one twice', () => {
  fc.assert(
    fc.property(functions, fc.array(kind, { maxLength: 10 }), (all, asked) => {
      const [{ count, direct, macvtap } = { count: 0, direct: 0, macvtap: 0 }] = countFunctions(
        [{ physicalNetwork: 'dc', functions: all }],
        new Map(),
      )
      const taken = new Set<string>()
      const used = { direct: 0, macvtap: 0 }
      for (const one of asked) {
        // What the scheduler's PciPassthroughFilter lets pass.
        const after = { ...used, [one]: used[one] + 1 }
        const isPromised = after.direct <= direct && after.macvtap <= macvtap && after.direct + after.macvtap <= count
        const chosen = chooseFunction(all, one, taken)
        if (isPromised) expect(chosen).toBeDefined()
        if (!isPromised || !chosen) continue
        expect(taken.has(chosen.address)).toBe(false)
        taken.add(chosen.address)
        used[one]++
      }
    }),
    { numRuns: 1000 },
  )
})

test('alike ones are counted together, by network, NUMA cell and model; what is in use counts as before', () => {
  const all = [
    made('a', { numaCell: 0 }),
    made('b', { numaCell: 0 }),
    made('c', { numaCell: 1 }),
    made('d', { uppers: ['x'] }),
  ]
  const intel = { vendorID: '8086', productID: '154c' }
  const count = (found: VirtualFunction[], ...records: FunctionRecord[]) =>
    countFunctions([{ physicalNetwork: 'dc', functions: found }], new Map(records.map((one) => [one.address, one])))
  const expected = [
    { physicalNetwork: 'dc', numaCell: 0, ...intel, count: 2, direct: 2, macvtap: 2 },
    { physicalNetwork: 'dc', numaCell: 1, ...intel, count: 1, direct: 1, macvtap: 1 },
  ]
  expect(count(all)).toEqual(expected)
  const inUse = all.map((one) => (one.address === 'a' ? { ...one, ...given, interface: undefined } : one))
  expect(count(inUse, record)).toEqual(expected)
  const many = Array.from({ length: 70 }, (_, i) => made(`f${i}`, { numaCell: i }))
  expect(count(many)).toHaveLength(32)
})
