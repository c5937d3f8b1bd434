// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import type { Instance, IPClaim, Port } from '../../../lib/api/types.ts'
import type { ClaimEntry } from '../../ipam/claim-block.ts'
import { memoryWorld, stored, type MemoryWorld } from '../../testing/memory-deps.ts'
import { ipClaimIndexes } from '../common/indexes.ts'
import { isStale, reconcileIPClaim } from './reconcile.ts'

const entry = (portUid?: string, name = 'p', address = '10.0.0.5'): ClaimEntry => ({
  address,
  portRef: { namespace: 'ns', name, ...(portUid === undefined ? {} : { uid: portUid }) },
})
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
const machine = (deleted = false) =>
  stored<Instance>('vm', { flavorRef: { name: 'f' }, imageRef: { name: 'i' } }, { deleted })

describe('is it stale?', () => {
  test.each([
    ['the port asks for it', entry(), port([['lan-v4', '10.0.0.5']]), undefined, false],
    ['the port has it', entry(), port([], [['lan-v4', '10.0.0.5']]), undefined, false],
    ['the port has none yet', entry(), port(), undefined, false],
    ['the port has one of another subnet', entry(), port([['other', '10.1.0.5']]), undefined, false],
    ['the port has another one', entry(), port([['lan-v4', '10.0.0.6']]), undefined, true],
    ['another port of that name', entry('uid-older'), port([['lan-v4', '10.0.0.5']]), undefined, true],
    ['the port is about to be made', entry(), undefined, machine(), false],
    ['the port is not to be made any more', entry(), undefined, machine(true), true],
    ['there is no port', entry(), undefined, undefined, true],
  ])('%s: %#', (_, c, p, i, stale) => {
    expect(isStale(c, 'lan-v4', p, i)).toBe(stale)
  })
})

describe('reconcile', () => {
  const addresses = (w: MemoryWorld) => w.deps.caches.ipClaims.list().map((c) => c.spec.claims.map((e) => e.address))

  test('what no port has is released, the others of the block stay; with the last it goes', async () => {
    const w = memoryWorld()
    w.put('ports', port([['lan-v4', '10.0.0.5']]))
    const c = w.put('ipClaims', block(entry(), entry('uid-gone', 'gone', '10.0.0.6')))
    expect(await reconcileIPClaim(c, w.deps, w.run)).toEqual({ kind: 'done' })
    expect(addresses(w)).toEqual([['10.0.0.5']])
    w.drop('ports', port())
    expect(await reconcileIPClaim(w.deps.caches.ipClaims.list()[0]!, w.deps, w.run)).toEqual({ kind: 'done' })
    expect(addresses(w)).toEqual([])
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
  expect(ipClaimIndexes.port(c)).toEqual(['ns/p', 'ns/q'])
  expect(ipClaimIndexes.instance(c)).toEqual(['vm-1'])
})
