// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import type { Instance, IPClaim, Port } from '../../../lib/api/types.ts'
import { memoryWorld, stored } from '../../testing/memory-deps.ts'
import { isStale, reconcileIPClaim } from './reconcile.ts'

const claim = (portUid?: string) =>
  stored<IPClaim>('c', {
    address: '10.0.0.5',
    subnetRef: { name: 'lan-v4', uid: 'uid-lan-v4' },
    portRef: { namespace: 'ns', name: 'p', ...(portUid === undefined ? {} : { uid: portUid }) },
  })
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
    ['the port asks for it', claim(), port([['lan-v4', '10.0.0.5']]), undefined, false],
    ['the port has it', claim(), port([], [['lan-v4', '10.0.0.5']]), undefined, false],
    ['the port has none yet', claim(), port(), undefined, false],
    ['the port has one of another subnet', claim(), port([['other', '10.1.0.5']]), undefined, false],
    ['the port has another one', claim(), port([['lan-v4', '10.0.0.6']]), undefined, true],
    ['another port of that name', claim('uid-older'), port([['lan-v4', '10.0.0.5']]), undefined, true],
    ['the port is about to be made', claim(), undefined, machine(), false],
    ['the port is not to be made any more', claim(), undefined, machine(true), true],
    ['there is no port', claim(), undefined, undefined, true],
  ])('%s: %#', (_, c, p, i, stale) => {
    expect(isStale(c, p, i)).toBe(stale)
  })
})

describe('reconcile', () => {
  test('a claim without a port is removed, by what the apiserver says', async () => {
    const w = memoryWorld()
    const c = w.put('ipClaims', claim())
    expect(await reconcileIPClaim(c, w.deps, w.run)).toEqual({ kind: 'done' })
    expect(w.deps.caches.ipClaims.findByUid('uid-c')).toBeUndefined()
  })
  test('a cache that is behind removes nothing', async () => {
    const w = memoryWorld()
    const c = w.put('ipClaims', claim())
    const client = {
      ...w.run.client,
      find: async () => port([['lan-v4', '10.0.0.5']]),
    } as unknown as typeof w.run.client
    expect(await reconcileIPClaim(c, w.deps, { ...w.run, client })).toEqual({ kind: 'done' })
    expect(w.deps.caches.ipClaims.findByUid('uid-c')).toBeDefined()
  })
})
