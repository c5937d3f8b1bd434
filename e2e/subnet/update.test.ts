// SPDX-License-Identifier: Apache-2.0
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { SUBNET } from '../../lib/api/kinds.ts'
import type { Instance } from '../../lib/api/types.ts'
import { addressOf, type GuestDoor } from '../harness/guest-door.ts'
import { askDhcp } from '../harness/lease.ts'
import { rowsOf } from '../harness/northbound.ts'
import { Project } from '../harness/project.ts'
import { waitForReady, waitUntilTrue } from '../harness/wait.ts'

let project: Project
let box: Instance
let door: GuestDoor
beforeAll(async () => {
  project = await Project.create('subnet-update', { net: '10.38.0.0/24' })
  ;({ box, door } = await project.bootGuests({ box: {} }))
}, 120_000)
afterAll(() => project.destroy(), 120_000)

const waitForLease = (what: string, accept: (lease: Record<string, string>) => boolean) =>
  waitUntilTrue(what, async () => accept(await askDhcp(door, box)) || undefined)

test('lease, name servers and routes are what DHCP says from then on, and the address stays', async () => {
  const dhcp = {
    leaseSeconds: 900,
    dnsNameservers: ['192.0.2.99'],
    hostRoutes: [{ destination: '203.0.113.0/24', nextHop: '10.38.0.7' }],
  }
  await project.patch(SUBNET, 'net', { spec: { dhcp } })
  await waitForReady(project.test.client, SUBNET, project.at('net'))
  await waitForLease('the new lease', (lease) => {
    const isNew = lease['lease'] === '900' && lease['dns'] === '192.0.2.99' && lease['ip'] === addressOf(box)
    return isNew && (lease['staticroutes'] ?? '').includes('203.0.113.0/24 10.38.0.7')
  })
}, 120_000)

test('DHCP switched off answers nobody, and on again it answers as before', async () => {
  const { metadata } = await project.test.client.get(SUBNET, project.at('net'))
  await project.patch(SUBNET, 'net', { spec: { dhcp: { enabled: false } } })
  await waitForLease('silence', (lease) => lease['ip'] === undefined)
  expect(await rowsOf(project.test, 'DHCP_Options', metadata.uid)).toEqual([])
  await project.patch(SUBNET, 'net', { spec: { dhcp: { enabled: true } } })
  await waitForLease('an answer', (lease) => lease['ip'] === addressOf(box) && lease['lease'] === '900')
}, 120_000)
