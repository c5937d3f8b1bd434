// SPDX-License-Identifier: Apache-2.0
// What a Network promises.
import { describe, expect, test } from '@jest/globals'
import type { Cloud, Network, Port, Subnet } from '../../../lib/api/types.ts'
import { TransientError } from '../../../lib/errors.ts'
import { HeldCalls, isOver } from '../../testing/held-calls.ts'
import { memoryWorld, stored, type MemoryWorld } from '../../testing/memory-deps.ts'
import { wokenBy } from '../../testing/woken.ts'
import { networkController } from './controller.ts'
import { reconcileNetwork } from './reconcile.ts'
import { runAsLoop } from '../../testing/as-the-loop.ts'

const network = (mtu?: number, more: object = {}) => stored<Network>('lan', mtu === undefined ? {} : { mtu }, more)
const port = (status: Port['status'], more: object = {}) =>
  stored<Port>('p', { networkRef: { name: 'lan', namespace: 'ns' } }, { status, ...more })
const subnet = (status: NonNullable<Subnet['status']>) =>
  stored<Subnet>('s', { networkRef: { name: 'lan' }, cidr: '10.0.0.0/24' }, { status })
const cloud = (name: string, spec: Cloud['spec'] = {}) => stored<Cloud>(name, spec, { namespace: '' })

describe('create: MTU', () => {
  test.each([
    ['of a usual underlay', undefined, undefined, 1442],
    ['of a jumbo underlay', undefined, 9000, 8942],
    ['as asked for', 1300, undefined, 1300],
    ['never above what passes the tunnels', 9000, undefined, 1442],
  ])('%s', async (_, mtu, underlayMTU, guests) => {
    const w = memoryWorld()
    if (underlayMTU !== undefined) w.put('clouds', cloud('default', { underlayMTU }))
    const n = network(mtu)
    expect(await reconcileNetwork(n, w.deps, w.run)).toEqual({ kind: 'done' })
    expect(n.status).toEqual({
      ...{ state: 'ACTIVE', driver: 'ovn', mtu: guests, logicalSwitch: 'uid-lan', portSecurityEnabled: true },
      dnsDomain: 'nephele.internal',
    })
    expect(w.network.rows.of('Network').get('uid-lan')).toEqual({
      kind: 'Network',
      uid: 'uid-lan',
      namespace: 'ns',
      name: 'lan',
      generation: 1,
      mtu: guests,
    })
  })
})

describe('the backend comes first', () => {
  const slow = () => {
    const w = memoryWorld()
    const backend = new HeldCalls(w.network, /^(ensure|remove)/)
    return { w, backend, deps: { ...w.deps, network: backend.object } }
  }
  test('it is usable once the backend has it, and not before', async () => {
    const { w, backend, deps } = slow()
    const n = network()
    const run = reconcileNetwork(n, deps, w.run)
    expect(await isOver(run)).toBe(false)
    expect(backend.open).toEqual(['ensure Network'])
    expect(n.status).toEqual({})
    await backend.answer()
    expect(await run).toEqual({ kind: 'done' })
  })
  test('it is gone once the backend has let go of it, and not before', async () => {
    const { w, backend, deps } = slow()
    const n = network(undefined, { deleted: true })
    const run = reconcileNetwork(n, deps, w.run)
    expect(await isOver(run)).toBe(false)
    expect(backend.open).toEqual(['remove Network'])
    expect(n.status).toEqual({ state: 'DELETING' })
    await backend.answer()
    expect(await run).toEqual({ kind: 'released' })
  })
  test.each<[string, { deleted?: boolean; status?: Network['status'] }]>([
    ['a create', {}],
    ['a deletion', { deleted: true }],
    ['a deletion while in use', { deleted: true, status: { logicalSwitch: 'uid-lan' } }],
  ])('what it refuses fails the run: %s', async (_, more) => {
    const w = memoryWorld()
    if (more.status) w.put('ports', port({ networkUID: 'uid-lan' }))
    w.network.failNext(new TransientError('NetworkBackendRefused', 'no'))
    await expect(reconcileNetwork(network(undefined, more), w.deps, w.run)).rejects.toMatchObject({
      reason: 'NetworkBackendRefused',
    })
  })
})

describe('delete', () => {
  test.each([
    ['a port', 'ports', port({ networkUID: 'uid-lan' }), 'Port ns/p'],
    ['a port of another project', 'ports', port({ networkUID: 'uid-lan' }, { namespace: 'b' }), 'Port b/p'],
    ['a subnet', 'subnets', subnet({ state: 'ACTIVE' }), 'Subnet ns/s'],
    ['a subnet that goes', 'subnets', subnet({ state: 'DELETING' }), 'Subnet ns/s'],
    ['a subnet that was never made', 'subnets', subnet({ state: 'BUILD' }), undefined],
    ['a port that was never let in', 'ports', port({}), undefined],
  ] as const)('%s', async (_, cache, user, named) => {
    const w = memoryWorld()
    await reconcileNetwork(network(), w.deps, w.run)
    w.put(cache, user)
    const going = network(undefined, { deleted: true })
    const outcome = await reconcileNetwork(going, w.deps, w.run)
    if (named === undefined) expect(outcome).toEqual({ kind: 'released' })
    else expect(outcome).toMatchObject({ reason: 'InUse', message: expect.stringContaining(named) })
    expect(w.network.rows.of('Network').has('uid-lan')).toBe(named !== undefined)
    expect(going.status?.state).toBe('DELETING')
  })
  test.each([
    ['was realised: its row is made again, if the backend lost it', { logicalSwitch: 'uid-lan' }, true],
    ['never was: nothing is made of it', {}, false],
  ])('in use, and %s', async (_, status, hasRow) => {
    const w = memoryWorld()
    w.put('ports', port({ networkUID: 'uid-lan' }))
    const outcome = await reconcileNetwork(network(undefined, { deleted: true, status }), w.deps, w.run)
    expect(outcome).toMatchObject({ reason: 'InUse' })
    expect(w.network.rows.of('Network').has('uid-lan')).toBe(hasRow)
  })
  test('in use, and its users read what another underlay carries', async () => {
    const w = memoryWorld()
    w.put('ports', port({ networkUID: 'uid-lan' }))
    w.put('clouds', cloud('default', { underlayMTU: 9000 }))
    const going = network(undefined, { deleted: true, status: { logicalSwitch: 'uid-lan', mtu: 1442 } })
    await reconcileNetwork(going, w.deps, w.run)
    expect([going.status?.mtu, w.network.rows.of('Network').get('uid-lan')?.mtu]).toEqual([8942, 8942])
  })
})

/**
 * Others came to a network with port security, which keeps their addresses theirs: it cannot be taken from under them.
 */
describe('port security', () => {
  const others = port({ networkUID: 'uid-lan' }, { namespace: 'b' })
  const own = port({ networkUID: 'uid-lan' })
  const uninvited = port({}, { namespace: 'b' })
  test.each<[string, { wanted?: boolean; had?: boolean; with?: Port }, boolean | 'NotPermitted']>([
    ['is on unless said otherwise', {}, true],
    ['is on beside others', { wanted: true, had: true, with: others }, true],
    ['is off from the start', { wanted: false }, false],
    ['is off from the start, with others who came to it like that', { wanted: false, with: others }, false],
    ['was off and stays off', { wanted: false, had: false, with: others }, false],
    ['is turned on beside others', { wanted: true, had: false, with: others }, true],
    ['is turned off where nobody is', { wanted: false, had: true }, false],
    ['is turned off beside Ports of its own namespace', { wanted: false, had: true, with: own }, false],
    ['is turned off beside one who was never let in', { wanted: false, had: true, with: uninvited }, false],
    ['is not turned off beside others', { wanted: false, had: true, with: others }, 'NotPermitted'],
  ])('%s', async (_, { wanted, had, with: user }, expected) => {
    const w = memoryWorld()
    if (user) w.put('ports', user)
    const n = network(undefined, { status: had === undefined ? {} : { portSecurityEnabled: had } })
    if (wanted !== undefined) n.spec.portSecurityEnabled = wanted
    const run = runAsLoop(networkController(w.deps, w.stores as never), n, w.run)
    if (expected !== 'NotPermitted') {
      expect(await run).toEqual({ kind: 'done' })
      expect(n.status).toMatchObject({ state: 'ACTIVE', portSecurityEnabled: expected })
      return
    }
    await expect(run).rejects.toMatchObject({ reason: 'NotPermitted', message: expect.stringContaining('Port b/p') })
    expect(n.status).toMatchObject({ state: 'ERROR', portSecurityEnabled: true, mtu: 1442 })
  })
})

describe('is woken', () => {
  const world = (n: Network): MemoryWorld => {
    const w = memoryWorld()
    w.put('networks', n)
    w.put('networks', stored<Network>('other', {}))
    return w
  }
  const secured = (wanted: boolean | undefined, had?: boolean) => {
    const n = network(undefined, { status: had === undefined ? {} : { portSecurityEnabled: had } })
    if (wanted !== undefined) n.spec.portSecurityEnabled = wanted
    return n
  }
  const subnet = stored<Subnet>('s', { networkRef: { name: 'lan' }, cidr: '10.0.0.0/24' })
  test.each<[string, Network, boolean, boolean]>([
    ['stays', network(), false, false],
    ['waits for its users to go', network(undefined, { deleted: true }), true, true],
    ['waits for others to go, to give up port security', secured(false, true), true, false],
    ['never had port security', secured(false), false, false],
    ['gave it up', secured(false, false), false, false],
    ['keeps it', secured(true, true), false, false],
    ['keeps it without a word', secured(undefined, true), false, false],
  ])('%s: by a Port or a Subnet', (_, n, byPort, bySubnet) => {
    const woken = wokenBy(world(n), networkController)
    expect(woken('ports', port({}, { namespace: 'b' }))).toEqual(byPort ? ['ns/lan'] : [])
    expect(woken('subnets', subnet)).toEqual(bySubnet ? ['ns/lan'] : [])
  })
  test('not by a Port whose Network does not exist', () => {
    expect(wokenBy(memoryWorld(), networkController)('ports', port({}))).toEqual([])
  })
  test('by the Cloud, which says what the underlay carries; by no other Cloud', () => {
    const woken = wokenBy(world(network()), networkController)
    expect(woken('clouds', cloud('default'))).toEqual(['ns/lan', 'ns/other'])
    expect(woken('clouds', cloud('mine'))).toEqual([])
  })
})
