// SPDX-License-Identifier: Apache-2.0
// Which limits a port has, from where, and that it keeps them when it cannot have what it should.
import { beforeEach, expect, test } from '@jest/globals'
import type { Instance, Network, Port, QoSPolicy, SecurityGroup, Subnet } from '../../../lib/api/types.ts'
import type { PortDocument } from '../../../lib/contract/documents.ts'
import { memoryWorld, stored, type MemoryWorld } from '../../testing/memory-deps.ts'
import { reconcileNetwork } from '../network/reconcile.ts'
import { reconcileSecurityGroup } from '../security-group/reconcile.ts'
import { reconcileSubnet } from '../subnet/reconcile.ts'
import { reconcilePort } from './reconcile.ts'

let w: MemoryWorld
const policy = (name: string, maxKbps: number, more: object = {}) =>
  w.put('qosPolicies', stored<QoSPolicy>(name, { bandwidthLimits: [{ direction: 'egress', maxKbps }] }, more))
const drop = (name: string) => w.stores.qosPolicies.remove(`ns/${name}`, `uid-${name}`)
const limits = () => w.network.rows.of('QoS').get('uid-p')
async function lan(spec: Network['spec'] = {}) {
  const held = w.deps.caches.networks.find('ns', 'lan')
  const network = stored<Network>('lan', spec, held?.status ? { status: held.status } : {})
  const outcome = await reconcileNetwork(network, w.deps, w.run)
  w.put('networks', network)
  return outcome
}
const port = (qosPolicyRef?: Port['spec']['qosPolicyRef']) =>
  stored<Port>('p', { networkRef: { name: 'lan' }, ...(qosPolicyRef ? { qosPolicyRef } : {}) })
async function step(p: Port) {
  w.put('ports', p)
  return reconcilePort(p, w.deps, w.run)
}

beforeEach(async () => {
  w = memoryWorld()
  await lan()
  const [s, g] = [
    stored<Subnet>('lan-v4', { networkRef: { name: 'lan' }, cidr: '10.0.0.0/24' }),
    stored<SecurityGroup>('default', {}),
  ]
  w.put('subnets', s)
  await reconcileSubnet(s, w.deps, w.run)
  await reconcileSecurityGroup(g, w.deps, w.run)
  w.put('securityGroups', g)
})

test('its own policy comes before the one of its network, and both are live', async () => {
  policy('gold', 9000)
  policy('bronze', 1000)
  const p = port({ name: 'gold' })
  expect(await step(p)).toEqual({ kind: 'done' })
  expect(limits()).toMatchObject({
    ...{ networkUid: 'uid-lan', target: { what: 'port', portUid: 'uid-p' }, egress: { maxKbps: 9000 } },
  })
  expect(p.status).toMatchObject({ qosPolicy: 'ns/gold', qosPolicyUID: 'uid-gold' })
  await lan({ qosPolicyRef: { name: 'bronze' } })
  await step(p)
  expect(limits()?.egress?.maxKbps).toBe(9000)
  delete p.spec.qosPolicyRef
  await step(p)
  expect([limits()?.egress?.maxKbps, p.status?.qosPolicy]).toEqual([1000, 'ns/bronze'])
  policy('bronze', 2000)
  await step(p)
  expect(limits()?.egress?.maxKbps).toBe(2000)
  await lan()
  await step(p)
  expect([limits(), p.status?.qosPolicy]).toEqual([undefined, undefined])
})

test('a new port is not wired up before its policy is known; one that has limits keeps them', async () => {
  const p = port({ name: 'gold' })
  expect(await step(p)).toMatchObject({
    ...{ kind: 'wait', reason: 'QoSPolicyNotFound' },
    message: expect.stringContaining('ns/gold in spec.qosPolicyRef does not exist'),
  })
  expect(w.network.rows.of('Port').has('uid-p')).toBe(false)
  policy('gold', 9000)
  await step(p)
  p.spec.qosPolicyRef = { name: 'typo' }
  expect(await step(p)).toMatchObject({ kind: 'wait', reason: 'QoSPolicyNotFound' })
  expect([limits()?.egress?.maxKbps, p.status?.qosPolicy, p.status?.state]).toEqual([9000, 'ns/gold', 'DOWN'])
  for (const kind of ['Port', 'QoS'] as const) w.network.lose(kind, 'uid-p')
  await step(p)
  expect([w.network.rows.of('Port').has('uid-p'), limits()?.egress?.maxKbps]).toEqual([true, 9000])
})

test('the same with the policy of its network, which says by itself what is wrong', async () => {
  expect(await lan({ qosPolicyRef: { name: 'bronze' } })).toMatchObject({ reason: 'QoSPolicyNotFound' })
  const p = port()
  expect(await step(p)).toMatchObject({
    ...{ kind: 'wait', reason: 'QoSPolicyNotFound' },
    message: expect.stringContaining('see the conditions of Network ns/lan'),
  })
  policy('bronze', 1000)
  await lan({ qosPolicyRef: { name: 'bronze' } })
  expect(await step(p)).toEqual({ kind: 'done' })
  expect(await lan({ qosPolicyRef: { name: 'typo' } })).toMatchObject({ reason: 'QoSPolicyNotFound' })
  expect(await step(p)).toEqual({ kind: 'done' })
  expect(limits()?.egress?.maxKbps).toBe(1000)
})

test('a policy of another namespace has to be shared, and stays the port’s', async () => {
  const sharedWith = (namespace: string) =>
    w.put(
      'qosPolicies',
      stored<QoSPolicy>('gold', { dscpMark: 46, sharedWith: [{ namespace }] }, { namespace: 'infra' }),
    )
  const p = port({ namespace: 'infra', name: 'gold' })
  sharedWith('others')
  expect(await step(p)).toMatchObject({ reason: 'QoSPolicyNotFound' })
  sharedWith('ns')
  expect(await step(p)).toEqual({ kind: 'done' })
  sharedWith('others')
  expect(await step(p)).toEqual({ kind: 'done' })
  expect(limits()?.dscp).toBe(46)
})

test('while it is held its limits are held too, and they go with it', async () => {
  policy('gold', 9000)
  const p = port({ name: 'gold' })
  await step(p)
  w.network.lose('QoS', 'uid-p')
  w.put('subnets', stored<Subnet>('lan-v4', { networkRef: { name: 'lan' }, cidr: '10.0.0.0/24' }, { deleted: true }))
  drop('none')
  const network = w.deps.caches.networks.find('ns', 'lan')
  w.put('networks', { ...network!, status: { ...network!.status, logicalSwitch: undefined } as never })
  await step(p)
  expect(limits()?.egress?.maxKbps).toBe(9000)
  expect(await step({ ...p, metadata: { ...p.metadata, deletionTimestamp: '2025-01-01T00:00:00Z' } })).toEqual({
    kind: 'released',
  })
  expect(limits()).toBeUndefined()
})

test('packets a second are its node’s to count: by its own policy or its network’s, kept while that is missing, and gone with it', async () => {
  const rates = (name: string, maxKpps: number) =>
    w.put('qosPolicies', stored<QoSPolicy>(name, { packetRateLimits: [{ direction: 'ingress', maxKpps }] }))
  const spec = { flavorRef: { name: 'f' }, imageRef: { name: 'i' }, networks: [{ portRef: { name: 'p' } }] }
  w.put('instances', stored<Instance>('vm', spec, { status: { node: 'c1', epoch: 1 } }))
  const p = port({ name: 'gold' })
  rates('gold', 5)
  const told = async () => {
    await step(p)
    await step(p)
    return (w.bus.desired.documents.get('c1.port.uid-p') as PortDocument).spec.packetRates
  }
  expect(await told()).toEqual({ ingress: { packetsPerSecond: 5_000, burstPackets: 2_500 } })
  expect(limits()).toBeUndefined()
  rates('gold', 6)
  expect(await told()).toMatchObject({ ingress: { packetsPerSecond: 6_000 } })
  p.spec.qosPolicyRef = { name: 'typo' }
  expect(await told()).toMatchObject({ ingress: { packetsPerSecond: 6_000 } })
  rates('bronze', 1)
  await lan({ qosPolicyRef: { name: 'bronze' } })
  delete p.spec.qosPolicyRef
  expect(await told()).toMatchObject({ ingress: { packetsPerSecond: 1_000 } })
  await lan()
  expect(await told()).toBeUndefined()
})
