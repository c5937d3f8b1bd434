// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import { TerminalError } from '../../../lib/errors.ts'
import { readMap, setOf, type OvsRow } from '../../../lib/ovsdb/values.ts'
import type { LogicalPortForwarding } from '../logical-kinds.ts'
import { markOf } from './marks.ts'
import { Northbound } from './northbound.ts'
import { PLANNERS } from './planners.ts'
import { planPortForwarding } from './port-forwarding-plan.ts'

const owner = { namespace: 'ns', name: 'n', generation: 1 }
const ROWS: Record<string, OvsRow> = {
  Logical_Router: { name: 'r', external_ids: markOf({ kind: 'Router', ...owner, uid: 'r' }) },
  Logical_Switch: { name: 'net', ports: setOf([]), external_ids: markOf({ kind: 'Network', ...owner, uid: 'net' }) },
}
const nb = new Northbound(
  (table) => new Map(Object.entries(ROWS).flatMap(([t, row]) => (t === table ? [[t, row]] : []))),
  PLANNERS,
)
type Forwarding = LogicalPortForwarding['forwardings'][number]
const one: Forwarding = { protocol: 'tcp', externalPort: 2222, internalPort: 22, count: 1, fixedAddress: '10.0.0.5' }
const want = (...forwardings: Forwarding[]): LogicalPortForwarding => ({
  ...{ kind: 'PortForwarding', ...owner, uid: 'fip', routerUid: 'r', networkUids: ['net'] },
  ...{ externalAddress: '203.0.113.9', forwardings },
})
const plan = (...forwardings: Forwarding[]) => planPortForwarding(want(...forwardings), nb).operations

describe('planPortForwarding', () => {
  test('one balancer for each protocol, on the router and its switches; a range is port by port', () => {
    const operations = plan(one, { ...one, protocol: 'udp', externalPort: 5000, internalPort: 6000, count: 2 })
    const balancers = operations.flatMap((o) =>
      o.op === 'insert' ? [[o.row['protocol'], readMap(o.row['vips'])]] : [],
    )
    expect(balancers).toEqual([
      ['tcp', { '203.0.113.9:2222': '10.0.0.5:22' }],
      ['udp', { '203.0.113.9:5000': '10.0.0.5:6000', '203.0.113.9:5001': '10.0.0.5:6001' }],
    ])
    const holders = operations.flatMap((o) => (o.op === 'mutate' ? [o.table] : []))
    expect(holders).toEqual(['Logical_Router', 'Logical_Switch', 'Logical_Router', 'Logical_Switch'])
  })
  test('nothing is made of nothing', () => expect(plan()).toEqual([]))
  test.each<[string, Partial<Forwarding>]>([
    ['a port above all', { externalPort: 65_535, count: 2 }],
    ['port 0', { internalPort: 0 }],
    ['a half port', { internalPort: 22.5 }],
    ['an address that is none', { fixedAddress: '10.0.0.5,10.0.0.6' }],
  ])('refuses %s', (_, bad) => expect(() => plan({ ...one, ...bad })).toThrow(TerminalError))
})
