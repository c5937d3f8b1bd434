// SPDX-License-Identifier: Apache-2.0
// What prefixes a SubnetPool has: those of its spec, those taken out that are in use, and in an AddressScope none that another has.
import { beforeEach, describe, expect, test } from '@jest/globals'
import type { AddressScope, Subnet, SubnetPool } from '../../../lib/api/types.ts'
import type { Outcome } from '../../../lib/outcome.ts'
import { reconcileAddressScope } from '../address-scope/reconcile.ts'
import { memoryWorld, stored, type MemoryWorld } from '../../testing/memory-deps.ts'
import { wokenBy } from '../../testing/woken.ts'
import { addressScopeController } from '../address-scope/controller.ts'
import { subnetPoolController } from './controller.ts'
import { reconcileSubnetPool } from './reconcile.ts'

let w: MemoryWorld
beforeEach(() => {
  w = memoryWorld()
})
const scoped = { addressScopeRef: { name: 'scope' } }
const put = (name: string, spec: SubnetPool['spec'], more: object = {}) =>
  w.put('subnetPools', stored<SubnetPool>(name, spec, more))
const scope = (more: object = {}) => w.put('addressScopes', stored<AddressScope>('scope', { ipVersion: 4 }, more))
const subnet = (name: string, cidr: string) =>
  w.put(
    'subnets',
    stored<Subnet>(name, { networkRef: { name: 'lan' }, subnetPoolRef: { name: 'pool' } }, { status: { cidr } }),
  )
const entry = (name: string, cidr: string) => ({ cidr, holder: `ns/${name}`, holderUID: `uid-${name}` })
const poolNow = (name = 'pool') => structuredClone(w.deps.caches.subnetPools.find('ns', name)!)
const scopeNow = () => structuredClone(w.deps.caches.addressScopes.find('ns', 'scope')!)
const claims = () => scopeNow().status?.allocations?.map(({ cidr, holder }) => `${cidr} ${holder}`) ?? []

/** As the loop does it: the status is written after each run, and `saved` runs again. */
async function settle(name = 'pool'): Promise<Outcome> {
  for (let i = 0; i < 6; i++) {
    const pool = poolNow(name)
    const outcome = await reconcileSubnetPool(pool, w.deps, w.run)
    await w.run.client.updateStatus({ plural: 'subnetpools' } as never, pool)
    if (outcome.kind !== 'saved') return outcome
  }
  throw new Error('it does not come to rest')
}

describe('has', () => {
  test('the prefixes of its spec, also those that are added', async () => {
    put('pool', { prefixes: ['10.0.0.0/16'] })
    expect(await settle()).toEqual({ kind: 'done' })
    expect(poolNow().status).toEqual({ state: 'ACTIVE', ipVersion: 4, prefixes: ['10.0.0.0/16'], subnets: 0 })
    put('pool', { prefixes: ['10.0.0.0/16', '10.9.0.0/16'] }, { status: poolNow().status })
    expect(await settle()).toEqual({ kind: 'done' })
    expect(poolNow().status?.prefixes).toEqual(['10.0.0.0/16', '10.9.0.0/16'])
  })
  test('one that was taken out, while Subnets are of it, and says which', async () => {
    const allocations = [entry('a', '10.0.0.0/24'), entry('b', '10.9.0.0/24')]
    for (const { holder, cidr } of allocations) subnet(holder.slice(3), cidr)
    const status = { prefixes: ['10.0.0.0/16', '10.9.0.0/16'], allocations }
    put('pool', { prefixes: ['10.9.0.0/16'] }, { status })
    expect(await settle()).toMatchObject({
      reason: 'PrefixInUse',
      message: expect.stringContaining('Subnets ns/a have'),
    })
    expect(poolNow().status).toMatchObject({ state: 'ACTIVE', prefixes: ['10.9.0.0/16', '10.0.0.0/16'] })
    put('pool', { prefixes: ['10.9.0.0/16'] }, { status: { ...status, allocations: [entry('b', '10.9.0.0/24')] } })
    expect(await settle()).toEqual({ kind: 'done' })
    expect(poolNow().status?.prefixes).toEqual(['10.9.0.0/16'])
  })
  test('a larger one in place of a smaller one that is in use', async () => {
    subnet('a', '10.0.0.0/24')
    put(
      'pool',
      { prefixes: ['10.0.0.0/8'] },
      { status: { prefixes: ['10.0.0.0/16'], allocations: [entry('a', '10.0.0.0/24')] } },
    )
    expect(await settle()).toEqual({ kind: 'done' })
    expect(poolNow().status?.prefixes).toEqual(['10.0.0.0/8'])
  })
})

describe('in an AddressScope', () => {
  test('it has what nobody else has, and the rest once that is free', async () => {
    scope()
    put('other', { ...scoped, prefixes: ['10.0.0.0/16'] })
    put('pool', { ...scoped, prefixes: ['10.0.0.0/8', '172.16.0.0/12'] })
    expect(await settle('other')).toEqual({ kind: 'done' })
    const said = await settle()
    expect(said).toMatchObject({
      reason: 'CIDROverlap',
      message: expect.stringContaining('10.0.0.0/16 of SubnetPool ns/other'),
    })
    expect(poolNow().status).toMatchObject({ state: 'ACTIVE', prefixes: ['172.16.0.0/12'] })
    expect(claims()).toEqual(['10.0.0.0/16 ns/other', '172.16.0.0/12 ns/pool'])
    put('other', { ...scoped, prefixes: ['10.0.0.0/16'] }, { deleted: true, status: poolNow('other').status })
    expect(await settle('other')).toEqual({ kind: 'released' })
    expect(await settle()).toEqual({ kind: 'done' })
    expect(claims()).toEqual(['10.0.0.0/8 ns/pool', '172.16.0.0/12 ns/pool'])
  })
  test('others of other namespaces have no name', async () => {
    const allocations = [{ cidr: '10.0.0.0/8', holder: 'secret/x', holderUID: 'x' }]
    const shared = { ipVersion: 4 as const, sharedWith: [{ namespace: 'ns' }] }
    w.put('addressScopes', stored<AddressScope>('scope', shared, { namespace: 'infra', status: { allocations } }))
    put('pool', { addressScopeRef: { name: 'scope', namespace: 'infra' }, prefixes: ['10.1.0.0/16'] })
    const said = await settle()
    expect(said).toMatchObject({ reason: 'CIDROverlap', message: expect.not.stringContaining('secret') })
    expect(poolNow().status).toMatchObject({ state: 'BUILD', prefixes: [] })
  })
  test('a prefix that is taken out does not count before the scope has it back', async () => {
    scope()
    put('pool', { ...scoped, prefixes: ['10.0.0.0/16', '10.9.0.0/16'] })
    await settle()
    const pool = put('pool', { ...scoped, prefixes: ['10.0.0.0/16'] }, { status: poolNow().status })
    const first = structuredClone(pool)
    expect(await reconcileSubnetPool(first, w.deps, w.run)).toEqual({ kind: 'saved' })
    expect(first.status?.prefixes).toEqual(['10.0.0.0/16'])
    // A crash here loses nothing.
    expect(claims()).toEqual(['10.0.0.0/16 ns/pool', '10.9.0.0/16 ns/pool'])
    expect(await settle()).toEqual({ kind: 'done' })
    expect(claims()).toEqual(['10.0.0.0/16 ns/pool'])
  })
  test('of another family it can have none', async () => {
    scope()
    put('pool', { ...scoped, prefixes: ['fd00::/48'] })
    await expect(settle()).rejects.toMatchObject({ reason: 'AddressFamilyMismatch' })
  })
  test('that is missing it keeps what it has and gets no more', async () => {
    put('pool', { ...scoped, prefixes: ['10.0.0.0/16', '10.1.0.0/16'] }, { status: { prefixes: ['10.0.0.0/16'] } })
    expect(await settle()).toMatchObject({ reason: 'AddressScopeNotFound' })
    expect(poolNow().status).toMatchObject({ state: 'ACTIVE', prefixes: ['10.0.0.0/16'] })
  })
  test('the scope stays as long as a pool has a part of it, and says which', async () => {
    scope()
    put('pool', { ...scoped, prefixes: ['10.0.0.0/16'] })
    await settle()
    const going = scope({ deleted: true, status: scopeNow().status })
    const inUse = { reason: 'InUse', message: expect.stringContaining('SubnetPool ns/pool') }
    expect(await reconcileAddressScope(structuredClone(going), w.deps, w.run)).toMatchObject(inUse)
    // It was claimed, and the pool has not got as far as its own status.
    put('pool', { ...scoped, prefixes: ['10.0.0.0/16'] })
    expect(await reconcileAddressScope(structuredClone(going), w.deps, w.run)).toMatchObject({
      ...inUse,
      message: expect.stringContaining('SubnetPools ns/pool'),
    })
    expect(going.status?.allocations).toHaveLength(1)
  })
  test('what a pool had that went by force is free again', async () => {
    const going = scope({ status: { allocations: [entry('pool', '10.0.0.0/8')] } })
    expect(await reconcileAddressScope(going, w.deps, w.run)).toEqual({ kind: 'saved' })
    expect(going.status).toEqual({ state: 'ACTIVE', allocations: [] })
  })
})

describe('of a pool that goes', () => {
  const gone = { prefixes: ['10.0.0.0/16'] }
  test('Subnets keep it, also one that it does not see yet', async () => {
    subnet('a', '10.0.0.0/24')
    const status = { allocations: [entry('a', '10.0.0.0/24')] }
    put('pool', gone, { deleted: true, status })
    expect(await settle()).toMatchObject({ reason: 'InUse', message: expect.stringContaining('Subnet ns/a') })
    w.put('subnets', stored<Subnet>('a', { networkRef: { name: 'lan' }, subnetPoolRef: { name: 'pool' } }))
    expect(await settle()).toMatchObject({ reason: 'InUse', message: expect.stringContaining('Subnets ns/a') })
  })
  test('what a Subnet had that went by force is free again, once the store says so', async () => {
    put('pool', gone, {
      status: { prefixes: gone.prefixes, allocations: [entry('a', '10.0.0.0/24'), entry('b', '10.0.1.0/24')] },
    })
    subnet('a', '10.0.0.0/24')
    // The cache is behind: the store has it.
    const b = stored<Subnet>('b', { networkRef: { name: 'lan' } })
    const find = async (_: unknown, ref: { name: string }) => (ref.name === 'b' ? b : undefined)
    const run = { ...w.run, client: { ...w.run.client, find } as unknown as typeof w.run.client }
    expect(await reconcileSubnetPool(poolNow(), w.deps, run)).toEqual({ kind: 'done' })
    expect(await settle()).toEqual({ kind: 'done' })
    expect(poolNow().status).toMatchObject({ subnets: 1, allocations: [entry('a', '10.0.0.0/24')] })
  })
})

test('a Subnet, or a pool, that is deleted wakes what it had a part of', () => {
  put('pool', { ...scoped, prefixes: ['10.0.0.0/16'] })
  scope()
  const [onPool, onScope] = [wokenBy(w, subnetPoolController), wokenBy(w, addressScopeController)]
  const going = { deleted: true }
  const named = (more: object) =>
    stored<Subnet>('a', { networkRef: { name: 'lan' }, subnetPoolRef: { name: 'pool' } }, more)
  expect(onPool('subnets', named(going))).toEqual(['ns/pool'])
  expect(onPool('subnets', named({}))).toEqual([])
  expect(onScope('subnetPools', stored<SubnetPool>('pool', { ...scoped, prefixes: [] }, going))).toEqual(['ns/scope'])
  expect(onPool('addressScopes', stored<AddressScope>('scope', { ipVersion: 4 }))).toEqual(['ns/pool'])
})
