// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import { setOf, uuidOf, type OvsRow } from '../../../lib/ovsdb/values.ts'
import { GUARD_GROUP, planGuardGroup, planSecurityGroup } from './group-plan.ts'
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
  const drop = { direction: 'to-lport', priority: 1001, match, action: 'drop', tier }
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
