// SPDX-License-Identifier: Apache-2.0
// What an AddressGroup promises: its ranges are there for rules to name, and stay as long as one does.
import { expect, test } from '@jest/globals'
import type { AddressGroup, SecurityGroup } from '../../../lib/api/types.ts'
import { memoryWorld, stored } from '../../testing/memory-deps.ts'
import { reconcileSecurityGroup } from '../security-group/reconcile.ts'
import { reconcileAddressGroup } from './reconcile.ts'

const partners = (more: object = {}, spec: AddressGroup['spec'] = { addresses: ['192.0.2.0/24'] }) =>
  stored<AddressGroup>('partners', spec, more)
const user = (more: object = {}) =>
  stored<SecurityGroup>(
    'web',
    {
      denyEgress: true,
      rules: [{ direction: 'ingress', remoteAddressGroupRef: { namespace: 'ns', name: 'partners' } }],
    },
    { status: { remoteUIDs: ['uid-partners'] }, ...more },
  )

test('its ranges are there at once', async () => {
  const w = memoryWorld()
  const made = partners()
  expect(await reconcileAddressGroup(made, w.deps, w.run)).toEqual({ kind: 'done' })
  expect(made.status).toEqual({ state: 'ACTIVE' })
  expect(w.network.rows.of('AddressGroup').get('uid-partners')?.addresses).toEqual(['192.0.2.0/24'])
})

test.each([
  ['a rule of its namespace', user(), true],
  ['a rule of a namespace that it is shared with', user({ namespace: 'b' }), true],
  ['a rule of a namespace that it is not shared with', user({ namespace: 'c' }), false],
  ['a rule of a group that goes too', user({ deleted: true }), false],
  ['a rule that was never in force', user({ status: { remoteUIDs: [] } }), false],
])('%s holds it: %#', async (_, holder, isHeld) => {
  const w = memoryWorld()
  const sharedWith = [{ namespace: 'b' }]
  await reconcileAddressGroup(partners({}, { sharedWith }), w.deps, w.run)
  w.put('securityGroups', holder)
  const outcome = await reconcileAddressGroup(partners({ deleted: true }, { sharedWith }), w.deps, w.run)
  if (isHeld) expect(outcome).toMatchObject({ reason: 'InUse', message: expect.stringContaining('/web') })
  else expect(outcome).toEqual({ kind: 'released' })
  expect(w.network.rows.of('AddressGroup').has('uid-partners')).toBe(isHeld)
})

test('a rule names it; when it is no longer shared, the rule closes and says so', async () => {
  const w = memoryWorld()
  const rules = () => w.network.rows.of('SecurityGroup').get('uid-web')?.rules
  const web = user({ namespace: 'b' })
  w.put('addressGroups', partners({}, { sharedWith: [{ namespace: '*' }] }))
  expect(await reconcileSecurityGroup(web, w.deps, w.run)).toEqual({ kind: 'done' })
  expect(rules()).toMatchObject([{ remoteAddressGroupUid: 'uid-partners' }])
  w.put('addressGroups', partners())
  expect(await reconcileSecurityGroup(web, w.deps, w.run)).toMatchObject({
    reason: 'AddressGroupNotFound',
    message: expect.stringContaining('ns/partners in spec.rules[0].remoteAddressGroupRef'),
  })
  expect(rules()).toEqual([])
})
