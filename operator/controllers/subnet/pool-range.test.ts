// SPDX-License-Identifier: Apache-2.0
// A Subnet whose range a SubnetPool gives: for life, given back once, and neither given twice nor lost wherever the operator dies.
import { beforeEach, describe, expect, test } from '@jest/globals'
import { SUBNET } from '../../../lib/api/kinds.ts'
import type { Network, Port, Subnet, SubnetPool } from '../../../lib/api/types.ts'
import type { KubeClient } from '../../../lib/kube/client.ts'
import type { Outcome } from '../../../lib/outcome.ts'
import { RangeBook } from '../../ipam/range-book.ts'
import { crashingClient } from '../../testing/crashing-client.ts'
import { memoryWorld, stored, type MemoryWorld } from '../../testing/memory-deps.ts'
import { wokenBy } from '../../testing/woken.ts'
import { subnetController } from './controller.ts'
import { cidrOf, planOf } from './range.ts'
import { findUsablePlan, reconcileSubnet } from './reconcile.ts'

let w: MemoryWorld
const poolRef = { name: 'pool', namespace: 'infra' }
const subnetOf = (name: string, more: object = {}, spec: Partial<Subnet['spec']> = {}) =>
  stored<Subnet>(name, { networkRef: { name: 'lan' }, subnetPoolRef: poolRef, ...spec }, more)
const put = (name: string, more: object = {}, spec: Partial<Subnet['spec']> = {}) =>
  w.put('subnets', subnetOf(name, more, spec))
const putPool = (spec: Partial<SubnetPool['spec']> = {}, more: object = {}) => {
  const all = { prefixes: ['10.0.0.0/8'], sharedWith: [{ namespace: 'ns' }], ...spec }
  return w.put(
    'subnetPools',
    stored<SubnetPool>('pool', all, { namespace: 'infra', status: { prefixes: all.prefixes }, ...more }),
  )
}
const given = () => w.deps.caches.subnetPools.find('infra', 'pool')?.status?.allocations ?? []
const now = (name: string) => structuredClone(w.deps.caches.subnets.find('ns', name)!)

beforeEach(() => {
  w = memoryWorld()
  putPool()
  w.put('networks', stored<Network>('lan', {}, { status: { logicalSwitch: 'uid-lan', mtu: 1442 } }))
  w.network.rows
    .of('Network')
    .set('uid-lan', { kind: 'Network', uid: 'uid-lan', namespace: 'ns', name: 'lan', generation: 1, mtu: 1442 })
})

/** As the loop does it: the status is written after each run, `saved` runs again, `released` removes the object. */
async function settle(name: string, client: KubeClient = w.run.client): Promise<Outcome> {
  const deps = { ...w.deps, ranges: new RangeBook(client) }
  for (let i = 0; i < 6; i++) {
    const subnet = now(name)
    const outcome = await reconcileSubnet(subnet, deps, w.run)
    if (outcome.kind === 'released') {
      await client.remove(SUBNET, { namespace: 'ns', name })
      return outcome
    }
    await client.updateStatus(SUBNET, subnet)
    if (outcome.kind !== 'saved') return outcome
  }
  throw new Error('it does not come to rest')
}

describe('a range of a pool', () => {
  test('is written before anything is made of it, and served like one that is written', async () => {
    const first = put('a')
    expect(await reconcileSubnet(structuredClone(first), w.deps, w.run)).toEqual({ kind: 'saved' })
    expect(w.network.rows.of('Subnet').size).toBe(0)
    expect(await settle('a')).toEqual({ kind: 'done' })
    expect(now('a').status).toEqual({ cidr: '10.0.0.0/24', gatewayIP: '10.0.0.1', state: 'ACTIVE' })
    expect(w.network.rows.of('Subnet').get('uid-a')).toMatchObject({ cidr: '10.0.0.0/24', gatewayIP: '10.0.0.1' })
    expect(given()).toEqual([{ cidr: '10.0.0.0/24', holder: 'ns/a', holderUID: 'uid-a' }])
  })
  test('belongs to the AddressScope of the pool', async () => {
    putPool({ addressScopeRef: { name: 'scope' } })
    put('a')
    await settle('a')
    expect(now('a').status?.addressScope).toBe('infra/scope')
  })
  test('once it has it costs no request', async () => {
    put('a')
    await settle('a')
    w.deps.ranges.change = () => Promise.reject(new Error('asked'))
    expect(await reconcileSubnet(now('a'), w.deps, w.run)).toEqual({ kind: 'done' })
  })
  test.each<[string, () => void]>([
    ['is not shared any more', () => void putPool({ sharedWith: [] }, { status: { allocations: given() } })],
    ['goes', () => void putPool({}, { deleted: true, status: { allocations: given() } })],
    ['is gone', () => w.drop('subnetPools', w.deps.caches.subnetPools.find('infra', 'pool')!)],
    ['has lost its status', () => void putPool({}, { status: {} })],
  ])('stays when the pool %s', async (_, happens) => {
    put('a')
    await settle('a')
    happens()
    expect(await settle('a')).toEqual({ kind: 'done' })
    expect(now('a').status?.cidr).toBe('10.0.0.0/24')
    expect(given().length).toBe(w.deps.caches.subnetPools.find('infra', 'pool') ? 1 : 0)
  })
  test.each<[string, () => void, string]>([
    ['is not shared', () => void putPool({ sharedWith: [] }), 'SubnetPoolNotFound'],
    ['goes', () => void putPool({}, { deleted: true }), 'SubnetPoolDeleting'],
    ['has no room', () => void putPool({ prefixes: ['10.0.0.0/30'], minPrefixLength: 8 }), 'NoFreeRange'],
  ])('is none when the pool %s: nothing can be had of such a Subnet', async (_, happens, reason) => {
    happens()
    put('a')
    expect(await settle('a')).toMatchObject({ kind: 'wait', reason })
    expect(now('a').status).toEqual({ state: 'BUILD' })
    expect(findUsablePlan(now('a'), [])).toBeUndefined()
    expect(() => planOf(now('a'))).toThrow('has no range yet')
    expect([given(), w.network.rows.of('Subnet').size]).toEqual([[], 0])
  })
  test('that is asked for and can never be is refused for good', async () => {
    put('a', {}, { prefixLength: 31 })
    await expect(settle('a')).rejects.toMatchObject({ reason: 'PrefixLengthNotAllowed' })
  })
  test('that is asked for is the Subnet’s only once the pool has given it', () => {
    expect(cidrOf(subnetOf('a', {}, { cidr: '10.7.0.0/24' }))).toBeUndefined()
    expect(cidrOf(subnetOf('a', { status: { cidr: '10.7.0.0/24' } }, { cidr: '10.7.0.0/24' }))).toBe('10.7.0.0/24')
  })
})

describe('is given back', () => {
  const going = (name: string) => put(name, { deleted: true, status: now(name).status })

  test('when nothing uses it, and not before', async () => {
    put('a')
    await settle('a')
    const fixedIPs = [{ subnet: 'a', ipAddress: '10.0.0.5', prefixLength: 24 }]
    const port = w.put('ports', stored<Port>('p', { networkRef: { name: 'lan' } }, { status: { fixedIPs } }))
    going('a')
    putPool({}, { status: { prefixes: ['10.0.0.0/8'] } })
    expect(await settle('a')).toMatchObject({ reason: 'InUse' })
    // It was lost, and is used.
    expect(given()).toHaveLength(1)
    w.drop('ports', port)
    expect(await settle('a')).toEqual({ kind: 'released' })
    expect(given()).toEqual([])
  })
  test('of a pool that is gone there is nothing to give back, and one that never got any goes at once', async () => {
    put('a', { deleted: true })
    expect(await settle('a')).toEqual({ kind: 'released' })
    expect(given()).toEqual([])
    put('b', { deleted: true, status: { cidr: '10.0.0.0/24' } })
    w.drop('subnetPools', w.deps.caches.subnetPools.find('infra', 'pool')!)
    expect(await settle('b')).toEqual({ kind: 'released' })
  })

  test.each([1, 2, 3].flatMap((write) => (['before', 'after'] as const).map((when) => [write, when] as const)))(
    'once and to nobody twice, though the operator dies at write %s, %s it',
    async (write, when) => {
      for (const name of ['a', 'b']) put(name)
      const dying = () => crashingClient(w.run.client, { write, when }, () => undefined)
      await settle('a', dying()).catch(() => undefined)
      await settle('b')
      await settle('a')
      expect([now('a').status?.cidr, now('b').status?.cidr].sort()).toEqual(['10.0.0.0/24', '10.0.1.0/24'])
      expect(
        given()
          .map(({ cidr, holder }) => `${cidr} ${holder}`)
          .sort(),
      ).toEqual(['a', 'b'].map((name) => `${now(name).status?.cidr} ns/${name}`).sort())
      const [was, other] = [now('a').status?.cidr, now('b').status?.cidr]
      going('a')
      await settle('a', dying()).catch(() => undefined)
      // Somebody else gets it as soon as it is free, and the second attempt takes it from nobody.
      put('c')
      await settle('c')
      if (w.deps.caches.subnets.find('ns', 'a')) await settle('a')
      expect(w.deps.caches.subnets.find('ns', 'a')).toBeUndefined()
      const holders = given().map(({ cidr, holder }) => `${cidr} ${holder}`)
      expect(holders).toContain(`${other} ns/b`)
      expect(holders).toContain(`${now('c').status?.cidr} ns/c`)
      expect(holders).toHaveLength(2)
      expect(new Set([was, other, now('c').status?.cidr]).size).toBeGreaterThanOrEqual(2)
    },
  )
})

describe('wakes those that wait', () => {
  const allocations = ['a', 'b'].map((name, i) => ({
    cidr: `10.0.${i}.0/24`,
    holder: `ns/${name}`,
    holderUID: `uid-${name}`,
  }))
  const pool = (more: object = {}, spec: object = {}) =>
    stored<SubnetPool>(
      'pool',
      { prefixes: ['10.0.0.0/8'], ...spec },
      { namespace: 'infra', status: { prefixes: ['10.0.0.0/8'], allocations }, ...more },
    )
  const status = (changes: object) => ({ status: { ...pool().status, ...changes } })
  test.each<[string, SubnetPool, boolean]>([
    [
      'what it gives to others',
      pool(status({ allocations: [...allocations, { ...allocations[0], holderUID: 'c' }] })),
      false,
    ],
    ['what it gets back', pool(status({ allocations: allocations.slice(1) })), true],
    ['a prefix', pool(status({ prefixes: ['10.0.0.0/8', '172.16.0.0/12'] })), true],
    ['another spec', pool({ generation: 2 }, { defaultQuota: 9 }), true],
    ['its end', pool({ deleted: true }), true],
    ['a condition', pool(status({ state: 'ACTIVE' })), false],
  ])('%s', (_, after, wakes) => {
    put('waiting')
    const woken = wokenBy(w, subnetController)
    expect(woken('subnetPools', after, pool())).toEqual(wakes ? ['ns/waiting'] : [])
  })
})
