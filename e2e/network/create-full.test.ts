// SPDX-License-Identifier: Apache-2.0
// Every field of a Network, as a guest on it finds them, and what of it changes while the guest runs.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { NETWORK } from '../../lib/api/kinds.ts'
import type { Instance, Network } from '../../lib/api/types.ts'
import { addressOf, type GuestDoor } from '../harness/guest-door.ts'
import { askDhcp } from '../harness/lease.ts'
import { Project } from '../harness/project.ts'
import { waitForObject, waitForReady, waitUntilTrue } from '../harness/wait.ts'

let project: Project
let box: Instance
let door: GuestDoor
beforeAll(async () => {
  project = await Project.create('net-full')
  const network = {
    mtu: 1300,
    dnsDomain: 'team.example.com',
    portSecurityEnabled: false,
    sharedWith: [{ namespace: '*' }],
    deletionProtection: true,
  }
  await project.createNetwork('net', '10.33.0.0/24', { network })
  ;({ box, door } = await project.bootGuests({ box: {} }))
}, 120_000)
afterAll(async () => {
  await project.patch(NETWORK, 'net', { spec: { deletionProtection: false } })
  await project.destroy()
  expect(await project.findLeftovers()).toEqual([])
}, 120_000)

test('MTU and domain reach the guest by DHCP', async () => {
  const { status } = await waitForReady<Network>(project.test.client, NETWORK, project.at('net'))
  expect(status?.mtu).toBe(1300)
  expect(await door.ssh(box, 'cat /sys/class/net/eth0/mtu')).toBe('1300')
  expect(await askDhcp(door, box)).toMatchObject({ ip: addressOf(box), mtu: '1300', domain: 'team.example.com' })
}, 120_000)

test('without port security nothing is filtered, and foreign addresses may send', async () => {
  // No rule of a group lets ping in from this address: it is of no range of the network.
  await door.alias('add', '172.31.9.1/24')
  await door.ssh(box, 'ip address add 172.31.9.2/24 dev eth0')
  expect(await door.pings('172.31.9.2')).toBe(true)
}, 60_000)

test('under deletion protection it is not deleted', async () => {
  await expect(project.test.client.remove(NETWORK, project.at('net'))).rejects.toThrow(/deletion protection/)
})

test('a smaller MTU and another domain are in the next lease; the running machine keeps its own until then', async () => {
  expect(await askDhcp(door, box)).toMatchObject({ mtu: '1300' })
  await project.patch(NETWORK, 'net', { spec: { mtu: 1280, dnsDomain: 'later.example.com' } })
  const has = (n: Network | undefined) => n?.status?.mtu === 1280
  await waitForObject<Network>(project.test.client, NETWORK, project.at('net'), has, { what: 'an MTU of 1280' })
  await waitUntilTrue('the lease', async () => {
    const lease = await askDhcp(door, box)
    return (lease['mtu'] === '1280' && lease['domain'] === 'later.example.com') || undefined
  })
  expect(await door.ssh(box, 'cat /sys/class/net/eth0/mtu')).toBe('1300')
  expect((await project.waitActive('box')).status?.state).toBe('ACTIVE')
}, 120_000)

test('port security switched on, off and on again, felt by a guest that sends under another address', async () => {
  const passes = async () => (await door.pings('172.31.9.2', 1)) || undefined
  const isStopped = async () => !(await door.pings('172.31.9.2', 1)) || undefined
  const secure = (portSecurityEnabled: boolean) => project.patch(NETWORK, 'net', { spec: { portSecurityEnabled } })

  await secure(true)
  await waitUntilTrue('the foreign address to be stopped', isStopped)
  expect(await passes()).toBeUndefined()
  await secure(false)
  await waitUntilTrue('the foreign address to pass', passes)
  await secure(true)
  await waitUntilTrue('the foreign address to be stopped again', isStopped)
}, 120_000)
