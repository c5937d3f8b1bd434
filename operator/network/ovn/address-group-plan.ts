// SPDX-License-Identifier: Apache-2.0
import { readStrings, setOf } from '../../../lib/ovsdb/values.ts'
import type { LogicalAddressGroup } from '../logical-kinds.ts'
import { familyOf, normalPrefix } from './addresses.ts'
import { addressSetName } from './group-match.ts'
import { markOf } from './marks.ts'
import type { FoundRow, Northbound } from './northbound.ts'
import { Plan } from './plan.ts'

const FAMILIES = ['IPv4', 'IPv6'] as const

/** AddressGroup → one Address_Set for each family, also without an address: a rule that names a set that is missing would not parse. */
export function planAddressGroup(want: LogicalAddressGroup, nb: Northbound): Plan {
  const plan = new Plan()
  const external_ids = markOf(want)
  const sets = FAMILIES.map((family) => ({ family, name: addressSetName(want.uid, family) }))
  const held = sets.map(({ name }) => nb.findNamed('Address_Set', name))
  // Rows that claim to be the group under other names, under which no rule finds them.
  const ours = new Set(held.map((row) => row?.uuid))
  for (const copy of nb.all('AddressGroup', want.uid)) if (!ours.has(copy.uuid)) plan.remove('Address_Set', copy)
  for (const [i, { family, name }] of sets.entries()) {
    const addresses = addressesOf(want, family)
    const row = held[i]
    if (!row) plan.insert('Address_Set', { name, addresses: setOf([...addresses]), external_ids })
    else {
      plan.ensure('Address_Set', row, { name, external_ids })
      planDifference(plan, row, addresses)
    }
  }
  return plan
}

export function planAddressGroupRemoval(uid: string, nb: Northbound): Plan {
  const plan = new Plan()
  for (const row of nb.all('AddressGroup', uid)) plan.remove('Address_Set', row)
  return plan
}

/** Address groups that rules name before their own controller has made them. */
export function planAddressSets(plan: Plan, uids: ReadonlySet<string>, nb: Northbound): void {
  for (const uid of [...uids].sort())
    for (const family of FAMILIES) {
      const name = addressSetName(uid, family)
      const external_ids = markOf({ kind: 'AddressGroup', uid, namespace: '', name: '', generation: 0 })
      if (!nb.findNamed('Address_Set', name)) plan.insert('Address_Set', { name, external_ids })
    }
}

/** What comes and goes alone, so that a change of one address does not rewrite thousands. */
function planDifference(plan: Plan, { uuid, row }: FoundRow, wanted: ReadonlySet<string>): void {
  const present = new Set(readStrings(row['addresses']))
  const added = [...wanted].filter((address) => !present.has(address))
  const surplus = [...present].filter((address) => !wanted.has(address))
  plan.exchange('Address_Set', uuid, 'addresses', { out: surplus, into: added })
}

/** OVN takes no mask of zero bits in a set: everything is its two halves. */
const EVERYTHING: Readonly<Record<string, readonly string[]>> = {
  '0.0.0.0/0': ['0.0.0.0/1', '128.0.0.0/1'],
  '::/0': ['::/1', '8000::/1'],
}

function addressesOf({ addresses }: LogicalAddressGroup, family: (typeof FAMILIES)[number]): Set<string> {
  const ours = addresses.map(normalPrefix).filter((prefix) => familyOf(prefix) === family)
  return new Set(ours.flatMap((prefix) => EVERYTHING[prefix] ?? [prefix]))
}
