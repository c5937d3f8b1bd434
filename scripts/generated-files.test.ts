// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { CUSTOM_KINDS } from '../lib/api/kinds.ts'
import { constantNameOf, kindNameOf } from './api-kinds.ts'
import { findStale, renderGeneratedFiles, TYPES_FOLDER } from './generated-files.ts'

test('what is made from crds/ is checked in as it is made', async () => {
  const files = await renderGeneratedFiles()
  // Types, the chart's copy and the client's declarations of each; names and types of all, the client's classes and theirs, Argo CD's settings, the page of the chart's values.
  expect(files.size).toBe(3 * CUSTOM_KINDS.length + 6)
  expect(await findStale(files)).toEqual([])
}, 30_000)

test('an edited, a missing and a left-over file are found', async () => {
  const files = await renderGeneratedFiles()
  const [instance, port, volume] = ['instance', 'port', 'volume'].map((kind) => `${TYPES_FOLDER}/${kind}.ts`)
  files.set(instance!, '// edited')
  files.set(`${TYPES_FOLDER}/missing.ts`, '')
  files.delete(volume!)
  const stale = await findStale(files)
  expect(stale).toEqual([instance, `${TYPES_FOLDER}/missing.ts`, volume])
  expect(stale).not.toContain(port)
}, 30_000)

test('the types can be erased: no enum, class or namespace', async () => {
  const types = [...(await renderGeneratedFiles())].filter(([path]) => path.startsWith(TYPES_FOLDER))
  const odd = types.filter(([, text]) => /^(export )?(declare )?(enum|class|namespace) \w/m.test(text))
  expect(odd.map(([path]) => path)).toEqual([])
}, 30_000)

test.each([
  ['Cloud', 'clouds', 'CLOUD', 'clouds'],
  ['ComputeNode', 'computenodes', 'COMPUTE_NODE', 'computeNodes'],
  ['IPClaim', 'ipclaims', 'IP_CLAIM', 'ipClaims'],
  ['FloatingIP', 'floatingips', 'FLOATING_IP', 'floatingIPs'],
  ['VPN', 'vpns', 'VPN', 'vpns'],
  ['QoSPolicy', 'qospolicies', 'QOS_POLICY', 'qosPolicies'],
])('the names of %s, %s: %s and %s', (kind, plural, constant, name) => {
  expect([constantNameOf(kind), kindNameOf({ kind, plural })]).toEqual([constant, name])
})
