// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import type { OvsdbClient } from '../../../../lib/ovsdb/client.ts'
import { mapOf, setOf, type OvsRow } from '../../../../lib/ovsdb/values.ts'
import { OvsPortDriver, switchReady } from './ovs-port-driver.ts'

const away = { ready: (signal: AbortSignal) => new Promise<void>((_, reject) => onAbort(signal, reject)) }
function onAbort(signal: AbortSignal, reject: (error: Error) => void): void {
  signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
}

test('a switch that stays away is waited for so long and no longer', async () => {
  await expect(switchReady(away, new AbortController().signal, 20)).rejects.toMatchObject({ reason: 'SwitchNotReady' })
  const stop = new AbortController()
  const waiting = switchReady(away, stop.signal)
  stop.abort(new Error('the run ended'))
  await expect(waiting).rejects.toThrow('the run ended')
})

test.each([
  ['n1', true],
  ['9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d', false],
])('the word on a port of the chassis %s is believed: %s', (systemId, installed) => {
  const marks = mapOf({ 'nephele-kind': 'port', 'nephele-uid': 'p1', 'ovn-installed': 'true' })
  const tables: Record<string, Record<string, OvsRow>> = {
    Open_vSwitch: { root: { external_ids: mapOf({ 'system-id': systemId }) } },
    Interface: { i: { name: 'tapp1', external_ids: marks, ofport: 5, error: setOf([]), link_state: 'up' } },
  }
  const database = { rows: (table: string) => new Map(Object.entries(tables[table] ?? {})) } as unknown as OvsdbClient
  expect(new OvsPortDriver(database, 'n1').find('port', 'p1')).toMatchObject({ installed })
})
