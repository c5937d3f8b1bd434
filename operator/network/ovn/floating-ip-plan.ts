// SPDX-License-Identifier: Apache-2.0
import { TransientError } from '../../../lib/errors.ts'
import { setOf } from '../../../lib/ovsdb/values.ts'
import type { LogicalFloatingIP } from '../logical-kinds.ts'
import { normalAddress, normalMac } from './addresses.ts'
import { markOf } from './marks.ts'
import type { Northbound } from './northbound.ts'
import { planHolders, planOffHolders, type PartsColumn } from './part-holders.ts'
import { Plan } from './plan.ts'

const TRANSLATIONS: PartsColumn = { table: 'Logical_Router', column: 'nat' }

/**
 * FloatingIP → NAT of type dnat_and_snat on its router. With external_mac and logical_port the chassis of the port translates, otherwise
 * that of the router's gateway: ovn-nb(5), NAT.
 * @throws TransientError while the router's row is missing
 */
export function planFloatingIP(want: LogicalFloatingIP, nb: Northbound): Plan {
  const plan = new Plan()
  const router = nb.find('Router', want.routerUid)
  if (!router) throw new TransientError('NetworkNotReady', `router ${want.routerUid} is not in OVN yet`)
  const [held, ...copies] = nb.all('FloatingIP', want.uid)
  for (const copy of copies) planOffHolders(plan, nb, TRANSLATIONS, copy)
  const row = plan.ensure('NAT', held, {
    type: 'dnat_and_snat',
    external_ip: normalAddress(want.externalAddress),
    logical_ip: normalAddress(want.fixedAddress),
    external_mac: setOf(want.distributed ? [normalMac(want.distributed.mac)] : []),
    logical_port: setOf(want.distributed ? [want.distributed.portUid] : []),
    external_ids: markOf(want),
  })
  planHolders(plan, nb, TRANSLATIONS, { wanted: [router.uuid], held: held?.uuid, part: row })
  return plan
}

export function planFloatingIPRemoval(uid: string, nb: Northbound): Plan {
  const plan = new Plan()
  for (const held of nb.all('FloatingIP', uid)) planOffHolders(plan, nb, TRANSLATIONS, held)
  return plan
}
