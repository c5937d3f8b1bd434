// SPDX-License-Identifier: Apache-2.0
// While the policy that its spec asks for is missing, what passes a gateway keeps its limits, wherever that is.
import { beforeEach, expect, test } from '@jest/globals'
import type { QoSPolicy, Router } from '../../../lib/api/types.ts'
import { outsideWorld, type OutsideWorld } from '../../testing/outside-world.ts'
import { stored } from '../../testing/memory-deps.ts'

let w: OutsideWorld
let router: Router
const GOLD = { qosPolicyRef: { name: 'gold' } }
const TYPO = { qosPolicyRef: { name: 'typo' } }
const onNetwork = (name: string) => ({ networkRef: { name, namespace: 'admin' } })
const limits = () => w.network.rows.of('QoS').get('uid-r')
const policy = (maxKbps: number) =>
  w.put('qosPolicies', stored<QoSPolicy>('gold', { bandwidthLimits: [{ direction: 'egress', maxKbps }] }))

beforeEach(async () => {
  w = outsideWorld()
  policy(1000)
  router = stored<Router>('r', {
    interfaces: [{ subnetRef: { name: 'lan' } }],
    externalGateway: { ...onNetwork('public'), ...GOLD },
  })
  await w.step(router)
  expect(limits()).toMatchObject({ networkUid: 'uid-public', egress: { maxKbps: 1000 } })
})

test('it moves to another network', async () => {
  const provider = { providerNetworkRef: { name: 'physnet1' } }
  const admin = { namespace: 'admin' }
  w.addNetwork('public2', { external: true, provider, sharedWith: [{ namespace: '*' }] }, admin)
  w.subnet('public2', 'public2', '198.51.100.0/24', admin)
  router.spec.externalGateway = { ...onNetwork('public2'), ...TYPO }
  expect(await w.step(router)).toMatchObject({ reason: 'QoSPolicyNotFound' })
  expect(router.status).toMatchObject({ qosPolicy: 'ns/gold', externalGateway: { networkUID: 'uid-public2' } })
  expect(limits()).toMatchObject({ networkUid: 'uid-public2', egress: { maxKbps: 1000 } })
})

test('its rows are lost, or the policy that it has is changed', async () => {
  router.spec.externalGateway = { ...onNetwork('public'), ...TYPO }
  w.network.lose('QoS', 'uid-r')
  w.network.lose('Router', 'uid-r')
  expect(await w.step(router)).toMatchObject({ reason: 'QoSPolicyNotFound' })
  expect(limits()?.egress?.maxKbps).toBe(1000)
  policy(2000)
  await w.step(router)
  expect(limits()?.egress?.maxKbps).toBe(2000)
})

test('one that had none has none meanwhile', async () => {
  router.spec.externalGateway = onNetwork('public')
  await w.step(router)
  router.spec.externalGateway = { ...onNetwork('public'), ...TYPO }
  expect(await w.step(router)).toMatchObject({ reason: 'QoSPolicyNotFound' })
  expect(limits()).toBeUndefined()
})
