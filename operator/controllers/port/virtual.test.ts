// SPDX-License-Identifier: Apache-2.0
import { beforeEach, describe, expect, test } from '@jest/globals'
import type { Network, Port } from '../../../lib/api/types.ts'
import { memoryWorld, stored, type MemoryWorld } from '../../testing/memory-deps.ts'
import { ns, QuietCloud } from '../../testing/quiet-cloud.ts'
import { observeVirtual, virtualOf } from './virtual.ts'

const port = (name: string, spec: object = {}, status: object = {}) =>
  stored<Port>(name, { networkRef: { name: 'lan' }, ...spec }, { namespace: 'ns', status })
const naming = (name: string, ipAddress: string, status: object = {}) =>
  port(name, { allowedAddressPairs: [{ ipAddress }] }, status)
const lan = stored<Network>('lan', {})
const uidOf = (name: string) => port(name).metadata.uid
const ADDRESSES = [{ address: '10.0.0.9' }, { address: 'fd00::9' }]

let w: MemoryWorld
beforeEach(() => {
  w = memoryWorld()
})
const virtual = (vip = port('vip')) => virtualOf(vip, lan, ADDRESSES, w.deps.caches)

describe('which Port is a virtual one', () => {
  test('one whose address others name, and of these those that are on a node are its parents', () => {
    expect(virtual()).toBeUndefined()
    w.put('ports', naming('a', '10.0.0.9', { node: 'n1' }))
    w.put('ports', naming('b', '10.0.0.8/29', { node: 'n2' }))
    w.put('ports', naming('off', '10.0.0.9'))
    expect(virtual()).toEqual({
      address: '10.0.0.9',
      parents: [
        { portUid: uidOf('a'), node: 'n1' },
        { portUid: uidOf('b'), node: 'n2' },
      ].sort((x, y) => (x.portUid < y.portUid ? -1 : 1)),
    })
  })
  test('by its second address, and before anybody has a place', () => {
    w.put('ports', naming('a', 'fd00::9'))
    expect(virtual()).toEqual({ address: 'fd00::9', parents: [] })
  })
  test.each<[string, object, object]>([
    ['a machine’s', {}, { instance: { name: 'vm', uid: 'u' } }],
    ['on a node', {}, { node: 'n1' }],
    ['a Router’s', {}, { router: { name: 'r', uid: 'u' } }],
    ['a Trunk’s', {}, { trunk: { name: 't', uid: 'u', segmentationID: 7 } }],
    ['of a host outside', { vnicType: 'external' }, {}],
  ])('none that is %s', (_, spec, status) => {
    w.put('ports', naming('a', '10.0.0.9', { node: 'n1' }))
    expect(virtual(port('vip', spec, status))).toBeUndefined()
  })
})

test('its status names its parents and who has it, which makes it ACTIVE, and nothing once it is none', () => {
  w.put('ports', naming('a', '10.0.0.9', { node: 'n1' }))
  w.put('ports', naming('b', '10.0.0.9', { node: 'n2' }))
  const vip = port('vip')
  observeVirtual(vip, virtual(), w.deps)
  expect(vip.status).toMatchObject({ state: 'DOWN', virtual: { ipAddress: '10.0.0.9', parents: ['a', 'b'] } })
  w.network.setVirtualHolder(vip.metadata.uid, { portUid: uidOf('b'), node: 'n2' })
  observeVirtual(vip, virtual(), w.deps)
  expect(vip.status).toMatchObject({ state: 'ACTIVE', virtual: { holder: { port: 'b', node: 'n2' } } })
  w.network.setVirtualHolder(vip.metadata.uid, undefined)
  observeVirtual(vip, virtual(), w.deps)
  expect(vip.status?.virtual).not.toHaveProperty('holder')
  observeVirtual(vip, undefined, w.deps)
  expect(vip.status).not.toHaveProperty('virtual')
})

test('with all timers off: a Port becomes virtual as machines that name its address come, follows who has it, and is none when they go', async () => {
  const c = await QuietCloud.furnished()
  const { network } = c.operator.world
  const vipPort = () => c.operator.get('ports', ns('vip')) as Port
  const row = () => network.rows.of('Port').get(c.uidOf('vip', 'ports'))
  c.port('vip', { fixedIPs: [{ subnetRef: { name: 'lan-v4' }, ipAddress: '10.0.0.50' }] })
  await c.operator.rest()
  expect(row()).not.toHaveProperty('virtual')
  c.port('a', { allowedAddressPairs: [{ ipAddress: '10.0.0.50' }] })
  c.vm('vm', { networks: [{ portRef: { name: 'a' } }] })
  await c.operator.rest()
  const { node } = (c.operator.get('ports', ns('a')) as Port).status ?? {}
  expect(row()).toMatchObject({
    virtual: { address: '10.0.0.50', parents: [{ portUid: c.uidOf('a', 'ports'), node }] },
  })
  expect(vipPort().status).toMatchObject({ state: 'DOWN', virtual: { parents: ['a'] } })
  network.setVirtualHolder(c.uidOf('vip', 'ports'), { portUid: c.uidOf('a', 'ports'), node: node ?? '' })
  await c.operator.rest()
  expect(vipPort().status).toMatchObject({ state: 'ACTIVE', virtual: { holder: { port: 'a', node } } })
  c.operator.remove('instances', ns('vm'))
  network.setVirtualHolder(c.uidOf('vip', 'ports'), undefined)
  await c.operator.rest()
  expect(vipPort().status).toMatchObject({ state: 'DOWN', virtual: { parents: [] } })
  c.set('ports', 'a', { allowedAddressPairs: [] })
  await c.operator.rest()
  expect(row()).not.toHaveProperty('virtual')
  expect(vipPort().status).not.toHaveProperty('virtual')
})
