// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import type { RowChange } from '../../../lib/ovsdb/row-change.ts'
import type { OvsRow } from '../../../lib/ovsdb/values.ts'
import { markOf } from './marks.ts'
import { Northbound } from './northbound.ts'
import { PLANNERS } from './planners.ts'

const portRow = (uid: string, name = uid): OvsRow => ({
  name,
  external_ids: markOf({ kind: 'Port', uid, namespace: 'ns', name, generation: 1 }),
})

/** A mirror of one table, as the client keeps it. */
function mirror() {
  const tables = new Map<string, Map<string, OvsRow>>()
  const rows = (table: string) => {
    const held = tables.get(table) ?? new Map<string, OvsRow>()
    tables.set(table, held)
    return held
  }
  const nb = new Northbound(rows, PLANNERS)
  const put = (table: string, uuid: string, after: OvsRow | undefined, members?: RowChange['members']): RowChange => {
    const before = rows(table).get(uuid)
    if (after) rows(table).set(uuid, after)
    else rows(table).delete(uuid)
    return { table, uuid, ...(before ? { before } : {}), ...(after ? { after } : {}), ...(members ? { members } : {}) }
  }
  return { nb, put }
}

describe('Northbound', () => {
  test('a row is found by what it is called and marked as now, and by nothing that it was', () => {
    const { nb, put } = mirror()
    const named = (name: string) => nb.findNamed('Logical_Switch_Port', name)?.uuid
    nb.update([put('Logical_Switch_Port', 'u1', portRow('a'))])
    nb.update([put('Logical_Switch_Port', 'u1', portRow('a'))])
    expect([named('a'), nb.find('Port', 'a')?.uuid]).toEqual(['u1', 'u1'])
    nb.update([put('Logical_Switch_Port', 'u1', portRow('b'))])
    expect([named('a'), nb.find('Port', 'a'), named('b'), nb.find('Port', 'b')?.uuid]).toEqual([
      ...[undefined, undefined, 'u1', 'u1'],
    ])
    nb.update([put('Logical_Switch_Port', 'u1', { name: 'b', external_ids: ['map', []] })])
    expect([named('b'), nb.find('Port', 'b')]).toEqual(['u1', undefined])
    nb.update([put('Logical_Switch_Port', 'u1', undefined)])
    expect(named('b')).toBeUndefined()
  })

  test("a name that goes from one row to another within a change is the other one's", () => {
    const { nb, put } = mirror()
    nb.update([put('Logical_Switch_Port', 'u1', portRow('a')), put('Logical_Switch_Port', 'u2', portRow('b'))])
    nb.update([
      put('Logical_Switch_Port', 'u2', portRow('b', 'a')),
      put('Logical_Switch_Port', 'u1', portRow('a', 'c')),
    ])
    expect(nb.findNamed('Logical_Switch_Port', 'a')?.uuid).toBe('u2')
    expect(nb.findNamed('Logical_Switch_Port', 'b')).toBeUndefined()
    expect(nb.findNamed('Logical_Switch_Port', 'c')?.uuid).toBe('u1')
  })

  test('a change of the group of all ports costs the same beside 30,000 ports as beside 300', () => {
    const cpuMs = (ports: number) => {
      const { nb, put } = mirror()
      nb.update([put('Port_Group', 'g', { name: 'all' })])
      for (let i = 0; i < ports; i++) nb.update([put('Logical_Switch_Port', `u${i}`, portRow(`p${i}`))])
      const rounds = Array.from({ length: 3 }, (_, round) => {
        const { user } = process.cpuUsage()
        for (let i = 0; i < 2000; i++) {
          const uuid = `x${round}-${i}`
          nb.update([put('Port_Group', 'g', { name: 'all' }, { ports: { added: [uuid], removed: [] } })])
          nb.update([put('Port_Group', 'g', { name: 'all' }, { ports: { added: [], removed: [uuid] } })])
        }
        return (process.cpuUsage().user - user) / 1000
      })
      return Math.min(...rounds)
    }
    cpuMs(300)
    const few = cpuMs(300)
    expect(cpuMs(30_000)).toBeLessThan(5 * few + 10)
  })
})
