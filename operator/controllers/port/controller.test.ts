// SPDX-License-Identifier: Apache-2.0
// Which neighbours wake a Port: those that it may wait for, and nobody else. Without a clock.
import { beforeEach, describe, expect, test } from '@jest/globals'
import type { Cloud, ComputeNode, Instance, Network, Port, SecurityGroup, Subnet } from '../../../lib/api/types.ts'
import { automaticPortName } from '../../placed/automatic-port-name.ts'
import { memoryWorld, stored, type MemoryWorld } from '../../testing/memory-deps.ts'
import { wokenBy } from '../../testing/woken.ts'
import { portController } from './controller.ts'

const LAN = { networkRef: { name: 'lan' } }
const MAC = 'fa:16:3e:00:00:09'
const cluster = { namespace: '' }
const port = (name: string, spec: Partial<Port['spec']> = {}, more: object = {}) =>
  stored<Port>(name, { ...LAN, securityGroupRefs: [], ...spec }, more)
const machine = (networks: object[], status: Instance['status'] = {}) =>
  stored<Instance>('vm', { flavorRef: { name: 'f' }, imageRef: { name: 'i' }, networks: networks }, { status })
const automatic = automaticPortName(machine([]), 0)
const range = (ipAddress: string) => ({ allowedAddressPairs: [{ ipAddress }] })
const placed = { status: { node: 'c2' } }
const at = (ipAddress: string) => ({ fixedIPs: [{ subnetRef: { name: 'v4' }, ipAddress }] })
const far = { networkRef: { name: 'far' } }

let w: MemoryWorld
let woken: ReturnType<typeof wokenBy>
beforeEach(() => {
  w = memoryWorld()
  const given = { ...placed, status: { ...placed.status, ...range('10.0.0.9') } }
  for (const one of [
    port('of-mac', { macAddress: MAC }, placed),
    port('vip', at('10.0.0.50'), placed),
    port('wishing', range('10.0.0.9'), placed),
    port('given', range('10.0.0.9'), given),
    port('member', { securityGroupRefs: [{ name: 'web' }] }, placed),
    port('on-c1', {}, { status: { node: 'c1' } }),
    port('nowhere', {}),
    port('far', { ...far, macAddress: MAC, ...at('10.0.0.50') }),
  ])
    w.put('ports', one)
  woken = wokenBy(w, portController)
})
const LAN_PORTS = ['given', 'member', 'nowhere', 'of-mac', 'on-c1', 'vip', 'wishing']

describe('a Port is woken by', () => {
  test.each<[string, Parameters<typeof woken>, string[]]>([
    [
      'its machine',
      ['instances', machine([{ portRef: { name: 'vip' } }, LAN])],
      [automaticPortName(machine([]), 1), 'vip'],
    ],
    ['its Network', ['networks', stored<Network>('lan', {})], LAN_PORTS],
    ['a Subnet of its Network', ['subnets', stored<Subnet>('v4', { ...LAN, cidr: '10.0.0.0/24' })], LAN_PORTS],
    ['its group', ['securityGroups', stored<SecurityGroup>('web', {})], ['member']],
    ['the Cloud', ['clouds', stored<Cloud>('default', {}, cluster)], ['far', ...LAN_PORTS]],
    ['no other Cloud', ['clouds', stored<Cloud>('spare', {}, cluster)], []],
    ['its node', ['computeNodes', stored<ComputeNode>('c1', {}, cluster)], ['on-c1']],
    ['another that has its MAC', ['ports', port('on-c1', { macAddress: MAC })], ['of-mac']],
    ['one that may speak for its address', ['ports', port('on-c1', range('10.0.0.50'))], ['vip']],
    ['one that may for a range, when it is nowhere', ['ports', port('on-c1', range('10.0.0.48/28'))], ['nowhere']],
    ['one that goes, when it waits for that', ['ports', port('on-c1', {}, { deleted: true })], ['wishing']],
    ['one that is gone, when it waits for that', ['ports', port('gone')], ['wishing']],
    ['not itself', ['ports', port('of-mac', { macAddress: MAC })], []],
    ['no other change of a neighbour', ['ports', port('on-c1')], []],
    ['none of another network', ['ports', port('gone', { networkRef: { name: 'third' }, macAddress: MAC })], []],
  ])('%s', (_, change, names) => {
    expect(woken(...change)).toEqual(names.map((name) => `ns/${name}`).sort())
  })
  test('the node of its machine, also before it says so itself', () => {
    w.put('instances', machine([LAN], { node: 'c3', epoch: 1 }))
    expect(woken('computeNodes', stored<ComputeNode>('c3', {}, cluster))).toEqual([`ns/${automatic}`])
  })
})

test('one that is gone is no longer taken for one whose deletion was asked for', () => {
  w.deps.deletions.add('uid-vip')
  portController(w.deps, w.stores as never).forget?.('ns/vip', port('vip'))
  expect([...w.deps.deletions]).toEqual([])
})
