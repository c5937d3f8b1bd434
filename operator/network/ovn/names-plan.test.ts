// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import { TerminalError } from '../../../lib/errors.ts'
import { mapOf, setOf, uuidOf, type OvsRow } from '../../../lib/ovsdb/values.ts'
import type { LogicalPort } from '../logical-kinds.ts'
import { markOf, partMark } from './marks.ts'
import { toRecords } from './names-plan.ts'
import { planNetwork } from './network-plan.ts'
import { Northbound } from './northbound.ts'
import { PendingNames } from './pending-names.ts'
import type { Plan } from './plan.ts'
import { PLANNERS } from './planners.ts'
import { planPort, planPortRemoval } from './port-plan.ts'

const owner = { namespace: 'ns', name: 'n', generation: 1 }
const port: LogicalPort = {
  ...{ kind: 'Port', ...owner, uid: 'p1', networkUid: 'net', mac: 'fa:16:3e:00:00:01' },
  fixedIPs: [
    { subnetUid: '', address: '10.0.0.5', hasDhcp: false },
    { subnetUid: '', address: 'fd00::5', hasDhcp: false },
  ],
  ...{ portSecurityEnabled: false, securityGroupUids: [], allowedAddressPairs: [], isShared: false },
}
const DB = toRecords('db.x', ['10.0.0.5', 'fd00::5'])

/** A network with these names, and the port's row as it was written for `had`. */
function world(records: Record<string, string>, had?: Pick<LogicalPort, 'dnsName' | 'fixedIPs'>): Northbound {
  const network = { name: 'net', ports: setOf(had ? [uuidOf('lsp')] : []), dns_records: setOf([uuidOf('dns')]) }
  const tables: Record<string, [string, OvsRow][]> = {
    Logical_Switch: [['ls', { ...network, external_ids: markOf({ kind: 'Network', ...owner, uid: 'net' }) }]],
    DNS: [['dns', { records: mapOf(records), options: mapOf({}), external_ids: partMark('Names', 'net') }]],
  }
  const empty = new Northbound((table) => new Map(tables[table]), PLANNERS)
  const made = had
    ? planPort({ ...port, ...had }, empty).operations.find(
        (o) => o.op === 'insert' && o.table === 'Logical_Switch_Port',
      )
    : undefined
  if (made?.op === 'insert') tables['Logical_Switch_Port'] = [['lsp', made.row]]
  return new Northbound((table) => new Map(tables[table]), PLANNERS)
}
const changes = ({ names }: Plan, nb: Northbound) => {
  const rows = (uuid: string) => nb.get('DNS', uuid)?.row
  return PendingNames.none
    .plus(names, rows)
    .operations(rows)
    .flatMap((o) => (o.op === 'mutate' ? o.mutations : []))
}

test('a name leads to all addresses, and each address back', () => {
  expect(toRecords('db.x', ['10.1.2.3', 'fd00::a5'])).toEqual({
    'db.x': '10.1.2.3 fd00::a5',
    '3.2.1.10.in-addr.arpa': 'db.x',
    [`5.a.${'0.'.repeat(26)}0.0.d.f.ip6.arpa`]: 'db.x',
  })
  expect(toRecords('db.x', [])).toEqual({})
})

describe('a port', () => {
  const old = { dnsName: 'db.x', fixedIPs: port.fixedIPs }
  const named = (dnsName: string): LogicalPort => ({ ...port, dnsName })
  test.each<[string, Record<string, string>, typeof old | undefined, LogicalPort, unknown[]]>([
    ['new', {}, undefined, named('db.x'), [['records', 'insert', mapOf(DB)]]],
    ['as it is', DB, old, named('db.x'), []],
    ['that another hand took away', {}, old, named('db.x'), [['records', 'insert', mapOf(DB)]]],
    ['without a name', DB, old, port, [['records', 'delete', setOf(Object.keys(DB))]]],
    [
      'renamed',
      DB,
      old,
      named('new.x'),
      [
        ['records', 'delete', setOf(Object.keys(DB))],
        ['records', 'insert', mapOf(toRecords('new.x', ['10.0.0.5', 'fd00::5']))],
      ],
    ],
    [
      'that takes a name over',
      { 'db.x': '10.0.0.9' },
      undefined,
      named('db.x'),
      [
        ['records', 'delete', setOf(['db.x'])],
        ['records', 'insert', mapOf(DB)],
      ],
    ],
    ['whose name another has by now', { 'db.x': '10.0.0.9' }, old, port, []],
  ])('%s', (_, records, had, want, expected) => {
    const nb = world(records, had)
    expect(changes(planPort(want, nb), nb)).toEqual(expected)
  })
  test('that goes takes along what is its own', () => {
    const there = { ...DB, 'other.x': '10.0.0.7' }
    const [own, others] = [world(there, old), world({ 'db.x': '10.0.0.9' }, old)]
    expect(changes(planPortRemoval('p1', own), own)).toEqual([['records', 'delete', setOf(Object.keys(DB))]])
    expect(changes(planPortRemoval('p1', others), others)).toEqual([])
  })
  test('with something else than a name is refused', () => {
    expect(() => planPort(named('db.x" = "1.2.3.4'), world({}))).toThrow(TerminalError)
  })
  test('waits for the row of its network', () => {
    const bare = new Northbound(
      (table) =>
        new Map(
          table === 'Logical_Switch'
            ? [['ls', { name: 'net', external_ids: markOf({ kind: 'Network', ...owner, uid: 'net' }) }]]
            : [],
        ),
      PLANNERS,
    )
    expect(() => planPort(named('db.x'), bare)).toThrow('has no names in OVN yet')
    expect(planPort(port, bare).summary()).toBe('insert Logical_Switch_Port, mutate Logical_Switch')
  })
})

test('a network drops what none of its ports has', () => {
  const network = { kind: 'Network', ...owner, uid: 'net', mtu: 1442 } as const
  const had = { dnsName: 'db.x', fixedIPs: port.fixedIPs }
  const stray = { 'gone.x': '10.0.0.9', '9.0.0.10.in-addr.arpa': 'gone.x', '8.0.0.10.in-addr.arpa': 'db.x' }
  const nb = world({ ...DB, ...stray }, had)
  expect(changes(planNetwork(network, nb), nb)).toEqual([['records', 'delete', setOf(Object.keys(stray))]])
})
