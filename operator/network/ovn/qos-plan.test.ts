// SPDX-License-Identifier: Apache-2.0
// Which rows of QoS there are, and which packets each one counts.
import { expect, test } from '@jest/globals'
import { TransientError } from '../../../lib/errors.ts'
import { mapOf, readMap, setOf, uuidOf, type OvsRow } from '../../../lib/ovsdb/values.ts'
import type { LogicalQoS } from '../logical-kinds.ts'
import { markOf } from './marks.ts'
import { Northbound } from './northbound.ts'
import { PLANNERS } from './planners.ts'
import { planQoS, planQoSRemoval } from './qos-plan.ts'

const uuid = (n: number) => `00000000-0000-4000-8000-00000000000${n}`
const owner = { namespace: 'ns', name: 'x', generation: 1 }
const limit = { maxKbps: 10_000, burstKb: 5_000 }
const want = (more: Partial<LogicalQoS> = {}): LogicalQoS => ({
  ...{ kind: 'QoS', ...owner, uid: 'p', networkUid: 'net', target: { what: 'port', portUid: 'p' } },
  ...more,
})
const MARK = markOf(want())
const switchRow = (network: string, ...rules: string[]): OvsRow => ({
  ...{ name: network, qos_rules: setOf(rules.map(uuidOf)), ports: setOf([]) },
  external_ids: markOf({ kind: 'Network', uid: network, ...owner }),
})
const database = (tables: Record<string, Record<string, OvsRow>>) =>
  new Northbound((table) => new Map(Object.entries(tables[table] ?? {})), PLANNERS)
const fresh = () => database({ Logical_Switch: { [uuid(1)]: switchRow('net') } })
const rows = (wanted: LogicalQoS) =>
  planQoS(wanted, fresh()).operations.flatMap((operation) =>
    operation.op === 'insert' ? [[operation.row['direction'], operation.row['match']].join(' ')] : [],
  )

test('a port is limited where it sends and where it gets', () => {
  const { operations } = planQoS(want({ egress: limit, ingress: { maxKbps: 1, burstKb: 80 }, dscp: 46 }), fresh())
  expect(operations.flatMap((one) => (one.op === 'insert' ? [one.row] : []))).toEqual([
    {
      ...{ priority: 2000, direction: 'from-lport', match: 'inport == "p"', external_ids: MARK },
      ...{ bandwidth: mapOf({ rate: 10_000, burst: 5_000 }), action: mapOf({ dscp: 46 }) },
    },
    {
      ...{ priority: 2000, direction: 'to-lport', match: 'outport == "p"', external_ids: MARK },
      ...{ bandwidth: mapOf({ rate: 1, burst: 80 }), action: mapOf({}) },
    },
  ])
  expect(operations.filter(({ op }) => op === 'mutate')).toHaveLength(2)
})

test.each<[string, Partial<LogicalQoS>, string[]]>([
  ['a mark alone', { dscp: 0 }, ['from-lport inport == "p"']],
  ['a limit alone', { ingress: limit }, ['to-lport outport == "p"']],
  ['nothing', {}, []],
  [
    'a gateway, by its MAC address',
    { egress: limit, ingress: limit, target: { what: 'gateway', routerUid: 'r', mac: '02:00:00:00:00:01' } },
    [
      'from-lport inport == "router-r-gateway-switch" && eth.src == 02:00:00:00:00:01',
      'to-lport outport == "router-r-gateway-switch" && eth.dst == 02:00:00:00:00:01',
    ],
  ],
  [
    'a floating IP',
    { egress: limit, ingress: limit, target: { what: 'floatingIP', routerUid: 'r', address: '203.0.113.5' } },
    [
      'from-lport inport == "router-r-gateway-switch" && ip4.src == 203.0.113.5',
      'to-lport outport == "router-r-gateway-switch" && ip4.dst == 203.0.113.5',
    ],
  ],
])('%s', (_, more, expected) => {
  expect(rows(want(more))).toEqual(expected)
})

test('a floating IP comes before the gateway that it passes', () => {
  const priority = (target: LogicalQoS['target']) => {
    const [first] = planQoS(want({ egress: limit, target }), fresh()).operations
    return first?.op === 'insert' ? Number(first.row['priority']) : 0
  }
  const gateway = priority({ what: 'gateway', routerUid: 'r', mac: '02:00:00:00:00:01' })
  expect(priority({ what: 'floatingIP', routerUid: 'r', address: '203.0.113.5' })).toBeGreaterThan(gateway)
})

test('names cannot bring anything else into the match', () => {
  for (const portUid of ['x" || ip4', 'x\\', 'a b', '$x', ''])
    expect(() => planQoS(want({ egress: limit, target: { what: 'port', portUid } }), fresh())).toThrow(
      'not made of a uid',
    )
  const address = '203.0.113.5 || ip4'
  expect(() =>
    planQoS(want({ egress: limit, target: { what: 'floatingIP', routerUid: 'r', address } }), fresh()),
  ).toThrow()
})

test('it waits for the switch', () => {
  expect(() => planQoS(want({ egress: limit }), database({}))).toThrow(TransientError)
})

const rule = (direction: string, more: OvsRow = {}): OvsRow => ({ direction, external_ids: MARK, ...more })
const mutations = (operations: ReturnType<typeof planQoS>['operations']) =>
  operations.flatMap((one) =>
    one.op === 'mutate' ? one.mutations.map(([, mutator]) => [mutator, one.where[0]?.[2]]) : [],
  )

test('rows on another switch move, those of no use go, and those of others stay', () => {
  const nb = database({
    Logical_Switch: {
      [uuid(1)]: switchRow('net', uuid(9)),
      [uuid(2)]: switchRow('other', uuid(5), uuid(6), uuid(7)),
    },
    QoS: {
      [uuid(5)]: rule('from-lport'),
      [uuid(6)]: rule('to-lport'),
      [uuid(7)]: rule('from-lport', { external_ids: mapOf({}) }),
      [uuid(9)]: rule('from-lport', { external_ids: mapOf({ owner: 'somebody' }) }),
    },
  })
  const { operations } = planQoS(want({ egress: limit }), nb)
  expect(operations.filter(({ op }) => op === 'insert')).toEqual([])
  expect(mutations(operations)).toEqual([
    ['insert', uuidOf(uuid(1))],
    ['delete', uuidOf(uuid(2))],
    ['delete', uuidOf(uuid(2))],
  ])
  const removal = planQoSRemoval('p', nb).operations
  expect(mutations(removal)).toHaveLength(2)
  expect(JSON.stringify(removal)).not.toContain(uuid(7))
})

test('what stands is not written again', () => {
  const { operations } = planQoS(want({ egress: limit }), fresh())
  const [inserted] = operations
  const row = inserted?.op === 'insert' ? inserted.row : {}
  expect(readMap(row['external_ids'])['nephele_kind']).toBe('QoS')
  const nb = database({ Logical_Switch: { [uuid(1)]: switchRow('net', uuid(5)) }, QoS: { [uuid(5)]: row } })
  expect(planQoS(want({ egress: limit }), nb).operations).toEqual([])
})
