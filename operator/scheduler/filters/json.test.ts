// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { refusalOf } from '../testing.ts'
import { jsonFilter } from './json.ts'

const ask = (query: string) =>
  refusalOf(jsonFilter, { name: 'n1', hypervisorType: 'QEMU', address: '10.0.0.1' }, { hints: { query } })
const REFUSED = 'is not as spec.schedulerHints.query asks'

describe('a query about a node with 4096 MiB, 4 CPUs and 40 GiB', () => {
  test.each<[unknown, boolean]>([
    [[], true],
    [['>=', '$free_ram_mb', 4096], true],
    [['>=', '$free_ram_mb', 4097], false],
    [['=', '$hypervisor_type', 'QEMU'], true],
    [['=', '$hypervisor_type', 'qemu'], false],
    [['=', '$host', 'n1'], true],
    [['in', '$host', 'n0', 'n1'], true],
    [['in', '$host', 'n0', 'n2'], false],
    [['<', '$vcpus_used', 1], true],
    [['<=', 1, '$vcpus_total', 100], true],
    // Those that there are, not those that are handed out.
    [['=', '$vcpus_total', 4], true],
    [['and', '$unknown', ['=', '$vcpus_used', 0]], true],
    [['or', '$unknown', ['=', '$vcpus_used', 1]], false],
    [['in', '$unknown', 1], false],
    [['in', '$host', 'n1'], true],
    [['<', 1, '$unknown'], false],
    [['<', 1, 2, 3], true],
    [['<', 2, 3, 1], false],
    [['>', '$free_disk_mb', 40 * 1024], false],
    [['and', ['=', '$num_instances', 0], ['=', '$num_io_ops', 0]], true],
    [['and', ['=', '$num_instances', 0], ['=', '$num_io_ops', 1]], false],
    [['or', ['=', '$num_instances', 1], ['=', '$num_io_ops', 0]], true],
    [['not', ['=', '$num_instances', 1]], true],
    [['not', ['=', '$num_instances', 0]], false],
    // As in Nova: one of several that does not hold is enough.
    [['not', ['=', '$num_instances', 0], ['=', '$num_instances', 1]], true],
    // Nothing to compare with; and what nobody knows is left out.
    [['=', 1], false],
    [['=', '$unknown', 1], false],
    [['=', '$unknown', 1, 1], true],
    // Of two kinds.
    [['<', '$free_ram_mb', 'many'], false],
    [['or', true, false], true],
    [['=', '$host', '', 'n1'], true],
  ])('%j: %s', (query, holds) => {
    expect(ask(JSON.stringify(query))).toBe(holds ? undefined : REFUSED)
  })
})

const deep = (levels: number) => `${'["not",'.repeat(levels)}true${']'.repeat(levels)}`
test.each([
  '',
  'x',
  '1',
  '{}',
  '"x"',
  'null',
  '["nand", true]',
  '[1]',
  '[["and"]]',
  '["and", {}]',
  '["and", ["x"]]',
  deep(100),
])('%s is no query', (query) => {
  expect(ask(query)).toMatch(/^cannot be asked: /)
})

test('what one may cost is bounded: it is asked of every node', () => {
  const many = (operators: number) =>
    JSON.stringify(['and', ...Array.from({ length: operators - 1 }, () => ['not', 0])])
  expect(ask(many(32))).toBeUndefined()
  expect(ask(many(33))).toMatch(/^cannot be asked: .* more than 32 operators/)
  expect(ask(deep(17))).toBe(REFUSED)
  expect(ask(deep(18))).toMatch(/^cannot be asked: .* or more than 16 one in the other/)
})

test('who asks nothing is not refused', () => {
  expect(jsonFilter.asks({} as never)).toBe(false)
  expect(refusalOf(jsonFilter, {}, {})).toBeUndefined()
})

test('whatever is asked, there is an answer', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json({ maxDepth: 6 })), (query) => {
      expect(['undefined', 'string']).toContain(typeof ask(query))
    }),
  )
})
