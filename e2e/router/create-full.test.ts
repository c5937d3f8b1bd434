// SPDX-License-Identifier: Apache-2.0
// Guests of two networks, on two nodes, reach each other through a Router in both families, and only as long as it joins them.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { ROUTER, SUBNET } from '../../lib/api/kinds.ts'
import type { Instance, Router } from '../../lib/api/types.ts'
import type { GuestDoor } from '../harness/guest-door.ts'
import * as draft from '../harness/objects.ts'
import { Project } from '../harness/project.ts'
import { waitForReady, waitUntilTrue } from '../harness/wait.ts'

const NETS = { net: ['10.71.0.0/24', 'fd00:71::/64'], far: ['10.72.0.0/24', 'fd00:72::/64'] } as const
const legs = (...names: string[]) => ({ interfaces: names.map((name) => ({ subnetRef: { name } })) })

let project: Project
let near: Instance
let far: Instance
let door: GuestDoor
beforeAll(async () => {
  project = await Project.create('router-full')
  for (const [name, [cidr, cidr6]] of Object.entries(NETS)) {
    await project.createNetwork(name, cidr)
    await project.create(SUBNET, draft.subnet(project.at(`${name}-6`), name, cidr6, { ipv6: { addressMode: 'slaac' } }))
    await waitForReady(project.test.client, SUBNET, project.at(`${name}-6`))
  }
  ;({ near, far, door } = await project.bootGuests({
    near: { availabilityZone: 'zone-a' },
    far: { availabilityZone: 'zone-b', networks: [{ networkRef: { name: 'far' } }] },
  }))
  await project.create(ROUTER, draft.router(project.at('r'), legs('net')))
  await Promise.all(['near', 'far'].map((name) => project.waitForMark(name, 'login')))
}, 180_000)
afterAll(async () => {
  await project.destroy()
  expect(await project.findLeftovers()).toEqual([])
}, 120_000)

const addressesOf = (machine: Instance) => (machine.status?.addresses ?? []).map(({ ipAddress = '' }) => ipAddress)
/** One packet, from the near guest. */
const reaches = async (address: string) =>
  (await door.ssh(near, `ping -c 1 -W 1 ${address} >/dev/null 2>&1 && echo yes || echo no`)) === 'yes'
const untilReached = (address: string, want: boolean) =>
  waitUntilTrue(
    `${address} ${want ? 'reached' : 'out of reach'}`,
    async () => (await reaches(address)) === want || undefined,
  )

test('it joins what its spec names, live, and guests reach each other in both families', async () => {
  const { client } = project.test
  const addresses = addressesOf(far)
  expect(addresses).toHaveLength(2)
  expect((await waitForReady<Router>(client, ROUTER, project.at('r'))).status?.interfaces).toHaveLength(1)
  for (const address of addresses) expect(await reaches(address)).toBe(false)

  await project.patch(ROUTER, 'r', { spec: legs('net', 'far', 'net-6', 'far-6') })
  const { status } = await waitForReady<Router>(client, ROUTER, project.at('r'))
  expect(status?.interfaces).toMatchObject([
    { subnet: 'net', ipAddress: '10.71.0.1', prefixLength: 24 },
    { subnet: 'far', ipAddress: '10.72.0.1', prefixLength: 24 },
    { subnet: 'net-6', ipAddress: 'fd00:71::1', prefixLength: 64 },
    { subnet: 'far-6', ipAddress: 'fd00:72::1', prefixLength: 64 },
  ])
  for (const address of addresses) await untilReached(address, true)

  await project.patch(ROUTER, 'r', { spec: legs('net', 'net-6', 'far-6') })
  const [v4 = '', v6 = ''] = [...addresses].sort((a, b) => a.length - b.length)
  await untilReached(v4, false)
  expect(await reaches(v6)).toBe(true)
}, 180_000)
