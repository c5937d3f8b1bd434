// SPDX-License-Identifier: Apache-2.0
// What changes on a Network that machines use: DHCP says it at their next lease, port security at once.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { NETWORK } from '../../lib/api/kinds.ts'
import type { Instance, Network } from '../../lib/api/types.ts'
import type { GuestDoor } from '../harness/guest-door.ts'
import { askDhcp } from '../harness/lease.ts'
import { Project } from '../harness/project.ts'
import { waitForObject, waitUntilTrue } from '../harness/wait.ts'

let project: Project
let box: Instance
let door: GuestDoor
beforeAll(async () => {
  project = await Project.create('net-update', { net: '10.34.0.0/24' })
  ;({ box, door } = await project.bootGuests({ box: {} }))
}, 120_000)
afterAll(() => project.destroy(), 120_000)

test('a smaller MTU and a domain are in the next lease; the running machine keeps its own until then', async () => {
  expect(await askDhcp(door, box)).toMatchObject({ mtu: '1442' })
  await project.patch(NETWORK, 'net', { spec: { mtu: 1280, dnsDomain: 'later.example.com' } })
  const has = (n: Network | undefined) => n?.status?.mtu === 1280
  await waitForObject<Network>(project.test.client, NETWORK, project.at('net'), has, { what: 'an MTU of 1280' })
  await waitUntilTrue('the lease', async () => {
    const lease = await askDhcp(door, box)
    return (lease['mtu'] === '1280' && lease['domain'] === 'later.example.com') || undefined
  })
  expect(await door.ssh(box, 'cat /sys/class/net/eth0/mtu')).toBe('1442')
  expect((await project.waitActive('box')).status?.state).toBe('ACTIVE')
}, 120_000)

test('port security switched off and on again, felt by a guest that sends under another address', async () => {
  await door.alias('add', '172.31.8.1/24')
  await door.ssh(box, 'ip address add 172.31.8.2/24 dev eth0')
  const passes = async () => (await door.pings('172.31.8.2', 1)) || undefined
  const isStopped = async () => !(await door.pings('172.31.8.2', 1)) || undefined

  expect(await passes()).toBeUndefined()
  await project.patch(NETWORK, 'net', { spec: { portSecurityEnabled: false } })
  await waitUntilTrue('the foreign address to pass', passes)
  await project.patch(NETWORK, 'net', { spec: { portSecurityEnabled: true } })
  await waitUntilTrue('the foreign address to be stopped', isStopped)
}, 120_000)
