// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { mapOf, setOf, type OvsRow } from '../../../lib/ovsdb/values.ts'
import type { LogicalPort } from '../logical-kinds.ts'
import { markOf } from './marks.ts'
import { Northbound } from './northbound.ts'
import { PLANNERS } from './planners.ts'
import { planFormerGone, planPort, requestOf } from './port-plan.ts'

const owner = { namespace: 'ns', name: 'n', generation: 1 }
const want = (node?: string): LogicalPort => ({
  kind: 'Port',
  ...owner,
  uid: 'p',
  networkUid: 'net',
  mac: 'fa:16:3e:00:00:01',
  fixedIPs: [],
  ...(node === undefined ? {} : { node }),
  portSecurityEnabled: false,
  securityGroupUids: [],
  allowedAddressPairs: [],
  isShared: false,
})

/** The port's row after each plan in turn. */
function history(...steps: (string | undefined)[]) {
  const network = {
    name: 'net',
    ports: setOf([['uuid', 'lsp']]),
    external_ids: markOf({ kind: 'Network', ...owner, uid: 'net' }),
  }
  const rows = new Map<string, Map<string, OvsRow>>([['Logical_Switch', new Map([['ls', network]])]])
  return steps.map((step) => {
    const nb = new Northbound((table) => rows.get(table) ?? new Map(), PLANNERS)
    const [operation] = (step === 'gone' ? planFormerGone('p', nb) : planPort(want(step), nb)).operations
    const held = rows.get('Logical_Switch_Port')?.get('lsp') ?? {}
    if (step === 'gone') {
      expect(operation).toMatchObject({ mutations: [['external_ids', 'delete', setOf(['nephele_former'])]] })
      rows.set('Logical_Switch_Port', new Map([['lsp', { ...held, external_ids: markOf(want()) }]]))
    } else if (operation && 'row' in operation) {
      rows.set('Logical_Switch_Port', new Map([['lsp', { ...held, ...operation.row }]]))
    }
    const { node, former } = requestOf(rows.get('Logical_Switch_Port')!.get('lsp')!)!
    const again =
      step === 'gone' ? [] : planPort(want(step), new Northbound((t) => rows.get(t) ?? new Map(), PLANNERS)).operations
    expect(again).toEqual([])
    return `${node ?? '-'}<${former ?? '-'}`
  })
}

test.each([
  ['made and placed', [undefined, 'a'], ['-<-', 'a<-']],
  [
    'moved: the one that had it is named until it has let go',
    ['a', 'b', 'b', 'gone', 'b'],
    ['a<-', 'b<a', 'b<a', 'b<-', 'b<-'],
  ],
  ['given up, and placed elsewhere', ['a', undefined, 'b'], ['a<-', '-<a', 'b<a']],
  ['moved on before the first has let go: that has the claim', ['a', 'b', 'c'], ['a<-', 'b<a', 'c<a']],
  ['and back', ['a', 'b', 'a'], ['a<-', 'b<a', 'a<b']],
  ['moved on after it has', ['a', 'b', 'gone', 'c'], ['a<-', 'b<a', 'b<-', 'c<b']],
])('%s', (_, steps, rows) => expect(history(...steps)).toEqual(rows))

test('rows of others ask nothing of chassis', () => {
  expect(
    requestOf({ name: 'x', options: mapOf({ 'requested-chassis': 'a' }), external_ids: mapOf({}) }),
  ).toBeUndefined()
})
