// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { claimTurns, type ClaimTurns } from './claim-turns.ts'
import type { Amounts } from './nodes/amounts.ts'
import type { Claim } from './scheduler.ts'

type OnNode = Claim[number]
const on = (node: string, more: Partial<OnNode> = {}, amounts: Partial<Amounts> = {}): OnNode => ({
  ...{ node, amounts: { vcpus: 2, memoryMiB: 2, diskGiB: 2, ...amounts } },
  ...more,
})
const building = { isBuilding: true }
const inG = { group: 'ns/g' }
const numa = (cpu: number) => ({ numa: { cells: [{ hostCell: 0, vcpus: [0], memoryMiB: 2, cpus: [cpu] }] } })
const functions = (direct: number) => ({ pciDevices: { dc: { direct, macvtap: 0 } } })

type Row = [
  string,
  Claim,
  Claim,
  Record<string, ClaimTurns['nodes'] extends ReadonlyMap<string, infer T> ? T : never>,
  string[],
  boolean,
]
test.each<Row>([
  ['nothing', [], [], {}, [], false],
  ['it stays', [on('a', inG)], [on('a', inG)], {}, [], false],
  ['it is placed', [], [on('a', { ...building, ...inG })], { a: ['taken'] }, ['ns/g'], true],
  ['it goes', [on('a', inG)], [], { a: ['freed'] }, ['ns/g'], true],
  ['it goes before it is built', [on('a', building)], [], { a: ['freed', 'built'] }, [], true],
  ['it is built', [on('a', building)], [on('a')], { a: ['built'] }, [], false],
  ['it stops or starts', [on('a')], [on('a', building)], { a: ['taken'] }, [], false],
  ['it moves', [on('a', inG)], [on('b', inG)], { a: ['freed'], b: ['taken'] }, ['ns/g'], true],
  ['it has an older node beside', [on('a', inG)], [on('a', inG), on('b', inG)], { b: ['taken'] }, ['ns/g'], true],
  ['it shrinks', [on('a')], [on('a', {}, { memoryMiB: 1 })], { a: ['freed'] }, [], false],
  ['it grows', [on('a')], [on('a', {}, { diskGiB: 3 })], { a: ['taken'] }, [], false],
  [
    'more of one, less of another',
    [on('a')],
    [on('a', {}, { vcpus: 3, diskGiB: 1 })],
    { a: ['freed', 'taken'] },
    [],
    false,
  ],
  ['it gives a function back', [on('a', {}, functions(2))], [on('a', {}, functions(1))], { a: ['freed'] }, [], false],
  ['it is on other CPUs', [on('a', numa(1))], [on('a', numa(2))], { a: ['freed', 'taken'] }, [], false],
  ['it joins another group', [on('a', inG)], [on('a', { group: 'ns/h' })], {}, ['ns/g', 'ns/h'], false],
])('%s', (_, before, after, nodes, groups, hasMoved) => {
  expect(claimTurns(before, after)).toEqual({ nodes: new Map(Object.entries(nodes)), groups, hasMoved })
})
