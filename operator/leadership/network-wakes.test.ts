// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import type { Cloud, Network, Port, Subnet } from '../../lib/api/types.ts'
import { listMissing } from './network-supervision.ts'
import { memoryWorld, stored } from '../testing/memory-deps.ts'
import { connectSources } from '../testing/connect-sources.ts'
import { ns, QuietCloud } from '../testing/quiet-cloud.ts'
import type { Controllers } from './look-again.ts'

const owner = (uid: string) => ({ uid, namespace: 'ns', name: uid, generation: 1 })

/** Who is woken, in order; no timer and no other source runs. */
function world() {
  const w = memoryWorld()
  const woken: string[] = []
  const controllers = new Proxy({} as Controllers, {
    get: (_, name: string) => ({
      enqueue: (key: string) => void woken.push(`${name} ${key}`),
      enqueueUid: (uid: string) => void woken.push(`${name} ${uid}`),
      enqueueAll: () => void woken.push(`${name} all`),
    }),
  })
  connectSources(w, controllers)
  w.put('networks', stored<Network>('lan', {}, { status: { logicalSwitch: 'uid-lan', mtu: 1442 } }))
  w.put('subnets', stored<Subnet>('v4', { networkRef: { name: 'lan' }, cidr: '10.0.0.0/24' }))
  w.put('ports', stored<Port>('p', { networkRef: { name: 'lan' } }))
  w.put('ports', stored<Port>('q', { networkRef: { name: 'other' } }))
  return { ...w, woken }
}
const subnet = { kind: 'Subnet', ...owner('uid-v4'), networkUid: 'uid-lan', cidr: '10.0.0.0/24', mtu: 1442 } as const

test('a row of a network that came to be wakes what stands on it, and one that is there already nobody', async () => {
  const w = world()
  await w.network.ensure({ kind: 'Network', ...owner('uid-lan'), mtu: 1442 })
  expect(w.woken).toEqual(['subnets ns/v4', 'ports ns/p'])
  await w.network.ensure({ kind: 'Network', ...owner('uid-lan'), mtu: 1442 })
  expect(w.woken).toHaveLength(2)
})
test('a row of a subnet that came to be wakes the ports that wait for it', async () => {
  const w = world()
  await w.network.ensure({ kind: 'Network', ...owner('uid-lan'), mtu: 1442 })
  w.woken.length = 0
  await w.network.ensure(subnet)
  expect(w.woken).toEqual(['ports ns/p'])
})

test('news of the backend wakes the Cloud and what is not ready; news of claims the node and the ports', async () => {
  const w = world()
  const ready = { type: 'Ready', status: 'True', reason: 'Ready', message: 'm', lastTransitionTime: 't' } as const
  w.put('ports', stored<Port>('r', { networkRef: { name: 'lan' } }, { status: { conditions: [ready] } }))
  w.network.setHealth({ status: 'False', reason: 'Unreachable', message: 'm' })
  expect(w.woken).toEqual(['clouds default', 'ports ns/p', 'ports ns/q'])
  w.woken.length = 0
  w.network.setTaken([{ uid: 'uid-r', node: 'n1', wanted: 'n2' }])
  expect(w.woken).toEqual(['computeNodes n1', 'ports uid-r', 'ports ns/p', 'ports ns/q'])
})

test('missing: what was realised, what is being deleted included, and nothing that never was', () => {
  const w = memoryWorld()
  const ref = { networkRef: { name: 'lan' } }
  w.put(
    'networks',
    stored<Network>('lan', {}, { status: { logicalSwitch: 'uid-lan', mtu: 1442, state: 'DELETING' }, deleted: true }),
  )
  w.put('networks', stored<Network>('new', {}))
  w.put(
    'subnets',
    stored<Subnet>('v4', { ...ref, cidr: '10.0.0.0/24' }, { status: { state: 'DELETING' }, deleted: true }),
  )
  w.put(
    'subnets',
    stored<Subnet>(
      'silent',
      { ...ref, cidr: '10.1.0.0/24', dhcp: { enabled: false } },
      { status: { state: 'ACTIVE' } },
    ),
  )
  w.put('subnets', stored<Subnet>('overlaps', { ...ref, cidr: '10.0.0.0/25' }, { status: { state: 'ERROR' } }))
  w.put('ports', stored<Port>('plugged', ref, { status: { networkUID: 'uid-lan', node: 'c1' } }))
  w.put('ports', stored<Port>('reserved', ref, { status: { networkUID: 'uid-lan', state: 'DOWN' } }))
  w.put('ports', stored<Port>('unplaced', ref, { status: { networkUID: 'uid-lan', state: 'BUILD' } }))
  const names = (owned: Parameters<typeof listMissing>[1]) => listMissing(w.deps.caches, owned).map(({ uid }) => uid)
  expect(names([])).toEqual(['uid-lan', 'uid-v4', 'uid-plugged', 'uid-reserved'])
  expect(names([{ ...owner('uid-lan'), kind: 'Network' }])).toEqual(['uid-v4', 'uid-plugged', 'uid-reserved'])
  // The same uid of another kind is not it.
  expect(names([{ ...owner('uid-lan'), kind: 'Port' }])).toContain('uid-lan')
})

test('what another underlay carries is decided by the Network, and reaches its Subnets and Ports from its status', async () => {
  const cloud = await QuietCloud.furnished()
  const { operator } = cloud
  cloud.vm('vm')
  await operator.rest()
  const { network, bus } = operator.world
  const told = () => [
    (operator.get('networks', ns('lan')) as Network).status?.mtu,
    network.rows.of('Subnet').get(cloud.uidOf('lan-v4', 'subnets'))?.mtu,
    ...[...bus.desired.documents.values()].flatMap((d) => (d.kind === 'port' && !d.tombstone ? [d.spec.mtu] : [])),
  ]
  expect(told()).toEqual([1442, 1442, 1442])
  operator.change('clouds', { name: 'default' }, (spec) => Object.assign(spec, { underlayMTU: 9000 }))
  await operator.rest()
  expect(told()).toEqual([8942, 8942, 8942])
})

test('a write of the Cloud’s status wakes no other kind', async () => {
  const { operator } = await QuietCloud.furnished()
  const cloud = structuredClone(operator.get('clouds', { name: 'default' })) as Cloud
  operator.store('clouds', { ...cloud, status: { ...cloud.status, regressedIncarnation: 7 } })
  expect(operator.queued).toEqual(['clouds default'])
  operator.change('clouds', { name: 'default' }, (spec) => Object.assign(spec, { dnsNameservers: ['192.0.2.7'] }))
  expect(new Set(operator.queued.map((id) => id.split(' ')[0]))).toEqual(
    new Set(['clouds', 'computeNodes', 'networks', 'subnets']),
  )
})
