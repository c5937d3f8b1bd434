// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { mapOf, type OvsRow } from '../../../../lib/ovsdb/values.ts'
import { reclaimOperations } from './reclaim.ts'

const OURS = { 'iface-id': 'p', 'nephele-kind': 'port', 'nephele-uid': 'p' }
const row = (ids: Record<string, string>, ofport = 3): OvsRow => ({ name: 'tap0', ofport, external_ids: mapOf(ids) })
const installed = { ...OURS, 'ovn-installed': 'true' }
const look = (before: OvsRow | undefined, after: OvsRow | undefined) =>
  reclaimOperations([{ table: 'Interface', uuid: 'u', ...(before ? { before } : {}), ...(after ? { after } : {}) }])

test('the mark goes and all else stays: OVN is made to look again, each time anew', () => {
  expect(JSON.stringify(look(row(installed), row(OURS)))).toContain('["iface-id-ver","1"]')
  const again = { ...OURS, 'iface-id-ver': '1' }
  expect(JSON.stringify(look(row({ ...installed, 'iface-id-ver': '1' }), row(again)))).toContain('["iface-id-ver","2"]')
})

test.each<[string, OvsRow | undefined, OvsRow | undefined]>([
  ['it is plugged in', undefined, row(OURS)],
  ['it is taken out', row(installed), undefined],
  ['it has the mark still', row(installed), row(installed)],
  ['it never had it', row(OURS), row(OURS)],
  ['it is another port’s now', row(installed), row({ ...OURS, 'iface-id': 'q' })],
  ['the switch has no port for it', row(installed), row(OURS, -1)],
  ['it is nobody’s of ours', row({ 'iface-id': 'p', 'ovn-installed': 'true' }), row({ 'iface-id': 'p' })],
])('nothing to do: %s', (_, before, after) => expect(look(before, after)).toEqual([]))
