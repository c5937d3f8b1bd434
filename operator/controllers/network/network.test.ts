// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import type { Cloud, Network, Port, Subnet } from '../../../lib/api/types.ts'
import { memoryWorld, stored } from '../../testing/memory-deps.ts'
import { reconcileNetwork } from './reconcile.ts'

const network = (mtu?: number, more: object = {}) => stored<Network>('lan', mtu === undefined ? {} : { mtu }, more)

describe('create: MTU', () => {
  test.each([
    ['of a usual underlay', undefined, undefined, 1442],
    ['of a jumbo underlay', undefined, 9000, 8942],
    ['as asked for', 1300, undefined, 1300],
    ['never above what passes the tunnels', 9000, undefined, 1442],
  ])('%s', async (_, mtu, underlayMTU, guests) => {
    const w = memoryWorld()
    if (underlayMTU !== undefined) w.put('clouds', stored<Cloud>('default', { underlayMTU }, { namespace: '' }))
    const n = network(mtu)
    expect(await reconcileNetwork(n, w.deps, w.run)).toEqual({ kind: 'done' })
    expect(n.status).toMatchObject({ state: 'ACTIVE', mtu: guests, logicalSwitch: 'uid-lan' })
    expect(w.network.rows.networks.get('uid-lan')?.mtu).toBe(guests)
  })
})

describe('delete', () => {
  const port = (status: Port['status'], more: object = {}) =>
    stored<Port>('p', { networkRef: { name: 'lan', namespace: 'ns' } }, { status, ...more })
  test.each([
    ['a port', 'ports', port({ networkUID: 'uid-lan' }), 'Port ns/p'],
    ['a port of another project', 'ports', port({ networkUID: 'uid-lan' }, { namespace: 'b' }), 'Port b/p'],
    ['a subnet', 'subnets', stored<Subnet>('s', { networkRef: { name: 'lan' }, cidr: '10.0.0.0/24' }), 'Subnet ns/s'],
    ['a port that was never let in', 'ports', port({}), undefined],
  ] as const)('%s', async (_, cache, user, named) => {
    const w = memoryWorld()
    await reconcileNetwork(network(), w.deps, w.run)
    w.put(cache, user)
    const outcome = await reconcileNetwork(network(undefined, { deleted: true }), w.deps, w.run)
    if (named === undefined) expect(outcome).toEqual({ kind: 'released' })
    else expect(outcome).toMatchObject({ reason: 'InUse', message: expect.stringContaining(named) })
    expect(w.network.rows.networks.has('uid-lan')).toBe(named !== undefined)
  })
})
