// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { DEFAULT_RESERVED, guestOverheadMiB, roomForMachines, type NodeHas, type Reserved } from './node-room.ts'

interface Schema {
  properties: Record<string, Schema>
  default?: unknown
}

function specOf(plural: string): Schema {
  const crd = parse(readFileSync(join(import.meta.dirname, `../crds/${plural}.yaml`), 'utf8')) as {
    spec: { versions: { schema: { openAPIV3Schema: Schema } }[] }
  }
  return crd.spec.versions[0]!.schema.openAPIV3Schema.properties['spec']!
}

describe('what is kept for the host', () => {
  const defaultsOf = (plural: string) =>
    Object.entries(specOf(plural).properties['reserved']!.properties).map(([name, field]) => [name, field.default])
  test('by default what the Cloud’s schema says', () => {
    expect(Object.fromEntries(defaultsOf('clouds'))).toEqual(DEFAULT_RESERVED)
  })
  test('a ComputeNode has the same fields and no defaults: they would go before the Cloud’s', () => {
    const fields = defaultsOf('computenodes')
    expect(fields.map(([name]) => name).sort()).toEqual(Object.keys(DEFAULT_RESERVED).sort())
    expect(fields.map(([, value]) => value)).toEqual(fields.map(() => undefined))
  })
})

const has: NodeHas = { cpus: 8, memoryMiB: 16_384, hugepagesMiB: 4096, diskGiB: 100, imageCacheGiB: 10 }
test.each<[string, Partial<NodeHas>, Partial<Reserved>, object]>([
  ['all', { hugepagesMiB: 0, imageCacheGiB: 0 }, { memoryMiB: 0 }, { vcpus: 8, memoryMiB: 16_384, diskGiB: 100 }],
  ['hugepages and images', {}, { memoryMiB: 0 }, { vcpus: 8, memoryMiB: 12_288, diskGiB: 90 }],
  ['by default', {}, {}, { vcpus: 8, memoryMiB: 11_264, diskGiB: 90 }],
  ['as set', {}, { cpus: 2, memoryMiB: 2048, diskGiB: 40 }, { vcpus: 6, memoryMiB: 10_240, diskGiB: 50 }],
  ['more than there is', {}, { cpus: 9, memoryMiB: 1e6, diskGiB: 1e6 }, { vcpus: 0, memoryMiB: 0, diskGiB: 0 }],
])('room for machines: %s', (_, node, reserved, room) => {
  expect(roomForMachines({ ...has, ...node }, { ...DEFAULT_RESERVED, ...reserved })).toEqual(room)
})

test.each([
  [{ vcpus: 1, memoryMiB: 64 }, false, 73],
  [{ vcpus: 4, memoryMiB: 8192 }, false, 112],
  [{ vcpus: 4, memoryMiB: 8193 }, false, 113],
  [{ vcpus: 1, memoryMiB: 64 }, true, 329],
])('QEMU itself: %j, emulated %s', (guest, isEmulated, mib) => {
  expect(guestOverheadMiB(guest, isEmulated)).toBe(mib)
})
