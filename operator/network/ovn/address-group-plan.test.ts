// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { setOf, type OvsRow } from '../../../lib/ovsdb/values.ts'
import { planAddressGroup } from './address-group-plan.ts'
import { markOf } from './marks.ts'
import { Northbound } from './northbound.ts'
import { PLANNERS } from './planners.ts'

const GROUP = { kind: 'AddressGroup', uid: 'a-b', namespace: 'ns', name: 'x', generation: 1 } as const
const external_ids = markOf(GROUP)
const [FOUR, SIX] = ['00000000-0000-4000-8000-000000000004', '00000000-0000-4000-8000-000000000006']

function holding(...addresses: string[]): Northbound {
  const sets: Record<string, OvsRow> = {
    [FOUR]: { name: 'nag_a_b_ip4', addresses: setOf(addresses), external_ids },
    [SIX]: { name: 'nag_a_b_ip6', addresses: setOf([]), external_ids },
  }
  return new Northbound((table) => new Map(table === 'Address_Set' ? Object.entries(sets) : []), PLANNERS)
}

test('one more among thousands is one mutation of one row, and nothing of the others', () => {
  const many = Array.from({ length: 4095 }, (_, i) => `10.${i >> 8}.${i & 255}.0/24`)
  const plan = planAddressGroup({ ...GROUP, addresses: [...many, '192.0.2.0/24'] }, holding(...many))
  expect(plan.operations).toEqual([
    {
      ...{ op: 'mutate', table: 'Address_Set', where: [['_uuid', '==', ['uuid', FOUR]]] },
      mutations: [
        ['addresses', 'delete', setOf([])],
        ['addresses', 'insert', setOf(['192.0.2.0/24'])],
      ],
    },
  ])
  expect(planAddressGroup({ ...GROUP, addresses: many }, holding(...many)).operations).toEqual([])
})

test('everything is its two halves: OVN takes no mask of zero bits in a set', () => {
  const plan = planAddressGroup({ ...GROUP, addresses: ['0.0.0.0/0'] }, holding('0.0.0.0/1', '128.0.0.0/1'))
  expect(plan.operations).toEqual([])
})
