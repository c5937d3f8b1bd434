// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import type { Instance, IPClaim, Network, Port, Subnet } from '../../../lib/api/types.ts'
import type { ClaimEntry } from '../../ipam/claim-block.ts'
import { memoryWorld, stored, type MemoryWorld } from '../../testing/memory-deps.ts'
import { ipClaimKind } from './kind.ts'
import { resolveAddresses } from '../port/addresses.ts'
import { reconcileIPClaim } from './reconcile.ts'

const entry = (portUid?: string, name = 'p', address = '10.0.0.5'): ClaimEntry => ({
  address,
  portRef: { namespace: 'ns', name, ...(portUid === undefined ? {} : { uid: portUid }) },
})
const MAC = 'fa:16:3e:00:00:01'
const NAME = 'uid-lan-v4-10-0-0-0'
const block = (...claims: ClaimEntry[]) =>
  stored<IPClaim>(NAME, { subnetRef: { name: 'lan-v4', uid: 'uid-lan-v4' }, block: '10.0.0.0/28', claims })
const port = (
  wanted: readonly [subnet: string, address: string][] = [],
  had: readonly [subnet: string, address: string][] = [],
) =>
  stored<Port>(
    'p',
    {
      networkRef: { name: 'lan' },
      fixedIPs: wanted.map(([subnet, ipAddress]) => ({ subnetRef: { name: subnet }, ipAddress })),
    },
    { status: { fixedIPs: had.map(([subnet, ipAddress]) => ({ subnet, ipAddress, prefixLength: 24 })) } },
  )
const SPEC = { networkRef: { name: 'lan' }, cidr: '10.0.0.0/24' }
const machine = (deleted = false) =>
  stored<Instance>('vm', { flavorRef: { name: 'f' }, imageRef: { name: 'i' } }, { deleted })

describe('is it stale?', () => {
  test.each([
    ['the port asks for it', entry(), port([['lan-v4', '10.0.0.5']]), undefined, false],
    ['the port has it', entry(), port([], [['lan-v4', '10.0.0.5']]), undefined, false],
    ['the port has none yet', entry(), port(), undefined, false],
    ['the port asks for one of another subnet too', entry(), port([['other', '10.1.0.5']]), undefined, false],
    ['the port has one of another subnet', entry(), port([], [['other', '10.1.0.5']]), undefined, true],
    [
      'the port has both',
      entry(),
      port(
        [],
        [
          ['other', '10.1.0.5'],
          ['lan-v4', '10.0.0.5'],
        ],
      ),
      undefined,
      false,
    ],
    ['the port has one of a subnet that is gone', entry(), port([], [['gone', '10.2.0.5']]), undefined, false],
    ['the port has another one', entry(), port([['lan-v4', '10.0.0.6']]), undefined, true],
    ['another port of that name', entry('uid-older'), port([['lan-v4', '10.0.0.5']]), undefined, true],
    ['the port is about to be made', entry(), undefined, machine(), false],
    ['the port is not to be made any more', entry(), undefined, machine(true), true],
    ['there is no port', entry(), undefined, undefined, true],
  ])('%s: %#', async (_, c, p, i, stale) => {
    const w = memoryWorld()
    for (const name of ['lan-v4', 'other']) w.put('subnets', stored<Subnet>(name, SPEC))
    w.put('subnets', stored<Subnet>('gone', { ...SPEC, networkRef: { name: 'elsewhere' } }))
    if (p) w.put('ports', p)
    if (i) w.put('instances', i)
    const claimed = w.put('ipClaims', block({ ...c, ...(i ? { instanceUid: i.metadata.uid } : {}) }))
    expect(await reconcileIPClaim(claimed, w.deps, w.run)).toEqual({ kind: 'done' })
    expect(w.deps.caches.ipClaims.size).toBe(stale ? 0 : 1)
  })
})

describe('reconcile', () => {
  const addresses = (w: MemoryWorld) => w.deps.caches.ipClaims.list().map((c) => c.spec.claims.map((e) => e.address))

  test('an address that no port has is released and the rest of the block stays; the block goes with the last one', async () => {
    const w = memoryWorld()
    w.put('ports', port([['lan-v4', '10.0.0.5']]))
    const c = w.put('ipClaims', block(entry(), entry('uid-gone', 'gone', '10.0.0.6')))
    expect(await reconcileIPClaim(c, w.deps, w.run)).toEqual({ kind: 'done' })
    expect(addresses(w)).toEqual([['10.0.0.5']])
    w.drop('ports', port())
    expect(await reconcileIPClaim(w.deps.caches.ipClaims.list()[0]!, w.deps, w.run)).toEqual({ kind: 'done' })
    expect(addresses(w)).toEqual([])
  })
  test('an address from a failed attempt is released once the port has others, and not before', async () => {
    const w = memoryWorld()
    const network = w.put('networks', stored<Network>('lan', {}))
    const subnet = (name: string, cidr: string) => w.put('subnets', stored<Subnet>(name, { ...SPEC, cidr }))
    const subnets = [subnet('a4', '10.0.0.0/30'), subnet('b4', '10.1.0.0/30'), subnet('six', 'fd00::/127')]
    const take = async (name: string, subnetRef: string) => {
      const taker = stored<Port>(name, { networkRef: { name: 'lan' }, fixedIPs: [{ subnetRef: { name: subnetRef } }] })
      await resolveAddresses(w.put('ports', taker), { network, mac: MAC }, w.deps)
      return taker
    }
    const takers = [await take('q', 'a4'), await take('r', 'six')]
    const held = () =>
      w.deps.addresses.listHeld({ namespace: 'ns', name: 'p', uid: 'uid-p' }).map((c) => c.entry.address)
    const clean = async () => {
      for (const c of w.deps.caches.ipClaims.list()) await reconcileIPClaim(c, w.deps, w.run)
    }
    const mine = w.put('ports', stored<Port>('p', { networkRef: { name: 'lan' } }))
    // The first family has room, in its second Subnet alone, and the other one none.
    expect(await resolveAddresses(mine, { network, mac: MAC }, w.deps)).toMatchObject({ ok: false })
    await clean()
    expect(held()).toEqual(['10.1.0.2'])
    for (const taker of takers) w.drop('ports', taker)
    await clean()
    const given = await resolveAddresses(mine, { network, mac: MAC }, w.deps)
    if (!given.ok) throw new Error('no addresses')
    await clean()
    expect(held()).toEqual(['10.1.0.2', '10.0.0.2', 'fd00::1'])
    const fixedIPs = given.object.map((g) => ({
      subnet: g.subnet.metadata.name,
      ipAddress: g.address,
      prefixLength: 30,
    }))
    w.put('ports', { ...mine, status: { fixedIPs } })
    await clean()
    expect(held()).toEqual(['10.0.0.2', 'fd00::1'])
    expect(subnets.map(({ metadata }) => w.deps.caches.ipClaims.listBy('subnet', metadata.uid).length)).toEqual([
      1, 0, 1,
    ])
  })
  test('a cache that is behind releases nothing', async () => {
    const w = memoryWorld()
    const c = w.put('ipClaims', block(entry()))
    const client = {
      ...w.run.client,
      find: async () => port([['lan-v4', '10.0.0.5']]),
    } as unknown as typeof w.run.client
    expect(await reconcileIPClaim(c, w.deps, { ...w.run, client })).toEqual({ kind: 'done' })
    expect(addresses(w)).toEqual([['10.0.0.5']])
  })
  test('what its cache says is in order costs no request, and a block that goes is left alone', async () => {
    const w = memoryWorld()
    w.put('ports', port([['lan-v4', '10.0.0.5']]))
    const client = { ...w.run.client, find: () => Promise.reject(new Error('asked')) } as unknown as typeof w.run.client
    const run = { ...w.run, client }
    expect(await reconcileIPClaim(w.put('ipClaims', block(entry())), w.deps, run)).toEqual({ kind: 'done' })
    const stale = w.put('ipClaims', block(entry('uid-gone', 'gone', '10.0.0.6')))
    await expect(reconcileIPClaim(stale, w.deps, run)).rejects.toThrow('asked')
    stale.metadata.deletionTimestamp = '2026-01-01T00:00:00Z'
    expect(await reconcileIPClaim(stale, w.deps, run)).toEqual({ kind: 'done' })
  })
  test('one that was judged and changed hands since is left alone', async () => {
    const w = memoryWorld()
    const c = w.put('ipClaims', block(entry('uid-old')))
    w.put('ipClaims', block(entry('uid-young')))
    expect(await reconcileIPClaim(c, w.deps, w.run)).toEqual({ kind: 'done' })
    expect(addresses(w)).toEqual([['10.0.0.5']])
  })
})

test('ports and machines find the blocks that they have addresses in', () => {
  const c = block({ ...entry(), instanceUid: 'vm-1' }, entry('u', 'q', '10.0.0.6'), entry('u', 'q', '10.0.0.7'))
  expect(ipClaimKind.indexes?.['port']?.(c)).toEqual(['ns/p', 'ns/q'])
  expect(ipClaimKind.indexes?.['instance']?.(c)).toEqual(['vm-1'])
})
