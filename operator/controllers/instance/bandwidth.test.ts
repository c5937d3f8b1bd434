// SPDX-License-Identifier: Apache-2.0
// What is set aside for a machine of physical networks: asked for by the policies of its ports, and never more than its node has.
import { beforeEach, expect, test } from '@jest/globals'
import type { Instance, Network, Port, ProviderNetwork, QoSPolicy } from '../../../lib/api/types.ts'
import { findCondition } from '../../../lib/conditions.ts'
import { memoryWorld, stored, type MemoryWorld } from '../../testing/memory-deps.ts'
import { claimOf } from '../common/machine-claims.ts'
import { followBandwidth, recordBandwidth, wantedBandwidth } from './bandwidth.ts'

let w: MemoryWorld
const policy = (name: string, minKbps: number, ingress = 0) =>
  w.put(
    'qosPolicies',
    stored<QoSPolicy>(name, {
      minimumBandwidths: [
        { direction: 'egress', minKbps },
        ...(ingress ? [{ direction: 'ingress' as const, minKbps: ingress }] : []),
      ],
    }),
  )
const port = (name: string, qosPolicyRef?: { name: string }, network = 'lan', status: Port['status'] = {}) =>
  stored<Port>(name, { networkRef: { name: network }, ...(qosPolicyRef ? { qosPolicyRef } : {}) }, { status })
const wanted = (...ports: Port[]) => wantedBandwidth(ports, w.deps.caches)
const dc = (egressKbps: number, ingressKbps = 0) => ({ dc: { egressKbps, ingressKbps } })
const gold = { name: 'gold' }

beforeEach(() => {
  w = memoryWorld()
  const provider = { providerNetworkRef: { name: 'dc' } }
  w.put('providerNetworks', stored<ProviderNetwork>('dc', { type: 'vlan' }, { namespace: '' }))
  w.put('networks', stored<Network>('lan', { provider }, { status: { physicalNetwork: 'dc' } }))
  w.put('networks', stored<Network>('virtual', {}))
  policy('gold', 3_000, 1_000)
})

test('it is the sum of its ports on the physical network, by their own policies or their network’s', () => {
  expect(wanted(port('a'))).toBeUndefined()
  expect(wanted(port('a', gold), port('b', gold), port('c', gold, 'virtual'))).toEqual(dc(6_000, 2_000))
  const has = { status: { physicalNetwork: 'dc', qosPolicy: 'ns/gold', qosPolicyUID: 'uid-gold' } }
  const provider = { providerNetworkRef: { name: 'dc' } }
  w.put('networks', stored<Network>('lan', { provider, qosPolicyRef: gold }, has))
  policy('bronze', 1)
  expect(wanted(port('a'), port('b', { name: 'bronze' }))).toEqual(dc(3_001, 1_000))
})

test('a policy that is missing leaves what the port has', () => {
  const typo = { name: 'typo' }
  expect(wanted(port('a', typo))).toBeUndefined()
  const has = { qosPolicy: 'ns/gold', qosPolicyUID: 'uid-gold' }
  expect(wanted(port('a', typo, 'lan', has))).toEqual(dc(3_000, 1_000))
})

const placed = () =>
  stored<Instance>(
    'vm',
    { flavorRef: { name: 'f' }, imageRef: { name: 'i' } },
    { status: { node: 'c1', epoch: 1, flavor: { vcpus: 1, memoryMiB: 256, rootDiskGiB: 1 } } },
  )
const pending = (i: Instance) => findCondition(i.status?.conditions, 'BandwidthPending')
const used = () => w.deps.scheduler.nodes.find('c1')?.usedBandwidth
const node = (egress: number) =>
  w.deps.scheduler.putNode({
    ...{ name: 'c1', up: true, hypervisor: 'libvirt', physicalNetworks: ['dc'], bandwidth: dc(egress, 9_000) },
    capacity: { vcpus: 4, memoryMiB: 4096, diskGiB: 40 },
  })
const follow = (i: Instance, ...ports: Port[]) => followBandwidth(i, ports, w.deps, { ...w.run, key: 'ns/vm' })

test('a policy that changes is followed where it fits; what does not is said, not overbooked, and had when there is room', () => {
  node(5_000)
  const i = placed()
  recordBandwidth(i, wanted(port('a', gold)))
  w.deps.scheduler.confirm(i.metadata.uid, claimOf(i))
  expect(used()).toEqual(dc(3_000, 1_000))
  policy('gold', 5_000)
  follow(i, port('a', gold))
  expect([i.status?.bandwidth, used(), pending(i)]).toEqual([
    [{ physicalNetwork: 'dc', egressKbps: 5_000, ingressKbps: 0 }],
    dc(5_000),
    undefined,
  ])
  policy('gold', 5_001)
  follow(i, port('a', gold))
  expect(pending(i)).toMatchObject({
    ...{ status: 'True', reason: 'NoBandwidth' },
    message: expect.stringContaining('has 5000 of 5000 kbit/s of egress on physical network dc free, 5001 wanted'),
  })
  expect([used(), claimOf(i)[0]?.amounts.bandwidth]).toEqual([dc(5_000), dc(5_000)])
  node(6_000)
  follow(i, port('a', gold))
  expect([used(), pending(i)]).toEqual([dc(5_001), undefined])
  follow(i, port('a'))
  expect([used(), i.status?.bandwidth]).toEqual([undefined, undefined])
})
