// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import { setOf, uuidOf, type OvsRow } from '../../../lib/ovsdb/values.ts'
import { GUARD_GROUP, planGuardGroup, planSecurityGroup, planSecurityGroupRemoval } from './group-plan.ts'
import { partMark } from './marks.ts'
import { Northbound } from './northbound.ts'
import { Plan } from './plan.ts'
import { PLANNERS } from './planners.ts'

const ACL_UUID = '00000000-0000-4000-8000-00000000000a'
const GROUP_UUID = '00000000-0000-4000-8000-00000000000b'
const want = { kind: 'SecurityGroup', uid: 'g1', namespace: 'ns', name: 'web', generation: 1, rules: [] } as const

function northbound(tables: Record<string, Record<string, OvsRow>>): Northbound {
  return new Northbound((table) => new Map(Object.entries(tables[table] ?? {})), PLANNERS)
}

/** The guard as 0.1.0 wrote it: everything in one tier. */
function withGuardOfTier(tier: number): Northbound {
  const match = `outport == @${GUARD_GROUP} && ip`
  const drop = { direction: 'to-lport', priority: 1000, match, action: 'drop', tier }
  const mark = partMark('GuardGroup', GUARD_GROUP)
  return northbound({
    ACL: { [ACL_UUID]: { ...drop, external_ids: partMark('Rule', GUARD_GROUP) } },
    Port_Group: {
      [GROUP_UUID]: { name: GUARD_GROUP, ports: setOf([]), acls: setOf([uuidOf(ACL_UUID)]), external_ids: mark },
    },
  })
}

const removed = (plan: Plan) =>
  plan.operations.flatMap((operation) => (operation.op === 'mutate' ? operation.mutations : []))

describe('tiers', () => {
  test('the guard leaves the first tier to firewalls, and passes all of it on', () => {
    const plan = new Plan()
    planGuardGroup(plan, northbound({}))
    const rules = plan.operations.flatMap((operation) =>
      operation.op === 'insert' && operation.table === 'ACL' ? [operation.row] : [],
    )
    const first = rules.filter(({ tier }) => tier === 0)
    expect(first.map(({ priority, match, action }) => [priority, match, action])).toEqual([
      [0, `inport == @${GUARD_GROUP} && ip`, 'pass'],
      [0, `outport == @${GUARD_GROUP} && ip`, 'pass'],
    ])
    expect(rules.filter(({ tier }) => tier === 1)).toHaveLength(rules.length - first.length)
  })

  test('a guard that drops in the first tier moves in the transaction of the first group, never after it', () => {
    const plan = planSecurityGroup(want, withGuardOfTier(0))
    expect(removed(plan)).toContainEqual(['acls', 'delete', setOf([uuidOf(ACL_UUID)])])
    expect(removed(planSecurityGroup(want, withGuardOfTier(1)))).toContainEqual(['acls', 'delete', setOf([])])
  })
})

test('a stateless group tracks nothing of what it lets pass, nor of the services of its node', () => {
  const plan = planSecurityGroup(
    { ...want, stateless: true, rules: [{ direction: 'ingress', etherType: 'IPv4', protocol: 'any' }] },
    northbound({}),
  )
  const acls = plan.operations.flatMap((operation) =>
    operation.op === 'insert' && operation.table === 'ACL' ? [operation.row] : [],
  )
  expect(acls.map(({ direction, match, action }) => [direction, match, action])).toEqual([
    ['to-lport', 'outport == @nsg_g1 && ip4', 'allow-stateless'],
    ...['ip4', 'ip6'].flatMap((ip) => [
      [
        'from-lport',
        expect.stringMatching(`inport == @nsg_g1 && ${ip} && ${ip}.dst == .*dst == {53, 80}`),
        'allow-stateless',
      ],
      [
        'to-lport',
        expect.stringMatching(`outport == @nsg_g1 && ${ip} && ${ip}.src == .*tcp.flags == 0x10/0x10`),
        'allow-stateless',
      ],
    ]),
  ])
})

describe('the log', () => {
  const rule = { direction: 'ingress', etherType: 'IPv4', protocol: 'tcp', index: 4 } as const
  const open = { direction: 'egress', etherType: 'IPv4', protocol: 'any' } as const
  const log = { accepted: true, dropped: true, perSecond: 7 }
  const inserted = (plan: Plan, table: string): OvsRow[] =>
    plan.operations.flatMap((operation) =>
      operation.op === 'insert' && operation.table === table ? [operation.row] : [],
    )
  const logged = (plan: Plan) =>
    inserted(plan, 'ACL')
      .filter((row) => row['log'] === true)
      .map(({ priority, match, action, name, meter }) => [priority, match, action, name, meter])
  const drops = [
    [1001, 'inport == @nsg_g1 && ip', 'drop', 'nsg/g1/drop', 'nlog_g1_dropped'],
    [1001, 'outport == @nsg_g1 && ip && !eth.mcast', 'drop', 'nsg/g1/drop', 'nlog_g1_dropped'],
  ]

  test('the first packet of what each rule lets pass, and all that is dropped', () => {
    const plan = planSecurityGroup({ ...want, rules: [rule, open], log }, northbound({}))
    expect(logged(plan)).toEqual([
      [1003, 'outport == @nsg_g1 && ip4 && tcp && ct.new', 'allow-related', 'nsg/g1/4', 'nlog_g1_accepted'],
      [1003, 'inport == @nsg_g1 && ip4 && ct.new', 'allow-related', 'nsg/g1/open', 'nlog_g1_accepted'],
      ...drops,
    ])
    expect(inserted(plan, 'ACL')).toHaveLength(6)
    expect(inserted(plan, 'Meter_Band')).toEqual(Array(2).fill({ action: 'drop', rate: 7, burst_size: 7 }))
    expect(inserted(plan, 'Meter').map(({ name, fair }) => [name, fair])).toEqual([
      ['nlog_g1_accepted', false],
      ['nlog_g1_dropped', false],
    ])
  })

  test.each([
    ['what is dropped alone', { ...log, accepted: false }, drops],
    ['nothing', undefined, []],
  ])('%s', (_, some, rows) => {
    const plan = planSecurityGroup({ ...want, rules: [rule], ...(some ? { log: some } : {}) }, northbound({}))
    expect(logged(plan)).toEqual(rows)
  })

  test('a stateless rule, which knows no connections, logs each packet by itself', () => {
    const accepted = { ...log, dropped: false }
    const plan = planSecurityGroup({ ...want, stateless: true, rules: [rule], log: accepted }, northbound({}))
    expect(logged(plan)).toEqual([
      [1002, 'outport == @nsg_g1 && ip4 && tcp', 'allow-stateless', 'nsg/g1/4', 'nlog_g1_accepted'],
    ])
  })

  test('another rate changes the band alone; without a log, and with the group, the limits go', () => {
    const [band, meter] = [ACL_UUID, GROUP_UUID]
    const held = {
      ...{ name: 'nlog_g1_dropped', unit: 'pktps', fair: false, bands: uuidOf(band) },
      external_ids: partMark('LogMeter', 'g1'),
    }
    const nb = northbound({
      Meter: { [meter]: held },
      Meter_Band: { [band]: { action: 'drop', rate: 3, burst_size: 3 } },
    })
    const of = (plan: Plan) => plan.operations.filter((one) => 'table' in one && one.table.startsWith('Meter'))
    expect(of(planSecurityGroup({ ...want, log: { ...log, accepted: false } }, nb))).toEqual([
      expect.objectContaining({ op: 'update', table: 'Meter_Band', row: { rate: 7, burst_size: 7 } }),
    ])
    const gone = [expect.objectContaining({ op: 'delete', table: 'Meter' })]
    expect(of(planSecurityGroup(want, nb))).toEqual(gone)
    expect(of(planSecurityGroupRemoval('g1', nb))).toEqual(gone)
  })
})
