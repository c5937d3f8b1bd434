// SPDX-License-Identifier: Apache-2.0
// Who wakes a LoadBalancer: what may change its members or what is said of them, and nobody else.
import { beforeEach, describe, expect, test } from '@jest/globals'
import type { Instance, LoadBalancer, Port, Router, Subnet } from '../../../lib/api/types.ts'
import { memoryWorld, stored, type MemoryWorld } from '../../testing/memory-deps.ts'
import { wokenBy } from '../../testing/woken.ts'
import { loadBalancerController } from './controller.ts'
import { MemberPorts } from './member-ports.ts'

const balancer = (name: string, matchLabels: Record<string, string>, status: LoadBalancer['status'] = {}) =>
  stored<LoadBalancer>(
    name,
    {
      vip: { subnetRef: { name: 'front' } },
      listeners: [{ name: 'a', protocol: 'tcp', port: 80, members: [{ instanceSelector: { matchLabels } }] }],
    },
    { status },
  )
const machine = (labels: Record<string, string>, more: object = {}): Instance => {
  const made = stored<Instance>('vm', { flavorRef: { name: 'f' }, imageRef: { name: 'i' }, networks: [] }, more)
  return { ...made, metadata: { ...made.metadata, labels } }
}
const portOf = (status: Port['status']) => stored<Port>('p', { networkRef: { name: 'lan' } }, { status })

let w: MemoryWorld
let members: MemberPorts
const controller: typeof loadBalancerController = (deps, informers) => loadBalancerController(deps, informers, members)
let woken: ReturnType<typeof wokenBy>
beforeEach(() => {
  w = memoryWorld()
  w.put('loadBalancers', balancer('web', { app: 'web', tier: 'x' }))
  w.put('loadBalancers', balancer('db', { app: 'db' }))
  // As the run found it.
  members = new MemberPorts()
  members.set('ns/db', ['uid-p'])
  woken = wokenBy(w, controller)
})

describe('a LoadBalancer is woken by', () => {
  const legs = { interfaces: [{ subnet: 'front', subnetUID: 'u', ipAddress: '10.0.0.1', prefixLength: 24 }] }
  test.each<[string, Parameters<typeof woken>, string[]]>([
    ['a machine with its label', ['instances', machine({ app: 'web' })], ['web']],
    ['one that goes', ['instances', machine({ app: 'db' }, { deleted: true })], ['db']],
    ['none with other labels', ['instances', machine({ app: 'cache' })], []],
    ['a Port of its member', ['ports', portOf({ state: 'ACTIVE' })], ['db']],
    [
      'its Subnet',
      ['subnets', stored<Subnet>('front', { networkRef: { name: 'lan' }, cidr: '10.0.0.0/24' })],
      ['db', 'web'],
    ],
    ['a Router that joins its Subnet', ['routers', stored<Router>('r', {}, { status: legs })], ['db', 'web']],
    ['none that joins others', ['routers', stored<Router>('r', {})], []],
  ])('%s', (_, change, names) => {
    expect(woken(...change)).toEqual(names.map((name) => `ns/${name}`))
  })

  test('the Port of a machine with its label, which is no member yet', () => {
    w.put('instances', machine({ app: 'web' }))
    expect(woken('ports', portOf({ state: 'ACTIVE', instance: { name: 'vm', uid: 'uid-vm' } }))).toEqual([
      'ns/db',
      'ns/web',
    ])
  })

  test('the machine of its member, which goes off', () => {
    w.put('ports', portOf({ state: 'ERROR' }))
    const running = machine({})
    const withNic = { ...running, spec: { ...running.spec, networks: [{ portRef: { name: 'p' } }] } }
    const off = { ...withNic, status: { state: 'SHUTOFF' as const } }
    expect(woken('instances', off, withNic)).toEqual(['ns/db'])
    expect(woken('instances', withNic, withNic)).toEqual([])
  })

  test('a Router in another namespace that joins its Subnet', () => {
    const status = { interfaces: [{ ...legs.interfaces[0], namespace: 'ns' }] } as Router['status']
    expect(woken('routers', stored<Router>('r', {}, { status, namespace: 'admin' }))).toEqual(['ns/db', 'ns/web'])
  })

  test('an address that is free in a Subnet that it has none to probe from', () => {
    w.put('routers', stored<Router>('r', {}, { status: legs }))
    const one = balancer('probing', { app: 'x' }, { router: 'ns/r' })
    for (const listener of one.spec.listeners) listener.healthMonitor = {}
    w.put('loadBalancers', one)
    const told: string[] = []
    const freed: ((claim: object) => void)[] = []
    Object.assign(w.deps.addresses, { onFreed: (listener: never) => freed.push(listener) })
    const { sources = [] } = controller(w.deps, w.stores as never)
    for (const source of sources)
      source({ enqueue: (key: string) => told.push(key), enqueueUid: () => undefined } as never)
    const claim = { block: { namespace: 'ns', subnetName: 'other', subnetUid: 'u' }, entry: {} }
    for (const listener of freed) listener(claim)
    expect(told).toEqual(['ns/probing'])
  })

  test('nobody, by a Port that is a member no more', () => {
    members.set('ns/db', ['uid-q'])
    expect(woken('ports', portOf({ state: 'ACTIVE' }))).toEqual([])
    members.set('ns/db', [])
    expect(members.balancersOf('uid-q')).toEqual([])
  })

  test('what probes of a member find', () => {
    const told: string[] = []
    const { sources = [] } = controller(w.deps, w.stores as never)
    for (const source of sources)
      source({ enqueue: (key: string) => told.push(key), enqueueUid: () => undefined } as never)
    w.network.setProbe('uid-p', 'offline')
    w.network.setProbe('uid-other', 'offline')
    expect(told).toEqual(['ns/db'])
  })
})
