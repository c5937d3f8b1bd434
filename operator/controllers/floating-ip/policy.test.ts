// SPDX-License-Identifier: Apache-2.0
// While the policy that its spec asks for is missing, a FloatingIP keeps its limits, wherever it leads.
import { beforeEach, expect, test } from '@jest/globals'
import type { FloatingIP, Port, QoSPolicy, Router } from '../../../lib/api/types.ts'
import { outsideWorld, type OutsideWorld } from '../../testing/outside-world.ts'
import { stored } from '../../testing/memory-deps.ts'
import { reconcileFloatingIP } from './reconcile.ts'

let w: OutsideWorld
let web: FloatingIP
const PUBLIC = { networkRef: { name: 'public', namespace: 'admin' } }
const limits = () => w.network.rows.of('QoS').get('uid-web')
const translation = () => w.network.rows.of('FloatingIP').get('uid-web')
async function step() {
  const outcome = await reconcileFloatingIP(web, w.deps, w.run)
  w.put('floatingIPs', web)
  return outcome
}
const router = (name: string, subnet: string) =>
  w.step(stored<Router>(name, { interfaces: [{ subnetRef: { name: subnet } }], externalGateway: PUBLIC }))

beforeEach(async () => {
  w = outsideWorld()
  w.put('qosPolicies', stored<QoSPolicy>('gold', { bandwidthLimits: [{ direction: 'egress', maxKbps: 1000 }] }))
  await router('r', 'lan')
  w.port('eth', '10.0.0.11')
  web = stored<FloatingIP>('web', { ...PUBLIC, portRef: { name: 'eth' }, qosPolicyRef: { name: 'gold' } })
  expect(await step()).toEqual({ kind: 'done' })
  expect(limits()).toMatchObject({ target: { routerUid: 'uid-r' }, egress: { maxKbps: 1000 } })
  web.spec.qosPolicyRef = { name: 'typo' }
})

const elsewhere: [string, (port: string) => Partial<FloatingIP['spec']>][] = [
  ['as a whole', (name) => ({ portRef: { name } })],
  ['by a port of it', (name) => ({ portForwardings: [{ protocol: 'tcp', externalPort: 80, portRef: { name } }] })],
]
test.each(elsewhere)('it moves behind another Router, %s', async (_, way) => {
  w.addNetwork('net2')
  w.subnet('sub2', 'net2', '10.7.0.0/24')
  await router('r2', 'sub2')
  const fixedIPs = [{ subnet: 'sub2', ipAddress: '10.7.0.5', prefixLength: 24 }]
  w.put('ports', stored<Port>('eth2', { networkRef: { name: 'net2' } }, { status: { fixedIPs } }))
  delete web.spec.portRef
  Object.assign(web.spec, way('eth2'))
  expect(await step()).toMatchObject({ reason: 'QoSPolicyNotFound' })
  expect(web.status).toMatchObject({ routerUID: 'uid-r2', qosPolicy: 'ns/gold' })
  expect(limits()).toMatchObject({ target: { routerUid: 'uid-r2' }, egress: { maxKbps: 1000 } })
})

test('its rows are lost', async () => {
  w.network.lose('QoS', 'uid-web')
  w.network.lose('FloatingIP', 'uid-web')
  expect(await step()).toMatchObject({ reason: 'QoSPolicyNotFound' })
  expect([translation()?.routerUid, limits()?.egress?.maxKbps]).toEqual(['uid-r', 1000])
})
