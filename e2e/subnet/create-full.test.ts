// SPDX-License-Identifier: Apache-2.0
// Every field of a Subnet as a guest finds it by DHCP, and what it says to one that asks again after a change.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { SUBNET } from '../../lib/api/kinds.ts'
import type { Instance, Subnet } from '../../lib/api/types.ts'
import { addressOf, type GuestDoor } from '../harness/guest-door.ts'
import { askDhcp } from '../harness/lease.ts'
import { rowsOf } from '../harness/northbound.ts'
import { Project } from '../harness/project.ts'
import { waitForReady, waitUntilTrue } from '../harness/wait.ts'

let project: Project
let box: Instance
let door: GuestDoor
beforeAll(async () => {
  project = await Project.create('subnet-full')
  const subnet = {
    gatewayIP: '10.37.0.254',
    allocationPools: [
      { start: '10.37.0.20', end: '10.37.0.21' },
      { start: '10.37.0.30', end: '10.37.0.31' },
    ],
    dhcp: {
      leaseSeconds: 600,
      dnsNameservers: ['192.0.2.53', '192.0.2.54'],
      hostRoutes: [{ destination: '198.51.100.0/24', nextHop: '10.37.0.9' }],
    },
  }
  await project.createNetwork('net', '10.37.0.0/24', { subnet })
  ;({ box, door } = await project.bootGuests({ box: {} }))
}, 120_000)
afterAll(() => project.destroy(), 120_000)

test('the guest has an address of the pools, the gateway, the name servers, the routes and the lease', async () => {
  const { status } = await waitForReady<Subnet>(project.test.client, SUBNET, project.at('net'))
  expect(status?.gatewayIP).toBe('10.37.0.254')
  expect(['10.37.0.20', '10.37.0.21', '10.37.0.30', '10.37.0.31']).toContain(addressOf(box))
  const routes = (await door.ssh(box, 'ip route')).split('\n').map((line) => line.trim())
  expect(routes).toContainEqual(expect.stringMatching(/^default via 10\.37\.0\.254 dev eth0/))
  expect(routes).toContainEqual(expect.stringMatching(/^198\.51\.100\.0\/24 via 10\.37\.0\.9 dev eth0/))
  expect(await door.ssh(box, 'cat /etc/resolv.conf')).toBe('nameserver 192.0.2.53\nnameserver 192.0.2.54')
  expect(await askDhcp(door, box)).toMatchObject({
    ip: addressOf(box),
    mask: '24',
    lease: '600',
    dns: '192.0.2.53 192.0.2.54',
  })
}, 120_000)

const waitForLease = (what: string, accept: (lease: Record<string, string>) => boolean) =>
  waitUntilTrue(what, async () => accept(await askDhcp(door, box)) || undefined)

test('lease, name servers and routes are what DHCP says from then on, and the address stays', async () => {
  const dhcp = {
    leaseSeconds: 900,
    dnsNameservers: ['192.0.2.99'],
    hostRoutes: [{ destination: '203.0.113.0/24', nextHop: '10.37.0.7' }],
  }
  await project.patch(SUBNET, 'net', { spec: { dhcp } })
  await waitForReady(project.test.client, SUBNET, project.at('net'))
  await waitForLease('the new lease', (lease) => {
    const isNew = lease['lease'] === '900' && lease['dns'] === '192.0.2.99' && lease['ip'] === addressOf(box)
    return isNew && (lease['staticroutes'] ?? '').includes('203.0.113.0/24 10.37.0.7')
  })
}, 120_000)

test('DHCP switched off answers nobody, and on again it answers as before', async () => {
  const { metadata } = await project.test.client.get(SUBNET, project.at('net'))
  await project.patch(SUBNET, 'net', { spec: { dhcp: { enabled: false } } })
  await waitForLease('silence', (lease) => lease['ip'] === undefined)
  expect(await rowsOf(project.test, 'DHCP_Options', metadata.uid)).toEqual([])
  // The metadata service needs neither DHCP nor a Router: its address is on the link.
  expect(await door.ssh(box, 'wget -q -T 5 -O - http://169.254.169.254/latest/meta-data/hostname')).toMatch(/^box/)
  await project.patch(SUBNET, 'net', { spec: { dhcp: { enabled: true } } })
  await waitForLease('an answer', (lease) => lease['ip'] === addressOf(box) && lease['lease'] === '900')
}, 120_000)
